"""A candidate's function bodies put into the live function objects of this process, and taken out again.

Only the edited outermost function is compiled. Its code, and the code of the functions nested in it, replaces the old
code in every live function object that carries it: methods, wrapped and cached functions, closures made at import.
"""

import __future__

import ast
import functools
import gc
import os
import warnings
from types import CodeType, FunctionType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .sources import Edit, Source, Unit, applied, by_file

_FUTURE = functools.reduce(
    lambda mask, name: mask | getattr(__future__, name).compiler_flag, __future__.all_feature_names, 0
)
_PLAIN_DECORATORS = {"staticmethod", "classmethod", "property", "lru_cache", "cache", "cached_property", "wraps"}
_PLAIN_DECORATORS |= {"setter", "getter", "deleter", "abstractmethod", "override", "contextmanager"}


class Cold(Exception):
    """This candidate cannot be swapped in: its module must be imported anew."""


class Defaults(NamedTuple):
    """Default values of a function: of its positional and of its keyword-only parameters."""

    positional: Optional[Tuple[Any, ...]]
    keyword: Optional[Dict[str, Any]]


class Change(NamedTuple):
    """One function object with the code (and defaults, when they change) to give it and to give back."""

    function: Any  # a FunctionType, which mypy would bind as a method
    old: CodeType
    new: CodeType
    old_defaults: Defaults
    new_defaults: Optional[Defaults]


class Live:
    """The function objects of this process that come from files under `root`, found once."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root) + os.sep
        self._paths: Dict[str, str] = {}
        self._by_code: Dict[int, List[FunctionType]] = {}
        self._outer: Dict[Tuple[str, int, str], Dict[int, CodeType]] = {}
        self._caches: List[Any] = []
        for thing in gc.get_objects():
            if type(thing) is FunctionType:
                self._add(thing)
            elif type(thing) is functools._lru_cache_wrapper:
                self._add_cache(thing)

    def _path(self, code: CodeType) -> str:
        name = code.co_filename
        if name not in self._paths:
            self._paths[name] = os.path.realpath(name)
        return self._paths[name]

    def _add(self, function: FunctionType) -> None:
        code = function.__code__
        path = self._path(code)
        if path.startswith(self._root):
            self._by_code.setdefault(id(code), []).append(function)
            self._outer.setdefault((path, code.co_firstlineno, code.co_name), {})[id(code)] = code

    def _add_cache(self, cache: Any) -> None:
        function = getattr(cache, "__wrapped__", None)
        if type(function) is FunctionType and self._path(function.__code__).startswith(self._root):
            self._caches.append(cache)

    def clear_caches(self) -> None:
        """Empty every lru_cache around a function of the workspace."""
        for cache in self._caches:
            cache.cache_clear()

    def functions(self, source: Source) -> List[FunctionType]:
        """Every live function that is an outermost function of the file."""
        found = []
        for unit in source.units:
            for code in self._outer.get((source.real, unit.first_line, unit.name), {}).values():
                found += self._by_code[id(code)]
        return found

    def plan(self, sources: Dict[str, Source], edits: Sequence[Edit]) -> List[Change]:
        """What to change for these edits. Raises Cold, SyntaxError, ValueError (null bytes, too deep nesting)."""
        changes: List[Change] = []
        for file, own in by_file(edits).items():
            for unit, parts in _by_unit(sources[file], own).items():
                changes += self._unit_changes(sources[file], unit, parts)
        return changes

    def _unit_changes(self, source: Source, unit: Unit, edits: List[Edit]) -> Iterator[Change]:
        olds = self._outer.get((source.real, unit.first_line, unit.name))
        if not olds:
            raise Cold("%s is not live" % unit.name)
        text = "\n" * (unit.first_line - 1 - len(unit.header))
        text += "".join(line + "\n" for line in unit.header)
        text += applied(source.text[unit.start : unit.end].lstrip("\ufeff"), edits, unit.start)
        defaults = _structure(text, unit, edits, source.text)
        for old in olds.values():
            compiled = compile(text, old.co_filename, "exec", old.co_flags & _FUTURE, dont_inherit=True)
            new = _find(compiled, unit.name, unit.first_line)
            for was, becomes in self._paired(old, new):
                for function in self._by_code.get(id(was), ()):
                    fresh = _new_defaults(function, defaults) if was is old and defaults else None
                    before = Defaults(function.__defaults__, function.__kwdefaults__)
                    yield Change(function, was, becomes, before, fresh)

    def _paired(self, old: CodeType, new: CodeType) -> Iterator[Tuple[CodeType, CodeType]]:
        """The old code and the new one, then the same for nested functions that are alive, by name and order."""
        if id(old) in self._by_code and old.co_freevars != new.co_freevars:
            raise Cold("%s closes over other variables" % old.co_name)
        yield old, new
        nested = _nested(new)
        for name, inner in _nested(old).items():
            others = nested.get(name, [])
            if len(others) == len(inner):
                for was, becomes in zip(inner, others):
                    yield from self._paired(was, becomes)
            elif any(self._alive(code) for code in inner):
                raise Cold("%s holds other functions" % old.co_name)

    def _alive(self, code: CodeType) -> bool:
        return id(code) in self._by_code or any(
            self._alive(inner) for inners in _nested(code).values() for inner in inners
        )


def apply(changes: Sequence[Change]) -> None:
    """Swap the new code in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a generator that becomes a plain function warns from Python 3.13 on
        for change in changes:
            change.function.__code__ = change.new
            if change.new_defaults is not None:
                change.function.__defaults__, change.function.__kwdefaults__ = change.new_defaults


