"""`setup.py` (read with `ast`, never run) and `setup.cfg`: what they declare where it can be told statically."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Mapping
from typing import Any

from sandbox.detection.declared import Declared, as_mapping, as_strings
from sandbox.detection.scan import parse
from sandbox.interpreters import valid_specifier
from sandbox.tree import Tree

_MAX_DEPTH = 12


class NotStatic(Exception):
    """An expression whose value is only known by running it."""


def read_ini(tree: Tree, path: str) -> configparser.ConfigParser | None:
    """An INI file without interpolation; None when it is absent or broken."""
    text = tree.read(path, max_bytes=512 << 10)
    if text is None:
        return None
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError):
        return None
    return parser


def ini_lines(parser: configparser.ConfigParser, section: str, key: str) -> list[str]:
    """The non-empty lines of a value, without comments; also of a value on one line separated by semicolons."""
    value = parser.get(section, key, fallback="") or ""
    lines = [line.split(" #")[0].strip() for line in value.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def read_setup_cfg(tree: Tree, prefix: str, declared: Declared) -> None:
    """The declarative metadata of setuptools, and that of pbr."""
    path = f"{prefix}setup.cfg"
    parser = read_ini(tree, path)
    if parser is None:
        declared.broken += [path] if tree.has(path) else []
        return
    declared.read(path)
    declared.name = declared.name or parser.get("metadata", "name", fallback="") or ""
    declared.installable |= parser.has_option("metadata", "name")
    runtime = [r for line in ini_lines(parser, "options", "install_requires") for r in line.split(";;")]
    if runtime and not runtime[0].startswith(("file:", "attr:")):
        declared.add(declared.runtime, runtime)
    declared.add(declared.test, ini_lines(parser, "options", "tests_require"))
    requires = parser.get("options", "python_requires", fallback="") or ""
    declared.python = declared.python or valid_specifier(requires)
    declared.classifiers = declared.classifiers or tuple(ini_lines(parser, "metadata", "classifiers"))
    if parser.has_section("options.extras_require"):
        keys = parser.options("options.extras_require")
        declared.add_extras({key: ini_lines(parser, "options.extras_require", key) for key in keys})
    for line in ini_lines(parser, "options", "package_dir"):
        declared.roots.append(line.split("=")[-1].strip())
    where = parser.get("options.packages.find", "where", fallback="") or ""
    declared.roots += [where.strip()] if where.strip() else []


def read_setup_py(tree: Tree, prefix: str, declared: Declared) -> None:
    """The keywords of the `setup(...)` call that are literals or names bound to literals."""
    path = f"{prefix}setup.py"
    source = tree.read(path)
    if source is None:
        return
    declared.read(path)
    module = parse(source)
    declared.versioned_by_git |= "scm" in source or "pbr" in source or "versioningit" in source
    call, names = _setup_call(module) if module is not None else (None, {})
    had_project = declared.installable and declared.static
    declared.installable = True
    if call is None:
        declared.static = had_project
        return
    keywords = _keywords(call, names)
    declared.static = had_project or not {"install_requires", "**"} & keywords.unknown
    declared.name = declared.name or str(keywords.values.get("name", ""))
    declared.add(declared.runtime, as_strings(keywords.values.get("install_requires")))
    declared.add(declared.test, as_strings(keywords.values.get("tests_require")))
    declared.add(declared.build, as_strings(keywords.values.get("setup_requires")))
    declared.python = declared.python or valid_specifier(str(keywords.values.get("python_requires", "")))
    declared.classifiers = declared.classifiers or tuple(as_strings(keywords.values.get("classifiers")))
    extras = as_mapping(keywords.values.get("extras_require"))
    declared.add_extras({name: as_strings(value) for name, value in extras.items()})
    declared.roots += [d for d in as_mapping(keywords.values.get("package_dir")).values() if isinstance(d, str)]


class _Keywords:
    """Keywords of the call: `values` that are known, names of the `unknown` ones ("**" for unpacked mappings)."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.unknown: set[str] = set()


def _setup_call(module: ast.Module) -> tuple[ast.Call | None, dict[str, ast.expr]]:
    """The first call of `setup` that is reached, and what the names before it are bound to.

    Nothing is reached after a `raise` or `sys.exit()` at the top level: such a script refuses to be installed.
    """
    names: dict[str, ast.expr] = {}
    for statement in module.body:
        if _ends(statement):
            return None, names
        for node in ast.walk(statement):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                names[node.targets[0].id] = node.value
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and ast.unparse(node.func)[-20:].split(".")[-1] == "setup":
                return node, names
    return None, names


def _ends(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise):
        return True
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and ast.unparse(call.func) in ("exit", "quit", "sys.exit", "os._exit")


def _keywords(call: ast.Call, names: Mapping[str, ast.expr]) -> _Keywords:
    found = _Keywords()
    for keyword in call.keywords:
        try:
            value = literal(keyword.value, names)
        except NotStatic:
            found.unknown.add(keyword.arg or "**")
            continue
        if keyword.arg is not None:
            found.values[keyword.arg] = value
        else:
            found.values.update(as_mapping(value))
    return found


def literal(node: ast.expr, names: Mapping[str, ast.expr], depth: int = 0) -> Any:
    """The value of constants, displays, sums of them, and names bound to such; raises NotStatic."""
    if depth > _MAX_DEPTH:
        raise NotStatic
    value: Any
    match node:
        case ast.Constant():
            value = node.value
        case ast.List() | ast.Tuple() | ast.Set():
            value = [literal(e, names, depth + 1) for e in node.elts[:1_000]]
        case ast.Dict():
            value = _dictionary(node, names, depth + 1)
        case ast.Name() if node.id in names:
            value = literal(names[node.id], names, depth + 1)
        case ast.BinOp(op=ast.Add()):
            value = _sum(literal(node.left, names, depth + 1), literal(node.right, names, depth + 1))
        case ast.Call(func=ast.Name(id="dict"), args=[]):
            value = {k.arg: literal(k.value, names, depth + 1) for k in node.keywords if k.arg}
        case _:
            raise NotStatic
    return value


def _sum(left: Any, right: Any) -> Any:
    if isinstance(left, list) and isinstance(right, list):
        return (left + right)[:1_000]
    if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) < 10_000:
        return left + right
    raise NotStatic


def _dictionary(node: ast.Dict, names: Mapping[str, ast.expr], depth: int) -> dict[Any, Any]:
    """The entries that are known: one computed value does not hide the others."""
    found = {}
    for key, value in zip(node.keys, node.values, strict=True):
        try:
            if key is not None:
                name = literal(key, names, depth)
                found[name if isinstance(name, str) else str(name)] = literal(value, names, depth)
        except NotStatic:
            continue
    return found
