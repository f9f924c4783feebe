"""Entry points of a service by reading its source: WSGI and ASGI applications, handlers of http.server."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.recreate.values import Driver

MAX_SOURCE, MOST = 200_000, 5
_MADE: dict[str, Driver] = {
    "Flask": "wsgi", "get_wsgi_application": "wsgi", "Bottle": "wsgi", "default_app": "wsgi", "Quart": "asgi",
    "FastAPI": "asgi", "Starlette": "asgi", "Litestar": "asgi", "get_asgi_application": "asgi", "make_wsgi_app": "wsgi",
}  # fmt: skip
_FACTORIES = ("create_app", "make_app", "build_app", "get_app", "create_application", "make_application")
_NAMED = ("app", "application", "wsgi_app", "asgi_app", "api")
_SIGNATURES: dict[tuple[str, ...], Driver] = {
    ("environ", "start_response"): "wsgi",
    ("scope", "receive", "send"): "asgi",
}


@dataclass(frozen=True)
class Entry:
    """Something that answers requests. made: it is a factory or a class, to be called without arguments first."""

    file: str
    name: str
    driver: Driver
    made: bool = False


def parsed(text: str) -> ast.Module | None:
    """The tree of a source, None where it is none or too long."""
    if len(text) > MAX_SOURCE:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def entries(sources: Mapping[str, str], first: Sequence[str]) -> tuple[Entry, ...]:
    """Entry points of all files; those in files of the trace first, then objects before factories."""
    found: list[Entry] = []
    for file, text in sources.items():
        if any(word in text for word in (*_MADE, *_FACTORIES, *_NAMED, "start_response", "RequestHandler", "receive")):
            tree = parsed(text)
            found += _of(file, tree) if tree else ()
    found.sort(key=lambda entry: (entry.file not in first, entry.made, entry.file.count("/")))
    return tuple(found[:MOST])


def _of(file: str, tree: ast.Module) -> Iterator[Entry]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            yield from _assigned(file, node, node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            driver = _driver(node, 0)
            if driver:
                yield Entry(file, node.name, driver)
            elif node.name in _FACTORIES and not required(node, 0):
                yield from (Entry(file, node.name, each, made=True) for each in _either(ast.unparse(node)))
        elif isinstance(node, ast.ClassDef):
            yield from _class(file, node)


def _assigned(file: str, node: ast.Assign | ast.AnnAssign, call: ast.Call) -> Iterator[Entry]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    called = ast.unparse(call.func).rpartition(".")[2]
    for target in targets:
        if isinstance(target, ast.Name) and called in _MADE:
            yield Entry(file, target.id, _MADE[called])
        elif isinstance(target, ast.Name) and target.id in _NAMED:
            yield from (Entry(file, target.id, each) for each in ("wsgi", "asgi"))


def _either(text: str) -> tuple[Driver, ...]:
    known = tuple(dict.fromkeys(driver for name, driver in _MADE.items() if f"{name}(" in text))
    return known or ("wsgi", "asgi")


def _class(file: str, node: ast.ClassDef) -> Iterator[Entry]:
    methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    if any(ast.unparse(base).endswith("RequestHandler") for base in node.bases) or {"do_GET", "do_POST"} & {*methods}:
        yield Entry(file, node.name, "handler")
    called, init = methods.get("__call__"), methods.get("__init__")
    if called and (driver := _driver(called, 1)) and not (init and required(init, 1)):
        yield Entry(file, node.name, driver, made=True)


def _driver(node: ast.FunctionDef | ast.AsyncFunctionDef, skip: int) -> Driver | None:
    return _SIGNATURES.get(tuple(each.arg for each in node.args.args[skip:]))


def required(node: ast.FunctionDef | ast.AsyncFunctionDef, skip: int) -> list[str]:
    """Names of the parameters that a call has to give, without the first `skip`."""
    arguments = node.args
    every = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    plain = every[: len(every) - len(arguments.defaults)] if arguments.defaults else every
    only = [each.arg for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value is None]
    return [*plain[skip:], *only]
