"""Process and module state put back between the candidates that run one after another in one child.

Restores what tests commonly change (directory, environment, import path, warning filters, signal handlers, streams,
random numbers) and the globals, class attributes and plain containers of the workspace's modules. What it cannot put
back it reports: threads that still run, damaged files; and the caller re-checks the original code after each batch.
"""

import collections
import os
import random
import signal
import sys
import threading
import warnings
from types import FunctionType, ModuleType
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

_MOST_PLACES = 300
_MOST_ELEMENTS = 2000
_DEPTH = 4
_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGPROF", "SIGVTALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGHUP")
    if hasattr(signal, name)
)
_CONTAINERS = (dict, list, set, collections.OrderedDict, collections.defaultdict, collections.Counter)


class Isolation:
    """A picture of this process, taken once; `restore` brings it back."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self._directory = os.getcwd()
        self._environ, self._raw = dict(os.environ), dict(_raw_environ())
        self._path = list(sys.path)
        self._filters = list(warnings.filters)
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._recursion = sys.getrecursionlimit()
        self._threads = threading.active_count()
        self._places = _places(modules)

    def restore(self) -> None:
        """Put everything back that differs."""
        _go_to(self._directory)
        if _raw_environ() != self._raw:
            os.environ.clear()
            os.environ.update(self._environ)
        if sys.path != self._path:
            sys.path[:] = self._path
        if warnings.filters != self._filters:
            warnings.filters[:] = self._filters  # type: ignore[index]
        self._restore_streams()
        sys.setrecursionlimit(self._recursion)
        sys.settrace(None)
        random.seed(0)
        for number, handler in self._handlers.items():
            if signal.getsignal(number) is not handler and handler is not None:
                signal.signal(number, handler)
        for place in self._places:
            place()

    def _restore_streams(self) -> None:
        sys.stdin, sys.stdout, sys.stderr = self._streams
        for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
            try:
                os.fstat(descriptor)
            except OSError:
                null = os.open(os.devnull, os.O_RDWR)
                if null != descriptor:
                    os.dup2(null, descriptor)
                    os.close(null)
            if stream is not None and getattr(stream, "closed", False):
                fresh = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 stays open as the stream
                setattr(sys, "stdout" if descriptor == 1 else "stderr", fresh)

    def dirty(self) -> bool:
        """Whether something runs on that cannot be put back."""
        return threading.active_count() > self._threads


class Stamps:
    """Sizes and times of files that every candidate needs and none may change."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = {path: _stamp(path) for path in dict.fromkeys(files)}

    def damaged(self) -> Optional[str]:
        """A file that is no longer what it was."""
        for path, stamp in self._files.items():
            if _stamp(path) != stamp:
                return path
        return None


def _stamp(path: str) -> Optional[Tuple[int, int]]:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (0, 0) if os.path.isdir(path) else (status.st_size, status.st_mtime_ns)


def _raw_environ() -> Any:
    """The variables as they can be compared quickest: without decoding each."""
    return getattr(os.environ, "_data", os.environ)


def _go_to(directory: str) -> None:
    try:
        if os.getcwd() == directory:
            return
    except OSError:  # the present directory was removed
        pass
    try:
        os.chdir(directory)
    except OSError:
        os.chdir("/")


def _places(modules: Sequence[ModuleType]) -> List[Callable[[], None]]:
    """What to call to put module state back; modules first in the list come first when there is too much of it."""
    walk = _Walk()
    for module in modules:
        walk.add_namespace(vars(module), module)
    walk.finish()
    return walk.places


class _Walk:
    """Breadth first through globals, classes and containers of modules."""

    def __init__(self) -> None:
        self.places: List[Callable[[], None]] = []
        self._seen: Dict[int, Any] = {}
        self._todo: List[Tuple[Any, int, str]] = []

    def add_namespace(self, namespace: Dict[str, Any], module: ModuleType) -> None:
        saved = {
            name: value for name, value in namespace.items() if name not in ("__builtins__", "__warningregistry__")
        }
        self.places.append(_namespace_place(namespace, saved))
        self._todo += [(value, 0, module.__name__) for value in saved.values()]

    def finish(self) -> None:
        for value, depth, module in self._todo:  # grows while it is walked
            if len(self.places) >= _MOST_PLACES:
                return
            if id(value) not in self._seen and depth < _DEPTH:
                self._seen[id(value)] = value
                self._add(value, depth, module)

    def _add(self, value: Any, depth: int, module: str) -> None:
        kind = type(value)
        if kind in _CONTAINERS or kind is collections.deque:
            if len(value) <= _MOST_ELEMENTS:
                self.places.append(_container_place(value))
                inner = value.values() if isinstance(value, dict) else () if kind is set else value
                self._todo += [(each, depth + 1, module) for each in inner]
        elif isinstance(value, type):
            if value.__module__ == module:
                self._add_class(value, depth, module)
        elif getattr(kind, "__module__", None) == module and isinstance(getattr(value, "__dict__", None), dict):
            self.places.append(_container_place(value.__dict__))
            self._todo += [(each, depth + 1, module) for each in value.__dict__.values()]

    def _add_class(self, value: type, depth: int, module: str) -> None:
        saved = {name: each for name, each in vars(value).items() if not name.startswith("__")}
        self.places.append(_class_place(value, saved))
        plain = (each for each in saved.values() if type(each) is not FunctionType)
        self._todo += [(each, depth + 1, module) for each in plain]


def _namespace_place(namespace: Dict[str, Any], saved: Dict[str, Any]) -> Callable[[], None]:
    extra = len(namespace) - len(saved)

    def put_back() -> None:
        if len(namespace) - extra == len(saved) and all(namespace.get(name) is value for name, value in saved.items()):
            return
        for name in [name for name in namespace if name not in saved and not name.startswith("__")]:
            del namespace[name]
        namespace.update(saved)

    return put_back


def _container_place(value: Any) -> Callable[[], None]:
    saved = value.copy()

    def put_back() -> None:
        try:
            same = len(value) == len(saved) and bool(value == saved)
        except Exception:
            same = False
        if not same:
            value.clear()
            value.update(saved) if hasattr(value, "update") else value.extend(saved)

    return put_back


def _class_place(owner: type, saved: Dict[str, Any]) -> Callable[[], None]:
    count = len(vars(owner))

    def put_back() -> None:
        present = vars(owner)
        if len(present) == count and all(present.get(name) is value for name, value in saved.items()):
            return
        for name in [name for name in present if name not in saved and not name.startswith("__")]:
            delattr(owner, name)
        for name, value in saved.items():
            if present.get(name) is not value:
                setattr(owner, name, value)

    return put_back
