"""Where the standard library keeps its names, what was renamed in it, and what other languages call its methods."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache

from tools.repair.vocabulary import words

_MEMBERS: Mapping[str, str] = {
    "collections": "defaultdict Counter OrderedDict namedtuple deque ChainMap UserDict UserList",
    "collections.abc": "Mapping MutableMapping Sequence MutableSequence Iterable Iterator Callable Hashable Set "
    "MutableSet Sized Container Generator Awaitable KeysView ItemsView ValuesView",
    "typing": "Any Optional Union List Dict Tuple Set Callable Iterable Iterator Sequence Mapping TypeVar Generic "
    "NamedTuple Literal ClassVar Protocol TYPE_CHECKING cast overload Type TypedDict Final",
    "functools": "reduce partial wraps lru_cache cache cached_property total_ordering cmp_to_key singledispatch",
    "itertools": "chain product permutations combinations combinations_with_replacement groupby islice zip_longest "
    "accumulate count cycle repeat starmap takewhile dropwhile tee filterfalse pairwise compress",
    "dataclasses": "dataclass field fields asdict astuple is_dataclass",
    "datetime": "datetime timedelta timezone date tzinfo",
    "decimal": "Decimal ROUND_HALF_UP ROUND_HALF_EVEN ROUND_DOWN InvalidOperation getcontext localcontext",
    "fractions": "Fraction",
    "pathlib": "Path PurePath PurePosixPath",
    "math": "sqrt ceil floor log log2 log10 exp sin cos tan atan2 hypot isclose isnan isinf isqrt gcd lcm factorial "
    "prod pi inf nan radians degrees comb fsum trunc",
    "enum": "Enum IntEnum auto Flag IntFlag unique",
    "abc": "ABC abstractmethod ABCMeta",
    "contextlib": "contextmanager suppress closing ExitStack redirect_stdout nullcontext asynccontextmanager",
    "copy": "deepcopy",
    "io": "StringIO BytesIO TextIOWrapper",
    "json": "JSONDecodeError JSONEncoder",
    "operator": "itemgetter attrgetter methodcaller mul",
    "heapq": "heappush heappop heapify nlargest nsmallest heapreplace heappushpop",
    "bisect": "bisect_left bisect_right insort insort_left insort_right",
    "random": "randint shuffle choice choices sample uniform randrange",
    "time": "sleep perf_counter monotonic strftime",
    "os": "environ getcwd listdir makedirs getenv PathLike",
    "os.path": "join exists dirname basename abspath splitext isfile isdir expanduser",
    "urllib.parse": "urlparse urljoin quote unquote urlencode parse_qs quote_plus urlsplit",
    "urllib.request": "urlopen Request",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits punctuation whitespace Template",
    "subprocess": "Popen PIPE CalledProcessError check_output",
    "threading": "Thread Lock RLock Event Condition",
    "queue": "Queue PriorityQueue Empty",
    "statistics": "mean median stdev",
    "types": "SimpleNamespace MappingProxyType ModuleType FunctionType MethodType",
    "uuid": "uuid4 UUID",
    "textwrap": "dedent indent",
    "tempfile": "NamedTemporaryFile TemporaryDirectory mkdtemp mkstemp",
    "warnings": "warn",
    "traceback": "format_exc print_exc",
    "struct": "pack unpack",
    "html": "escape",
    "glob": "glob",
    "pprint": "pprint pformat",
    "argparse": "ArgumentParser Namespace",
    "concurrent.futures": "ThreadPoolExecutor ProcessPoolExecutor as_completed",
    "zoneinfo": "ZoneInfo",
    "difflib": "SequenceMatcher get_close_matches",
    "inspect": "signature getsource isclass isfunction",
    "importlib": "import_module reload",
    "numbers": "Number Integral Real",
    "base64": "b64encode b64decode",
    "hashlib": "md5 sha1 sha256",
}
_ALIASES: Mapping[str, str] = {
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "plt": "import matplotlib.pyplot as plt",
    "dt": "import datetime as dt",
    "ET": "import xml.etree.ElementTree as ET",
    "mp": "import multiprocessing as mp",
}
MODULES_NOW: Mapping[str, str] = {
    "ConfigParser": "configparser",
    "Queue": "queue",
    "StringIO": "io",
    "cStringIO": "io",
    "urlparse": "urllib.parse",
    "urllib2": "urllib.request",
    "httplib": "http.client",
    "cPickle": "pickle",
    "Tkinter": "tkinter",
    "HTMLParser": "html.parser",
    "BaseHTTPServer": "http.server",
    "SocketServer": "socketserver",
    "cookielib": "http.cookiejar",
    "__builtin__": "builtins",
    "thread": "_thread",
    "commands": "subprocess",
    "imp": "importlib",
    "sets": "collections",
    "tomli": "tomllib",
    "backports.zoneinfo": "zoneinfo",
    "importlib_metadata": "importlib.metadata",
    "simplejson": "json",
    "mock": "unittest.mock",
}
NAMES_NOW: Mapping[tuple[str, str], str] = {
    ("time", "clock"): "perf_counter",
    ("string", "letters"): "ascii_letters",
    ("string", "lowercase"): "ascii_lowercase",
    ("string", "uppercase"): "ascii_uppercase",
    ("string", "maketrans"): "str.maketrans",
    ("os", "getcwdu"): "getcwd",
    ("os", "errno"): "errno",
    ("inspect", "getargspec"): "getfullargspec",
    ("itertools", "izip"): "zip",
    ("itertools", "imap"): "map",
    ("itertools", "ifilter"): "filter",
    ("itertools", "izip_longest"): "zip_longest",
    ("itertools", "ifilterfalse"): "filterfalse",
    ("fractions", "gcd"): "math.gcd",
    ("cgi", "escape"): "html.escape",
    ("platform", "linux_distribution"): "platform",
    ("sys", "maxint"): "maxsize",
    ("asyncio", "get_running_task"): "current_task",
    ("asyncio", "async"): "ensure_future",
    ("thread", "get_ident"): "get_ident",
    ("base64", "encodestring"): "encodebytes",
    ("base64", "decodestring"): "decodebytes",
    ("inspect", "getmoduleinfo"): "getmodulename",
    ("math", "inf_"): "inf",
    ("json", "read"): "loads",
    ("json", "write"): "dumps",
    ("re", "find"): "search",
    ("re", "matchall"): "findall",
    ("random", "rand"): "random",
    ("types", "StringType"): "str",
    ("types", "ListType"): "list",
    ("types", "NoneType"): "NoneType",
    ("unittest", "makeSuite"): "defaultTestLoader.loadTestsFromTestCase",
}
BUILTINS_NOW: Mapping[str, tuple[str, ...]] = {
    "xrange": ("range",),
    "unicode": ("str",),
    "basestring": ("str",),
    "long": ("int",),
    "raw_input": ("input",),
    "unichr": ("chr",),
    "true": ("True",),
    "false": ("False",),
    "null": ("None",),
    "none": ("None",),
    "nil": ("None",),
    "undefined": ("None",),
    "NaN": ("float('nan')",),
    "nan": ("float('nan')",),
    "inf": ("float('inf')",),
    "Infinity": ("float('inf')",),
    "this": ("self",),
    "cmp": ("lambda a, b: (a > b) - (a < b)",),
    "length": ("len",),
    "string": ("str",),
    "boolean": ("bool",),
    "StandardError": ("Exception",),
}
METHODS_NOW: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("dict", "iteritems"): ("items",),
    ("dict", "itervalues"): ("values",),
    ("dict", "iterkeys"): ("keys",),
    ("dict", "viewitems"): ("items",),
    ("dict", "add"): ("update",),
    ("dict", "append"): ("update",),
    ("dict", "remove"): ("pop",),
    ("dict", "sort"): ("keys",),
    ("list", "add"): ("append",),
    ("list", "push"): ("append",),
    ("list", "push_back"): ("append",),
    ("list", "update"): ("extend",),
    ("list", "concat"): ("extend",),
    ("list", "addAll"): ("extend",),
    ("list", "discard"): ("remove",),
    ("list", "popleft"): ("pop",),
    ("list", "appendleft"): ("append",),
    ("set", "append"): ("add",),
    ("set", "push"): ("add",),
    ("set", "extend"): ("update",),
    ("set", "insert"): ("add",),
    ("set", "delete"): ("discard",),
    ("deque", "push"): ("append",),
    ("deque", "shift"): ("popleft",),
    ("deque", "pop_front"): ("popleft",),
    ("deque", "add"): ("append",),
    ("str", "trim"): ("strip",),
    ("str", "toLowerCase"): ("lower",),
    ("str", "toUpperCase"): ("upper",),
    ("str", "tolower"): ("lower",),
    ("str", "toupper"): ("upper",),
    ("str", "contains"): ("__contains__",),
    ("str", "indexOf"): ("find",),
    ("str", "startsWith"): ("startswith",),
    ("str", "starts_with"): ("startswith",),
    ("str", "endsWith"): ("endswith",),
    ("generator", "next"): ("__next__",),
    ("list_iterator", "next"): ("__next__",),
}
TYPES: Mapping[str, type] = {
    t.__name__: t
    for t in (str, bytes, bytearray, list, dict, set, frozenset, tuple, int, float, complex, bool, range, object)
}

SPECIAL_METHODS = words(
    "__init__ __new__ __str__ __repr__ __eq__ __hash__ __len__ __iter__ __next__ __call__ __getitem__ __setitem__ "
    "__delitem__ __contains__ __enter__ __exit__ __aenter__ __aexit__ __lt__ __le__ __gt__ __ge__ __ne__ __add__ "
    "__radd__ __iadd__ __sub__ __mul__ __rmul__ __truediv__ __floordiv__ __mod__ __pow__ __and__ __or__ __neg__ "
    "__abs__ __bool__ __int__ __float__ __getattr__ __setattr__ __post_init__ __missing__ __reversed__ __format__ "
    "__copy__ __deepcopy__ __get__ __set__ __set_name__ __init_subclass__ __class_getitem__ __del__ __index__ __bytes__"
)
_SAFE_MODULES = frozenset(
    {"math", "os", "os.path", "re", "string", "json", "time", "datetime", "random", "itertools", "functools",
     "operator", "collections", "copy", "heapq", "bisect", "textwrap", "statistics", "decimal", "fractions", "shutil",
     "sys", "io", "inspect", "types", "csv", "struct", "enum", "calendar", "base64", "hashlib", "posixpath"}
)  # fmt: skip


@lru_cache(maxsize=1)
def _homes() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for module, names in _MEMBERS.items():
        for name in words(names):
            found[name] = (*found.get(name, ()), module)
    return found


def imports_for(name: str) -> Iterator[str]:
    """Import statements of the standard library that bind a name, likeliest first."""
    if name in _ALIASES:
        yield _ALIASES[name]
    if name in sys.stdlib_module_names and name not in ("datetime", "copy", "glob", "queue"):
        yield f"import {name}"
    for module in _homes().get(name, ()):
        yield f"from {module} import {name}"
    if name in ("datetime", "copy", "glob", "queue"):
        yield f"import {name}"


def homes_of(name: str) -> tuple[str, ...]:
    """Modules of the standard library that have this name, as far as the table knows."""
    return _homes().get(name, ())


def members_of(module: str) -> tuple[str, ...]:
    """Well-known names of a module of the standard library."""
    return words(_MEMBERS.get(module, ""))


@lru_cache(maxsize=64)
def names_of(owner: str) -> tuple[str, ...]:
    """Public names of a built-in type or of a harmless module of the standard library."""
    if owner in TYPES:
        return tuple(n for n in dir(TYPES[owner]) if not n.startswith("_"))
    if owner in _SAFE_MODULES:
        return tuple(n for n in dir(importlib.import_module(owner)) if not n.startswith("_"))
    return ()


def has_class_of_its_name(module: str, name: str) -> bool:
    """Whether a module holds a class called like itself that has this attribute: `datetime.datetime.now`."""
    inner = getattr(importlib.import_module(module), module, None) if module in _SAFE_MODULES else None
    return isinstance(inner, type) and hasattr(inner, name)
