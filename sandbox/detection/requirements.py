"""Requirement files, tox and nox: what a Python project installs for its tests beside its own metadata."""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import PurePosixPath

from sandbox.detection.declared import Declared, as_mapping, as_strings, plain_requirement
from sandbox.detection.plugins import KEYS, option_plugins, split_options
from sandbox.detection.pyproject import load_toml
from sandbox.detection.scan import parse
from sandbox.detection.setup_files import ini_lines, read_ini
from sandbox.tree import Tree

_RUNTIME = re.compile(r"^requirements?(-base|_base|-main)?\.(txt|in)$", re.IGNORECASE)
_TEST = re.compile(
    r"^((requirements?|reqs?)[-_.](dev|develop|development|tests?|testing|ci)|"
    r"(dev|develop|tests?|testing|ci)[-_.]?(requirements?|reqs?))\.(txt|in|pip)$",
    re.IGNORECASE,
)
_IN_DIRECTORY_RUNTIME = re.compile(r"^(requirements?|base|main|prod|production|common|install|default)\.(txt|in)$")
_IN_DIRECTORY_TEST = re.compile(
    r"^(requirements?[-_])?(dev|develop|development|tests?|testing|ci|pytest)\.(txt|in|pip)$"
)
_DIRECTORIES = ("requirements", "requirement", "reqs", "tests", "test", "ci")
_MAX_LINES = 2_000
_MAX_INCLUDES = 20


def read_requirement_files(tree: Tree, prefix: str, declared: Declared) -> None:
    """`requirements.txt` and its kin in the project directory and in the usual directories below it.

    Files named after tests make those named after development unnecessary.
    """
    here = prefix.rstrip("/") or "."
    runtime = [prefix + n for n in tree.names(here)[0] if _RUNTIME.match(n)]
    testing = [prefix + n for n in tree.names(here)[0] if _TEST.match(n)]
    for directory in _DIRECTORIES:
        for name in tree.names(prefix + directory)[0]:
            if directory.startswith("req") and _IN_DIRECTORY_RUNTIME.match(name):
                runtime.append(f"{prefix}{directory}/{name}")
            elif _IN_DIRECTORY_TEST.match(name) or _RUNTIME.match(name) or _TEST.match(name):
                testing.append(f"{prefix}{directory}/{name}")
    named_after_tests = [p for p in testing if re.search(r"test", p.removeprefix(prefix), re.IGNORECASE)]
    for path in (*runtime, *(prefix + p for p in declared.test_files)):
        _read_file(tree, path, declared, declared.runtime)
    for path in named_after_tests or testing:
        _read_file(tree, path, declared, declared.test)


def _compiled_from(tree: Tree, path: str) -> bool:
    """Whether `path` is the ".in" source of a ".txt" beside it, which then holds the exact versions."""
    return path.endswith(".in") and tree.has(path.removesuffix(".in") + ".txt")


def _read_file(tree: Tree, path: str, declared: Declared, into: list[str]) -> None:
    """Plain lines go into `into`.

    The whole file is left to the installer when the program itself needs it, or when it has other lines.
    """
    if _compiled_from(tree, path):
        return
    queue = [path]
    unusual = False
    for count, current in enumerate(queue):
        text = tree.read(current)
        if text is None or count > _MAX_INCLUDES:
            continue
        declared.read(current)
        for line in _logical_lines(text):
            if match := re.match(r"(?:-r|--requirement)[= ]?\s*(\S+)$", line):
                included = posixpath.normpath(PurePosixPath(current).parent / match[1])
                queue += [included] if included not in queue else []
            elif not line.startswith(("-c", "--constraint", "--hash", "-i", "--index", "--extra-index", "--trusted")):
                plain = plain_requirement(re.split(r"\s--|\s#", line)[0])
                declared.add(into, [plain] if plain else [])
                unusual |= plain is None
    needed = into is declared.runtime
    if unusual or needed:
        declared.requirement_files[path] = needed or declared.requirement_files.get(path, False)


