"""Names of Python's own vocabulary that the templates reason with: methods by kind, results of calls, families."""

from __future__ import annotations

from collections.abc import Mapping


def words(text: str) -> tuple[str, ...]:
    """The words of a text, for tables that read better as prose."""
    return tuple(text.split())


STRING_METHODS = frozenset(
    words(
        "lower upper strip lstrip rstrip split rsplit splitlines startswith endswith title capitalize casefold "
        "swapcase isdigit isalpha isalnum isdecimal isnumeric isspace isupper islower isidentifier zfill ljust rjust "
        "center partition rpartition encode format join replace expandtabs removeprefix removesuffix translate"
    )
)
LIST_METHODS = frozenset(words("append extend insert sort reverse popleft appendleft"))
DICT_METHODS = frozenset(words("items keys values get setdefault popitem"))
SET_METHODS = frozenset(
    words(
        "add discard union intersection difference issubset issuperset symmetric_difference isdisjoint "
        "intersection_update difference_update"
    )
)
METHODS_OF: Mapping[str, frozenset[str]] = {
    "str": STRING_METHODS,
    "list": LIST_METHODS,
    "dict": DICT_METHODS,
    "set": SET_METHODS,
}
KIND_OF_METHOD: Mapping[str, str] = {method: kind for kind, methods in METHODS_OF.items() for method in methods}
MUTATORS = frozenset(
    words(
        "append extend insert sort reverse pop popleft appendleft add discard remove update clear setdefault popitem "
        "extendleft rotate intersection_update difference_update write put push"
    )
)
CALL_RESULTS: Mapping[str, str] = {
    **dict.fromkeys(words("len int ord hash id"), "int"),
    **dict.fromkeys(words("round abs sum Decimal Fraction"), "number"),
    **dict.fromkeys(words("str repr chr format input"), "str"),
    **dict.fromkeys(words("bool isinstance issubclass hasattr callable any all"), "bool"),
    **dict.fromkeys(words("list sorted deque"), "list"),
    **dict.fromkeys(words("dict defaultdict OrderedDict Counter"), "dict"),
    **dict.fromkeys(words("set frozenset"), "set"),
    **dict.fromkeys(words("reversed range enumerate zip map filter iter"), "iterator"),
    "float": "float",
    "tuple": "tuple",
    "bytes": "bytes",
}
METHOD_RESULTS: Mapping[str, str] = {
    **dict.fromkeys(words("split rsplit splitlines readlines"), "list"),
    **dict.fromkeys(words("partition rpartition"), "tuple"),
    **dict.fromkeys(words("find rfind index rindex count bit_length"), "int"),
    **dict.fromkeys(words("union intersection difference symmetric_difference"), "set"),
    **dict.fromkeys(words("items keys values"), "iterator"),
    **dict.fromkeys(
        words(
            "lower upper strip lstrip rstrip title capitalize casefold swapcase zfill ljust rjust center replace join "
            "format decode group isoformat strftime removeprefix removesuffix"
        ),
        "str",
    ),
    **dict.fromkeys(
        words(
            "startswith endswith isdigit isalpha isalnum isdecimal isnumeric isspace isupper islower issubset "
            "issuperset isdisjoint is_integer exists is_file is_dir"
        ),
        "bool",
    ),
    "encode": "bytes",
}
ANNOTATIONS: Mapping[str, str] = {
    **{name: name for name in words("int float str bytes bool list dict set tuple")},
    **dict.fromkeys(words("List Sequence MutableSequence deque"), "list"),
    **dict.fromkeys(words("Dict Mapping MutableMapping defaultdict Counter OrderedDict"), "dict"),
    **dict.fromkeys(words("Set frozenset FrozenSet"), "set"),
    **dict.fromkeys(words("Iterable Iterator Generator"), "iterator"),
    "Tuple": "tuple",
    "Callable": "function",
    "None": "none",
    "Decimal": "number",
    "Text": "str",
}
SIMILAR_METHODS: tuple[tuple[str, ...], ...] = tuple(
    words(family)
    for family in (
        "append extend insert add appendleft",
        "add update",
        "append push put",
        "extend update extendleft",
        "pop popleft popitem",
        "remove discard pop",
        "lower upper casefold title capitalize swapcase",
        "strip lstrip rstrip",
        "removeprefix removesuffix lstrip rstrip strip",
        "find index rfind rindex count",
        "get setdefault pop",
        "keys values items",
        "startswith endswith",
        "split rsplit partition rpartition splitlines",
        "isdigit isdecimal isalpha isalnum isnumeric isspace",
        "islower isupper istitle",
        "union intersection difference symmetric_difference update",
        "issubset issuperset isdisjoint",
        "intersection_update difference_update update",
        "ljust rjust center zfill",
        "match search fullmatch",
        "findall finditer search",
        "group groups groupdict",
        "sub subn",
        "year month day",
        "hour minute second microsecond",
        "weekday isoweekday",
        "days seconds total_seconds",
        "read readline readlines",
        "write writelines",
        "now utcnow today",
        "start end span",
        "left right",
        "head tail",
        "first last",
        "next prev",
        "min max",
        "width height",
        "row col",
        "rows cols",
        "lineno col_offset",
        "encode decode",
        "acquire release",
        "name stem suffix parent",
        "exists is_file is_dir",
        "numerator denominator",
        "real imag",
    )
)
SIMILAR_FUNCTIONS: tuple[tuple[str, ...], ...] = tuple(
    words(family)
    for family in (
        "min max",
        "any all",
        "sorted reversed list",
        "floor ceil trunc round",
        "int float round",
        "int round str float bool abs",
        "list tuple set sorted iter frozenset",
        "str repr",
        "isinstance issubclass",
        "getattr hasattr",
        "sum max len",
        "zip zip_longest",
        "map filter",
        "filter filterfalse",
        "takewhile dropwhile",
        "permutations combinations combinations_with_replacement product",
        "heappush heappop heapify heappushpop heapreplace",
        "nlargest nsmallest",
        "bisect bisect_left bisect_right",
        "insort insort_left insort_right",
        "ord chr",
        "copy deepcopy",
        "log log2 log10",
        "sin cos tan",
        "dict OrderedDict defaultdict",
        "match search fullmatch",
        "quote unquote quote_plus unquote_plus",
        "dumps dump",
        "loads load",
        "warn warning",
        "debug info warning error",
        "dirname basename",
        "abspath realpath normpath",
        "isfile isdir exists",
        "lru_cache cache",
        "print repr",
        "divmod pow",
        "sum prod",
        "iter next",
    )
)


def family_of(name: str, families: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Names that are confused with `name`, closest first; () when it belongs to no family."""
    found: dict[str, None] = {}
    for family in families:
        if name in family:
            at = family.index(name)
            found.update(dict.fromkeys(sorted(family, key=lambda other: abs(family.index(other) - at))))
    found.pop(name, None)
    return tuple(found)
