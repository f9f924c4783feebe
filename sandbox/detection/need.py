"""Which image a repository needs, asked before any is there: its language, and the version that its files ask for."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.detection.detect import detect
from sandbox.detection.node import package_json
from sandbox.detection.overrides import ConfigurationInvalid, Overrides
from sandbox.detection.pyproject import load_toml
from sandbox.detection.scan import Scan
from sandbox.interpreters import Interpreter, interpreter_at
from sandbox.protocol import Need
from sandbox.recipe import EnvironmentUnknown
from sandbox.toolchains import Installed
from sandbox.tree import Tree

PYTHONS = (12, 14, 13, 11, 10, 9, 8)  # minor versions with an image, the default first
NODES = (22, 24, 20, 18)
GO = 24  # of 1.24; older modules build with it
_JAVA = ("pom.xml", "build.gradle", "build.gradle.kts")
_SMALL = 4_000


def need_of(base: Path, overrides: Overrides, scan: Scan | None = None) -> Need:
    """What a tree needs. Where nothing tells, or no image has its Python: no image in particular; why, is told when the
    recipe is made from what the image has. scan: of the same tree. Raises ConfigurationInvalid.
    """
    everything = Installed(
        interpreters=tuple(Interpreter(Path(f"python3.{minor}"), (3, minor)) for minor in PYTHONS),
        program=lambda name: name,
        at=_at,
        where="the list of images",
    )
    try:
        recipe = detect(base, overrides, installed=everything, scan=scan)
    except ConfigurationInvalid:
        raise
    except EnvironmentUnknown:
        return Need("unknown")
    tree, prefix = Tree(base), "" if recipe.directory == "." else f"{recipe.directory}/"
    if recipe.language == "python":
        minor = re.search(r"3\.(\d+)$", recipe.interpreter)
        return Need("python", f"3.{minor[1]}" if minor else "")
    if recipe.language == "node":
        return Need("node", str(_node(tree, prefix)))
    if recipe.language == "go":
        return Need("go", f"1.{max(GO, _go(tree, prefix))}")
    if recipe.language == "rust":
        return Need("rust", _rust(tree, prefix))
    java = recipe.language == "unknown" and any(tree.has(prefix + name) for name in _JAVA)
    return Need("java", "21") if java else Need(recipe.language)


def _at(path: Path) -> Interpreter:
    """An interpreter named by its path is looked for in the image later; its version may be told by this machine's."""
    return interpreter_at(path) or Interpreter(Path(f"python3.{PYTHONS[0]}"), (3, PYTHONS[0]))


def _node(tree: Tree, prefix: str) -> int:
    """The major version: a pinned one, or the first of ours that `engines` allows."""
    for name in (".nvmrc", ".node-version"):
        if match := re.match(r"v?(\d{1,3})\b", (tree.read(prefix + name, max_bytes=_SMALL) or "").strip()):
            return int(match[1])
    engines = package_json(tree, prefix).get("engines")
    wanted = str(engines.get("node", "")) if isinstance(engines, dict) else ""
    return next((major for major in NODES if _allows(wanted[:200], major)), NODES[0])


def _allows(wanted: str, major: int) -> bool:
    """Whether a range of versions has room for a major version; a range that cannot be read has."""
    ways = [re.findall(r"(>=|<=|>|<|\^|~|=)?\s*v?(\d+)(?:\.(\d+|x|\*))?", way) for way in wanted.split("||")]
    return not any(ways) or any(way and all(_fits(sign, int(number), major) for sign, number, _ in way) for way in ways)


def _fits(sign: str, number: int, major: int) -> bool:
    if sign in (">=", ">"):
        return major >= number
    if sign in ("<", "<="):
        return major < number or (sign == "<=" and major == number)
    return major == number


def _go(tree: Tree, prefix: str) -> int:
    """The minor version that `go.mod` asks for at least."""
    match = re.search(r"^go\s+1\.(\d{1,3})", tree.read(f"{prefix}go.mod") or "", re.MULTILINE)
    return int(match[1]) if match else 0


def _rust(tree: Tree, prefix: str) -> str:
    """The pinned toolchain, or the newest 1.x."""
    document = load_toml(tree, f"{prefix}rust-toolchain.toml") or {}
    stated = document.get("toolchain")
    channel = str(stated.get("channel", "")) if isinstance(stated, dict) else ""
    channel = channel or (tree.read(f"{prefix}rust-toolchain", max_bytes=_SMALL) or "").strip()
    return channel if re.fullmatch(r"1\.\d{1,3}(\.\d{1,3})?", channel) else "1"