def _logical_lines(text: str) -> list[str]:
    lines = re.sub(r"\\\r?\n", " ", text).splitlines()[:_MAX_LINES]
    return [s for line in lines if (s := line.strip()) and not s.startswith("#")]


def read_tox(tree: Tree, prefix: str, declared: Declared) -> None:
    """`tox.ini` ([testenv] deps and variables) and the sessions of `noxfile.py` that install literal names."""
    parser = read_ini(tree, f"{prefix}tox.ini")
    if parser is not None and parser.has_section("testenv"):
        declared.read(f"{prefix}tox.ini")
        for line in ini_lines(parser, "testenv", "deps"):
            _tox_dependency(tree, prefix, line, declared)
        for line in (*ini_lines(parser, "testenv", "setenv"), *ini_lines(parser, "testenv", "set_env")):
            name, _, value = (part.strip() for part in line.partition("="))
            value = value.replace("{toxinidir}", "/workspace").replace("{tox_root}", "/workspace")
            if re.fullmatch(r"[A-Z][A-Z0-9_]*", name) and not re.search(r"[{}]", value) and _harmless(name):
                declared.env.setdefault(name, value)
    _read_nox(tree, f"{prefix}noxfile.py", declared)


def _harmless(name: str) -> bool:
    """Whether a variable may be set for the tests: none that steers programs, interpreters, installers or coverage."""
    steering = ("PYTHON", "COV", "PIP_", "UV_", "LD_", "TOX_", "NOX_", "VIRTUALENV_", "GIT_", "CARGO_", "NODE_", "npm_")
    return name not in ("PATH", "HOME", "VIRTUAL_ENV", "TMPDIR") and not name.startswith(steering)


def _tox_dependency(tree: Tree, prefix: str, line: str, declared: Declared) -> None:
    factor = re.match(r"^[\w.,{}!-]+:\s+(.*)$", line)
    line = (factor[1] if factor else line).replace("{toxinidir}/", "").replace("{tox_root}/", "")
    if match := re.match(r"(?:-r|--requirement)\s*=?\s*(\S+)$", line):
        _read_file(tree, prefix + match[1], declared, declared.test)
    elif not factor or re.match(r"^(pytest|coverage|mock|hypothesis)", line):
        declared.add(declared.test, [line])


def _read_nox(tree: Tree, path: str, declared: Declared) -> None:
    """Literal arguments of `session.install(...)` in functions named like tests."""
    source = tree.read(path)
    module = parse(source) if source is not None else None
    if module is None:
        return
    declared.read(path)
    for function in module.body:
        if isinstance(function, ast.FunctionDef) and re.search(r"test|unit", function.name):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func)[-16:] == "session.install":
                    words = [a.value for a in node.args if isinstance(a, ast.Constant)]
                    declared.add(
                        declared.test, [w for w in words if isinstance(w, str) and not w.startswith(("-", "."))]
                    )


def read_pytest_configuration(tree: Tree, prefix: str, declared: Declared) -> dict[str, str]:
    """Pytest's own settings as text, from the first file that has them, and the plugins these settings need."""
    settings: dict[str, str] = {}
    for name, section in (
        ("pytest.ini", "pytest"),
        (".pytest.ini", "pytest"),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
    ):
        parser = read_ini(tree, prefix + name)
        if parser is not None and parser.has_section(section):
            settings = {k: v or "" for k, v in parser.items(section)}
            break
    else:
        tool = as_mapping(as_mapping(load_toml(tree, f"{prefix}pyproject.toml")).get("tool"))
        pytest = as_mapping(tool.get("pytest"))
        options = as_mapping(pytest.get("ini_options")) or {k: v for k, v in pytest.items() if k != "ini_options"}
        settings = {k: "\n".join(as_strings(v)) if isinstance(v, list | str) else str(v) for k, v in options.items()}
    declared.plugins |= option_plugins(split_options(settings.get("addopts", "")))
    declared.plugins |= {KEYS[k.lower()] for k in settings if k.lower() in KEYS}
    declared.add(declared.test, split_options(settings.get("required_plugins", "")))
    return settings
