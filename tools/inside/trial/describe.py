"""Values as short structural text: equal text for equal content, no addresses, bounded, no user code called."""

import enum
import hashlib
import re
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Iterable, List

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_REPR_MODULES = {"datetime", "decimal", "fractions", "pathlib", "uuid", "ipaddress", "zoneinfo", "re"}
_LONGEST_TEXT = 60
_DEPTH = 6
_NODES = 400


def describe(value: Any) -> str:
    """The value as text; parts beyond the depth or number of nodes are left out as "…"."""
    return _Writer().text(value, 0)


def digest(text: str) -> str:
    """A short hash of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def plain(message: str) -> str:
    """A message without addresses."""
    return _ADDRESS.sub("0x", message)


class _Writer:
    def __init__(self) -> None:
        self._nodes = 0
        self._above: List[int] = []

    def text(self, value: Any, depth: int) -> str:
        self._nodes += 1
        kind = type(value)
        if value is None or kind in (bool, int, float, complex):
            return _number(value)
        if isinstance(value, (str, bytes, bytearray)):
            return _short(value)
        if depth >= _DEPTH or self._nodes > _NODES or id(value) in self._above:
            return "…"
        self._above.append(id(value))
        try:
            return self._composite(value, depth + 1)
        except Exception:
            return "<%s>" % kind.__name__
        finally:
            self._above.pop()

    def _composite(self, value: Any, depth: int) -> str:
        kind = type(value)
        if isinstance(value, dict):
            pairs = ["%s: %s" % (self.text(k, depth), self.text(v, depth)) for k, v in dict.items(value)]
            return _named(kind, (dict,), "{%s}", pairs)
        if isinstance(value, (set, frozenset)):
            return _named(kind, (set,), "{%s}", sorted(self.text(each, depth) for each in value))
        if isinstance(value, tuple):
            return _named(kind, (tuple,), "(%s)", [self.text(each, depth) for each in tuple.__iter__(value)])
        if isinstance(value, list):
            return _named(kind, (list,), "[%s]", [self.text(each, depth) for each in list.__iter__(value)])
        return self._object(value, depth)

    def _object(self, value: Any, depth: int) -> str:
        kind = type(value)
        if isinstance(value, enum.Enum):
            return "%s.%s" % (kind.__name__, value.name)
        if isinstance(value, (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)):
            return str(getattr(value, "__qualname__", value.__name__))
        if kind.__module__.split(".")[0] in _REPR_MODULES or kind in (range, slice):
            return plain(repr(value))
        if kind.__module__.split(".")[0] == "numpy" and hasattr(value, "tolist"):
            return "%s(%s)" % (kind.__name__, self.text(value.tolist(), depth))
        if kind.__module__ == "collections" and hasattr(value, "__len__"):
            return _named(kind, (), "[%s]", [self.text(each, depth) for each in value])
        return self._fields(value, depth)

    def _fields(self, value: Any, depth: int) -> str:
        fields = dict(getattr(value, "__dict__", {}))
        for owner in type(value).__mro__:
            slots = owner.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                    fields[name] = getattr(value, name)
        parts = ["%s=%s" % (name, self.text(each, depth)) for name, each in fields.items()]
        if isinstance(value, BaseException):
            parts = [self.text(each, depth) for each in value.args] + parts
        return "%s(%s)" % (type(value).__name__, ", ".join(parts))


def _named(kind: type, usual: Iterable[type], form: str, parts: List[str]) -> str:
    text = form % ", ".join(parts)
    return text if kind in usual else kind.__name__ + text


def _number(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 500:
        return "<int of %d bits %s>" % (value.bit_length(), digest(hex(value)))
    return repr(value)


def _short(value: Any) -> str:
    if len(value) <= _LONGEST_TEXT:
        return repr(value)
    whole = value if isinstance(value, str) else bytes(value).hex()
    return "%r… (%d, %s)" % (value[:_LONGEST_TEXT], len(value), digest(whole))
