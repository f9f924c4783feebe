"""`pyproject.toml` and lock files beside it: PEP 621, PEP 735, build systems, poetry, hatch, pdm, uv, setuptools."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from packaging.utils import canonicalize_name

from sandbox.detection.declared import Declared, as_mapping, as_strings, chosen_groups
from sandbox.interpreters import valid_specifier
from sandbox.tree import Tree

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
_MAX_LOCK = 16 << 20
_MAX_INCLUDES = 50


def load_toml(tree: Tree, path: str, *, max_bytes: int = 1 << 20) -> dict[str, Any] | None:
    """The parsed file; None when it is absent or broken."""
    text = tree.read(path, max_bytes=max_bytes)
    if text is None:
        return None
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return None


def read_pyproject(tree: Tree, prefix: str, declared: Declared) -> dict[str, Any]:
    """Collect `pyproject.toml` of the project directory; returns its content."""
    path = f"{prefix}pyproject.toml"
    if not tree.has(path):
        return {}
    declared.read(path)
    document = load_toml(tree, path)
    if document is None:
        declared.broken.append(path)
        return {}
    tool = as_mapping(document.get("tool"))
    build = as_mapping(document.get("build-system"))
    project = as_mapping(document.get("project"))
    poetry = as_mapping(tool.get("poetry"))
    packaged = bool(project or build or "name" in poetry)
    declared.installable = packaged and as_mapping(tool.get("uv")).get("package") is not False
    declared.installable = declared.installable and poetry.get("package-mode") is not False
    declared.add(declared.build, as_strings(build.get("requires")))
    declared.versioned_by_git |= bool(re.search(r"scm|vcs|versioningit|dunamai|dynamic-versioning|pbr", str(build)))
    _project(project, declared)
    _groups(as_mapping(document.get("dependency-groups")), declared)
    _poetry(poetry, declared)
    _tools(tool, declared)
    return document


def read_locks(tree: Tree, prefix: str, declared: Declared) -> None:
    """Exact versions from the first lock file there is, as constraints."""
    for name in _LOCKS:
        document = load_toml(tree, prefix + name, max_bytes=_MAX_LOCK)
        if document is None:
            continue
        declared.read(prefix + name)
        packages = document.get("package")
        versions: dict[str, set[str]] = {}
        for package in packages if isinstance(packages, list) else []:
            entry = as_mapping(package)
            if isinstance(entry.get("name"), str) and isinstance(entry.get("version"), str):
                versions.setdefault(canonicalize_name(entry["name"]), set()).add(entry["version"])
        _pin(declared, {n: v.pop() for n, v in versions.items() if len(v) == 1})
        return


def read_pipfile(tree: Tree, prefix: str, declared: Declared) -> None:
    """`Pipfile` names what is wanted, `Pipfile.lock` the exact versions."""
    document = load_toml(tree, f"{prefix}Pipfile")
    if document is not None:
        declared.read(f"{prefix}Pipfile")
        declared.add(declared.runtime, _named(as_mapping(document.get("packages"))))
        declared.add(declared.test, _named(as_mapping(document.get("dev-packages"))))
        declared.preferred = declared.preferred or str(as_mapping(document.get("requires")).get("python_version", ""))
    text = tree.read(f"{prefix}Pipfile.lock", max_bytes=_MAX_LOCK)
    if text is None:
        return
    declared.read(f"{prefix}Pipfile.lock")
    try:
        lock = as_mapping(json.loads(text))
    except (ValueError, RecursionError):
        return
    for section in ("default", "develop"):
        entries = as_mapping(lock.get(section))
        versions = {n: str(as_mapping(e).get("version", "")) for n, e in entries.items()}
        _pin(declared, {canonicalize_name(n): v[2:] for n, v in versions.items() if v.startswith("==")})


def poetry_specifier(text: str) -> str:
    """A poetry constraint as PEP 440: caret and tilde expanded, "*" as no limit; "" when it has no counterpart."""
    parts = []
    for part in re.split(r"\s*,\s*", text.strip()):
        if part in ("*", ""):
            continue
        if match := re.fullmatch(r"([\^~])\s*(\d+(?:\.\d+)*)", part):
            parts.append(f">={match[2]},<{_upper(match[1], match[2])}")
        elif re.fullmatch(r"\d+(\.\d+)*", part):
            parts.append(f"=={part}")
        else:
            parts.append(part)
    return valid_specifier(",".join(parts)) if "||" not in text else ""


def _upper(sign: str, version: str) -> str:
    numbers = [int(n) for n in version.split(".")]
    first = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
    keep = min(len(numbers), 2) - 1 if sign == "~" else first
    return ".".join(map(str, [*numbers[:keep], numbers[keep] + 1]))


def _pin(declared: Declared, versions: Mapping[str, str]) -> None:
    for name, version in versions.items():
        if re.fullmatch(r"[\w.!+-]{1,60}", version) and name != canonicalize_name(declared.name or "-"):
            declared.pins.setdefault(name, version)


def _project(project: dict[str, Any], declared: Declared) -> None:
    """PEP 621."""
    name = project.get("name")
    declared.name = name if isinstance(name, str) else declared.name
    dynamic = as_strings(project.get("dynamic"))
    declared.static = bool(project) and not {"dependencies", "optional-dependencies"} & set(dynamic)
    declared.add(declared.runtime, as_strings(project.get("dependencies")))
    requires = project.get("requires-python")
    declared.python = valid_specifier(requires) if isinstance(requires, str) else ""
    declared.classifiers = tuple(as_strings(project.get("classifiers")))
    optional = as_mapping(project.get("optional-dependencies"))
    declared.add_extras({n: as_strings(v) for n, v in optional.items()})


def _groups(groups: dict[str, Any], declared: Declared) -> None:
    """PEP 735, with included groups."""
    queue = chosen_groups(groups)
    for count, name in enumerate(queue):
        if count > _MAX_INCLUDES:
            return
        entries = groups.get(name)
        for entry in entries if isinstance(entries, list) else []:
            included = as_mapping(entry).get("include-group")
            if isinstance(included, str) and included in groups and included not in queue:
                queue.append(included)
        declared.add(declared.test, as_strings(entries))


def _poetry(poetry: dict[str, Any], declared: Declared) -> None:
    if not poetry:
        return
    declared.name = declared.name or str(poetry.get("name", ""))
    dependencies = as_mapping(poetry.get("dependencies"))
    declared.static = True
    python = dependencies.pop("python", "")
    declared.python = declared.python or (poetry_specifier(python) if isinstance(python, str) else "")
    declared.add(declared.runtime, _named(dependencies))
    declared.classifiers = declared.classifiers or tuple(as_strings(poetry.get("classifiers")))
    declared.add(declared.test, _named(as_mapping(poetry.get("dev-dependencies"))))
    groups = as_mapping(poetry.get("group"))
    for name in {*chosen_groups(groups), *({"dev"} & set(groups))}:
        declared.add(declared.test, _named(as_mapping(as_mapping(groups[name]).get("dependencies"))))
    extras = as_mapping(poetry.get("extras"))
    declared.extras = tuple(dict.fromkeys((*declared.extras, *chosen_groups(extras))))
    for package in poetry.get("packages") or []:
        where = as_mapping(package).get("from")
        declared.roots += [where] if isinstance(where, str) else []


def _named(dependencies: Mapping[str, Any]) -> list[str]:
    """Requirement strings of a poetry or Pipfile table; git, path and url entries are left to the installer."""
    found = []
    for name, value in dependencies.items():
        entry = as_mapping(value)
        version = value if isinstance(value, str) else entry.get("version", "")
        if {"git", "path", "url", "file"} & set(entry) or entry.get("optional") is True or not isinstance(version, str):
            continue
        extras = ",".join(as_strings(entry.get("extras")))
        found.append(f"{name}[{extras}]{poetry_specifier(version)}" if extras else f"{name}{poetry_specifier(version)}")
    return found


def _tools(tool: dict[str, Any], declared: Declared) -> None:
    """Test dependencies and import roots in the tables of uv, pdm, hatch and setuptools."""
    declared.add(declared.test, as_strings(as_mapping(tool.get("uv")).get("dev-dependencies")))
    pdm = as_mapping(as_mapping(tool.get("pdm")).get("dev-dependencies"))
    for name in chosen_groups(pdm):
        declared.add(declared.test, as_strings(pdm[name]))
    environments = as_mapping(as_mapping(tool.get("hatch")).get("envs"))
    for name in ("default", "test", "tests", "testing", "hatch-test"):
        environment = as_mapping(environments.get(name))
        for key in ("dependencies", "extra-dependencies"):
            declared.add(declared.test, as_strings(environment.get(key)))
    setuptools = as_mapping(tool.get("setuptools"))
    declared.roots += [d for d in as_mapping(setuptools.get("package-dir")).values() if isinstance(d, str)]
    packages = as_mapping(setuptools.get("packages"))
    declared.roots += as_strings(as_mapping(packages.get("find")).get("where"))
    declared.versioned_by_git |= "setuptools_scm" in tool or "setuptools-scm" in tool
    dynamic = as_mapping(as_mapping(setuptools.get("dynamic")).get("dependencies"))
    declared.test_files += [f for f in as_strings(dynamic.get("file")) if f.endswith((".txt", ".in"))]
