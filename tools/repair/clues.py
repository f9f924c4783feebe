"""What the failures' own messages say: clues for templates, each with the lines of its traceback.

Messages come from the repository's tests and are hostile: cut to a bounded length, matched with linear patterns, and
values read with `ast.literal_eval` only.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tools.localize.texts import compared
from tools.values import Crash

MAX_CLUES = 40
MAX_MESSAGE = 2_000
_VALUE_LIMIT = 600


@dataclass(frozen=True, slots=True)
class Clue:
    """One thing a message says. places: (file, line) of frames inside the workspace, innermost first."""

    kind: str
    names: tuple[str, ...] = ()
    places: tuple[tuple[str, int], ...] = ()


_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("undefined-name", r"name '(\w+)' is not defined(?:\. Did you mean: '(\w+)')?"),
        ("undefined-name", r"name '(\w+)' is not defined. Did you forget to import '(\w+)'"),
        ("unbound-local", r"(?:local|free) variable '?(\w+)'? (?:referenced|where)"),
        ("unbound-local", r"cannot access (?:local|free) variable '(\w+)'"),
        ("none-value", r"'NoneType' object "),
        ("none-value", r"unsupported operand type\(s\) for .{1,8}: .{0,40}'NoneType'"),
        ("none-value", r"argument of type 'NoneType'"),
        ("none-value", r"not supported between instances of .{0,60}'NoneType'"),
        ("none-value", r"not 'NoneType'|not NoneType|got 'NoneType'"),
        ("no-attribute", r"'([\w.]+)' object has no attribute '(\w+)'"),
        ("no-attribute", r"type object '([\w.]+)' has no attribute '(\w+)'"),
        ("no-attribute", r"module '([\w.]+)' has no attribute '(\w+)'"),
        ("operand-types", r"unsupported operand type\(s\) for (.{1,16}?): '([\w.]+)' and '([\w.]+)'"),
        ("concatenate", r'can only concatenate (\w+) \(not "([\w.]+)"\) to'),
        ("concatenate", r"must be (str), not (\w+)"),
        ("join-item", r"sequence item \d+: expected (\w+) instance, ([\w.]+) found"),
        ("compare-types", r"'(.{1,2})' not supported between instances of '([\w.]+)' and '([\w.]+)'"),
        ("format-arguments", r"not (all|enough) arguments (?:converted during string formatting|for format string)"),
        ("not-serializable", r"Object of type (\w+) is not JSON serializable"),
        ("naive-aware", r"offset-naive and offset-aware|offset-aware and offset-naive"),
        (
            "bytes-text",
            r"a (bytes)-like object is required, not 'str'|(text) pattern|argument must be (bytes), not str",
        ),
        (
            "bytes-text",
            r"cannot use a (string) pattern on a bytes|must be (str), not bytes|cannot use a (bytes) pattern",
        ),
        ("bytes-text", r"first arg must be (bytes) or a tuple|first arg must be (str) or a tuple"),
        ("too-many-arguments", r"(\w+)\(\) takes (?:from )?(\w+)[^.]{0,30} positional arguments? but (\d+)"),
        ("too-many-arguments", r"(\w+)\(\) takes (no) arguments"),
        ("too-many-arguments", r"(\w+)\(\) takes exactly (one) argument \((\d+) given\)"),
        ("too-many-arguments", r"(\w+) expected at most (\d+) arguments?, got (\d+)"),
        ("missing-arguments", r"(\w+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.{1,200})"),
        ("unexpected-keyword", r"(\w+)\(\) got an unexpected keyword argument '(\w+)'"),
        ("multiple-values", r"(\w+)\(\) got multiple values for argument '(\w+)'"),
        ("bytes-text", r"can't concat (str) to bytes|(string) argument expected, got 'bytes'"),
        ("argument-type", r"expected (str), bytes or os\.PathLike object, not (\w+)"),
        ("not-callable", r"'([\w.]+)' object is not callable"),
        ("not-subscriptable", r"'([\w.]+)' object is not subscriptable"),
        ("not-subscriptable", r"'([\w.]+)' object has no attribute '__getitem__'"),
        ("no-item-assignment", r"'(\w+)' object does not support item (?:assignment|deletion)"),
        ("not-iterable", r"'([\w.]+)' object is not (?:iterable|an iterator|reversible)"),
        ("not-iterable", r"cannot unpack non-iterable ([\w.]+) object"),
        ("not-iterable", r"(?:Value|argument) after \*{1,2} must be an? (?:iterable|mapping), not ([\w.]+)"),
        ("no-context", r"'([\w.]+)' object does not support the (?:asynchronous )?context manager protocol"),
        ("no-context", r"'?([\w.]*)'?(?: object has no attribute '|^)__a?enter__"),
        ("not-iterable", r"argument of type '(\w+)' is not iterable"),
        ("no-len", r"object of type '(\w+)' has no len"),
        ("unhashable", r"unhashable type: '(\w+)'"),
        ("index-type", r"(?:list|tuple|string|str) (?:indices|index) must be integers[^,]*, not '?(\w+)"),
        ("index-type", r"(string) indices must be integers$"),
        ("index-type", r"'(\w+)' object cannot be interpreted as an integer"),
        ("index-type", r"(slice) indices must be integers"),
        ("argument-type", r"(?:must be|expected|argument must be) (\w+)[^.]{0,60}, (?:not|got) '?(\w+)"),
        ("await-missing", r"'coroutine' object |coroutine '([\w.]+)' was never awaited"),
        ("await-wrong", r"object (\w+) can't be used in 'await' expression"),
        ("index-range", r"(?:index|range|assignment index) out of range|from an? empty (?:list|deque|set)"),
        ("unpack", r"not enough values to unpack \(expected (\w+)[^,]*, got (\d+)"),
        ("unpack", r"(too) many values to unpack"),
        ("invalid-literal", r"invalid literal for int\(\) with base \d+: (.{0,80})"),
        ("invalid-literal", r"could not convert string to float:? (.{0,80})"),
        ("invalid-literal", r"ConversionSyntax|Invalid literal for Fraction: (.{0,80})"),
        ("empty-sequence", r"(\w+)\(\) (?:arg|iterable argument) is (?:an )?empty"),
        ("not-found", r"substring not found|is not in (?:list|tuple|deque)|\.(?:remove|index)\(x\): x not in"),
        ("zero-division", r"division (?:or modulo )?by zero|modulo by zero"),
        ("recursion", r"maximum recursion depth"),
        ("circular-import", r"partially initialized module '([\w.]+)'"),
        ("import-name", r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'"),
        ("no-module", r"No module named '([\w.]+)'"),
        ("changed-size", r"changed (?:size )?during iteration|mutated during iteration"),
        ("stop-iteration", r"generator raised StopIteration"),
        ("frozen", r"cannot assign to field '(\w+)'|can't set attribute '(\w+)'"),
        ("read-only", r"can't (?:set|delete) attribute|property(?: '\w+')?.{0,60} has no (?:setter|deleter)"),
        ("mutable-default", r"mutable default <class '(\w+)'> for field (\w+)"),
        ("abstract", r"abstract class (\w+) with(?:out an implementation for)? abstract methods? '?(\w+)"),
        ("bad-pattern", r"nothing to repeat|unterminated (?:sub|char)|unbalanced parenthesis|bad escape|bad character"),
        ("bad-result", r"(__\w+__)(?:\(\))? (?:method )?(?:returned non-|should return )(?:an? )?(\w+)"),
        ("bad-result", r"(iter)\(\) returned non-iterator of type '(\w+)'"),
        ("did-not-raise", r"DID NOT RAISE.{0,20}?([A-Z]\w+)'?[>)]?|(?:^|\s)(\w+(?:Error|Exception)) not raised"),
        ("takes-no-decorator", r"'(staticmethod|classmethod|property)' object"),
        (
            "missing-return",
            r"__init__\(\) should return None|returned (None|NotImplemented)|non-iterator of type 'NoneType'",
        ),
    )
)
_BY_KIND = {
    "IndexError": "index-range",
    "RecursionError": "recursion",
    "StopIteration": "stop-iteration",
    "ZeroDivisionError": "zero-division",
    "Timeout": "timeout",
    "UnicodeDecodeError": "encoding",
    "UnicodeEncodeError": "encoding",
    "FrozenInstanceError": "frozen",
}

_NO_EXCEPTIONS = frozenset({"AssertionError", "Failed", "Timeout", "ExitCode", "SystemExit", "KeyboardInterrupt"})


def clues(crashes: Sequence[Crash]) -> tuple[Clue, ...]:
    """The clues of all failures, without repeats, at most MAX_CLUES."""
    found: dict[Clue, None] = {}
    for crash in crashes:
        for clue in _read(crash):
            found[clue] = None
        if len(found) >= MAX_CLUES:
            break
    return tuple(found)[:MAX_CLUES]


def _read(crash: Crash) -> Iterator[Clue]:
    places = tuple((f.file, f.line) for f in reversed(crash.frames) if f.inside)[:12]
    message = crash.message[:MAX_MESSAGE]
    kind = crash.kind.rpartition(".")[2]
    seen = set()
    for name, pattern in _PATTERNS:
        match = pattern.search(message)
        if match:
            seen.add(name)
            yield Clue(name, tuple(group or "" for group in match.groups()), places)
    if kind == "KeyError":
        yield Clue("key-missing", (message.strip()[:200],), places)
    elif kind in _BY_KIND and _BY_KIND[kind] not in seen:
        yield Clue(_BY_KIND[kind], (), places)
    if kind.isidentifier() and kind not in _NO_EXCEPTIONS:
        yield Clue("raised", (kind,), places)
    elif kind in ("AssertionError", "Failed", ""):
        for relation in _relations(message or crash.text[:MAX_MESSAGE]):
            yield Clue(relation, (), places)
        texts = compared(crash)
        if texts is not None:
            yield Clue("two-texts", texts, places)


_COMPARISONS = (" == ", " != ", " is not ", " is ", " not in ", " in ", " <= ", " >= ", " < ", " > ")
_PREFIX = re.compile(r"^(?:E\s+)?(?:AssertionError: )?(?:assert )?(?:\w+ differ: )?")


def _relations(message: str) -> Iterator[str]:
    """How the two values of a failed comparison differ, as names of clues."""
    for line in message.splitlines()[:6]:
        text = _PREFIX.sub("", line.strip(), count=1)
        pair = _values(text)
        if pair is not None:
            yield from dict.fromkeys(_difference(*pair))
            return
        if re.match(r"(?:True|False) is not (?:true|false)|assert (?:not )?(?:True|False)$", text):
            yield "differs-bool"
            return
        if "unexpectedly None" in text or text.startswith("None is not") or re.match(r"assert None\b", text):
            yield "got-none"
            return


def _values(text: str) -> tuple[object, object] | None:
    """Both sides of `a == b` when they are literals."""
    if len(text) > _VALUE_LIMIT * 2:
        return None
    for sign in _COMPARISONS:
        at = text.find(sign)
        for _ in range(6):
            if at < 0:
                break
            left, right = _literal(text[:at]), _literal(text[at + len(sign) :].rstrip(" ."))
            if left is not None and right is not None:
                return left[0], right[0]
            at = text.find(sign, at + 1)
    return None


def _literal(text: str) -> tuple[object] | None:
    """The value, in a tuple so that None can be told from failure."""
    text = re.sub(r"^(?:Decimal|Fraction|OrderedDict|deque|frozenset)\((.*)\)$", r"\1", text.strip())
    if not text or len(text) > _VALUE_LIMIT:
        return None
    if text == "set()":
        return (set(),)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return (ast.literal_eval(text),)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _difference(first: object, second: object) -> Iterator[str]:
    if first is None or second is None:
        yield "got-none"
    elif isinstance(first, bool) and isinstance(second, bool):
        yield "differs-bool"
    elif isinstance(first, int | float) and isinstance(second, int | float):
        yield from _number_difference(first, second)
    elif isinstance(first, str) and isinstance(second, str):
        yield from _text_difference(first, second)
    elif isinstance(first, list | tuple) and isinstance(second, list | tuple):
        yield from _sequence_difference(first, second)
    elif isinstance(first, dict) and isinstance(second, dict):
        yield "differs-keys" if first.keys() != second.keys() else "differs-entries"
    elif type(first) is not type(second):
        yield "differs-type"


def _number_difference(first: float, second: float) -> Iterator[str]:
    if abs(first - second) == 1:
        yield "off-by-one"
    if first == -second:
        yield "differs-sign"
    if first in (0, 1) or second in (0, 1):
        yield "differs-trivial"
    if abs(first - second) < 1:
        yield "differs-rounding"


def _text_difference(first: str, second: str) -> Iterator[str]:
    if first.casefold() == second.casefold():
        yield "differs-case"
    if first.split() == second.split():
        yield "differs-space"
    yield from _sequence_difference(list(first), list(second))


def _sequence_difference(first: Iterable[object], second: Iterable[object]) -> Iterator[str]:
    one, other = list(first), list(second)
    if type(first) is not type(second) and one == other:
        yield "differs-type"
    if one == other[::-1]:
        yield "reversed"
    elif sorted(map(repr, one)) == sorted(map(repr, other)):
        yield "differs-order"
    elif len(one) != len(other) and {repr(x) for x in one} == {repr(x) for x in other}:
        yield "differs-repeats"
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) == 1:
        yield "off-by-one"
    if not shorter:
        yield "got-empty"
    elif len(shorter) < len(longer) and shorter in (longer[: len(shorter)], longer[-len(shorter) :]):
        yield "differs-ends"