def undo(changes: Sequence[Change]) -> None:
    """Swap the old code in again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for change in changes:
            change.function.__code__ = change.old
            if change.new_defaults is not None:
                change.function.__defaults__, change.function.__kwdefaults__ = change.old_defaults


def _by_unit(source: Source, edits: Sequence[Edit]) -> Dict[Unit, List[Edit]]:
    units: Dict[Unit, List[Edit]] = {}
    for edit in edits:
        unit = source.unit_around(edit[1], edit[2])
        if unit is None:
            raise Cold("an edit outside function bodies")
        units.setdefault(unit, []).append(edit)
    return units


def _nested(code: CodeType) -> Dict[str, List[CodeType]]:
    found: Dict[str, List[CodeType]] = {}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.setdefault(constant.co_name, []).append(constant)
    return found


def _find(code: CodeType, name: str, first_line: int) -> CodeType:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_name == name and constant.co_firstlineno == first_line:
                return constant
            try:
                return _find(constant, name, first_line)
            except Cold:
                continue
    raise Cold("%s is another function now" % name)


def _structure(text: str, unit: Unit, edits: List[Edit], before: str) -> Optional["_NewDefaults"]:
    """Check what edits may have broken: one function and nothing else, with its annotations as they were.

    Returns the parameters when the signature was edited. Raises Cold, SyntaxError.
    """
    signature = any(start < unit.body for _, start, _, _ in edits)
    whole_lines = any("\n" in new + before[start:end] or end >= unit.end for _, start, end, new in edits)
    if not signature and not whole_lines:
        return None
    node: Any = ast.parse(text)
    for _ in (*unit.header, unit):
        if len(node.body) != 1 or getattr(node, "orelse", None):
            raise Cold("an edit that leaves its function")
        node = node.body[0]
    old: Any = unit.node
    if type(node) is not type(old) or node.name != old.name:
        raise Cold("an edit that makes another function")
    return _signature_change(old, node) if signature else None


class _NewDefaults(NamedTuple):
    """The old and new parameters of a function with an edited signature."""

    old: ast.arguments
    new: ast.arguments


def _signature_change(old: Any, new: Any) -> Optional[_NewDefaults]:
    if ast.dump(old.args) == ast.dump(new.args) and _dump(old.returns) == _dump(new.returns):
        return None
    if [_dump(d) for d in old.decorator_list] != [_dump(d) for d in new.decorator_list]:
        raise Cold("an edit of decorators")
    if _annotations(old) != _annotations(new):
        raise Cold("an edit of annotations")
    if any(_decorator_name(decorator) not in _PLAIN_DECORATORS for decorator in new.decorator_list):
        raise Cold("a decorator may have kept the signature")
    return _NewDefaults(old.args, new.args)


def _dump(node: Optional[ast.AST]) -> str:
    return "" if node is None else ast.dump(node)


def _decorator_name(node: Any) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return str(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))


def _annotations(node: Any) -> Tuple[str, ...]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    own = (_dump(argument.annotation) for argument in arguments if argument is not None and argument.annotation)
    return (*own, _dump(node.returns))


def _by_name(arguments: ast.arguments) -> Dict[str, ast.expr]:
    positional = [*arguments.posonlyargs, *arguments.args]
    found = {a.arg: d for a, d in zip(reversed(positional), reversed(arguments.defaults))}
    found.update({a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is not None})
    return found


def _new_defaults(function: FunctionType, change: _NewDefaults) -> Defaults:
    """Default values after the edit; those whose text is the same stay the same objects. Raises Cold."""
    was, becomes = _by_name(change.old), _by_name(change.new)
    kept = _present(function)
    values: Dict[str, Any] = {}
    for name, expression in becomes.items():
        if name in was and name in kept and ast.dump(was[name]) == ast.dump(expression):
            values[name] = kept[name]
        else:
            values[name] = _evaluated(function, expression)
    positional = [a.arg for a in (*change.new.posonlyargs, *change.new.args) if a.arg in values]
    keyword = {a.arg: values[a.arg] for a in change.new.kwonlyargs if a.arg in values}
    return Defaults(tuple(values[name] for name in positional) or None, keyword or None)


def _present(function: FunctionType) -> Dict[str, Any]:
    defaults = function.__defaults__ or ()
    count = function.__code__.co_argcount
    names = function.__code__.co_varnames[count - len(defaults) : count]
    return {**dict(zip(names, defaults)), **(function.__kwdefaults__ or {})}


def _evaluated(function: FunctionType, expression: ast.expr) -> Any:
    owner: Any = function.__globals__
    spaces: Dict[str, Any] = {}
    for part in function.__qualname__.split(".")[:-1]:
        owner = owner.get(part) if isinstance(owner, dict) else getattr(owner, part, None)
        spaces = dict(vars(owner)) if isinstance(owner, type) else spaces
    try:
        code = compile(ast.fix_missing_locations(ast.Expression(expression)), "<default>", "eval")
        return eval(code, function.__globals__, spaces)  # noqa: S307 the sandbox runs the repository's code
    except Exception as error:
        raise Cold("a default value cannot be computed: %s" % type(error).__name__) from error
