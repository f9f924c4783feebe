"""The image that a user asks for in the repository's own words: its Dockerfile, devcontainer.json or configuration.

A repository does not choose what an engine runs: a build executes its text as the engine's root with network, and an
image that it names may be anybody's, or a private one of this machine. Only the user's word makes one of them count.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.detection.declared import as_mapping
from sandbox.detection.overrides import IMAGE_NAME, Overrides, inside_tree, repository_overrides
from sandbox.protocol import Blueprint
from sandbox.recipe import EnvironmentUnknown
from sandbox.tree import Tree

AUTO = "auto"  # whatever the repository names
CONTAINERS = (".devcontainer/devcontainer.json", ".devcontainer.json")
DOCKERFILES = ("Dockerfile", "Containerfile", ".devcontainer/Dockerfile")
_MAX_BYTES = 256 << 10
_UNUSED = ("features", "postCreateCommand", "onCreateCommand", "updateContentCommand", "postStartCommand", "mounts")
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Described:
    """The blueprint that counts, None when there is none; notes for readers."""

    blueprint: Blueprint | None
    notes: tuple[str, ...] = ()


def described(top: Path, stated: Overrides) -> Described:
    """The blueprint that the user asks for. stated: the user's own words; `dockerfile` is a path in the repository, an
    absolute one of this machine, or "auto". Raises EnvironmentUnknown when it cannot be used.
    """
    tree = Tree(top)
    proposed = repository_overrides(tree)
    if not stated.dockerfile:
        named = proposed.image or proposed.dockerfile
        refused = f"its .patchwright.yml names {named} for sandboxes; `--dockerfile auto` makes that count"
        return Described(None, (refused,) if named and not stated.image else ())
    if stated.dockerfile != AUTO:
        return _from_file(tree, stated.dockerfile)
    if proposed.image:
        return Described(Blueprint(".patchwright.yml", image=proposed.image))
    file = proposed.dockerfile or next((name for name in (*CONTAINERS, *DOCKERFILES) if tree.has(name)), None)
    if file is None:
        raise EnvironmentUnknown("--dockerfile auto: the repository has no Dockerfile, devcontainer.json or image: key")
    return _from_file(tree, file)


def _from_file(tree: Tree, file: str) -> Described:
    if Path(file).is_absolute():
        text = Tree(Path(file).parent).read(Path(file).name, max_bytes=_MAX_BYTES)
        return Described(Blueprint(file, context=tree.top, dockerfile=_present(file, text)))
    try:
        path = inside_tree(file)
    except ValueError as error:
        raise EnvironmentUnknown(f"--dockerfile {file}: {error}") from None
    text = _present(path, tree.read(path, max_bytes=_MAX_BYTES))
    if path.endswith(".json"):
        return _from_container(tree, path, text)
    return Described(Blueprint(path, context=tree.top, dockerfile=text))


def _present(file: str, text: str | None) -> str:
    if text is None:
        raise EnvironmentUnknown(f"--dockerfile {file}: there is no such file, or it is larger than 256 kB")
    return text


def _from_container(tree: Tree, path: str, text: str) -> Described:
    """What a devcontainer.json says: an image, or a Dockerfile with its context, arguments and target."""
    try:
        document = as_mapping(json.loads(_TOKEN.sub(lambda m: m[0] if m[0][0] == '"' else "", text)))
    except (ValueError, RecursionError):
        raise EnvironmentUnknown(f"{path}: not valid JSON") from None
    unused = [name for name in _UNUSED if document.get(name)]
    notes = (f"{path}: {', '.join(unused)} not used",) if unused else ()
    build = as_mapping(document.get("build"))
    dockerfile = build.get("dockerfile") or document.get("dockerFile")
    if isinstance(dockerfile, str):
        return Described(_build(tree, path, dockerfile, build, document), notes)
    image = document.get("image")
    if isinstance(image, str) and len(image) <= 400 and re.match(IMAGE_NAME, image):
        return Described(Blueprint(path, image=image), notes)
    raise EnvironmentUnknown(f'{path}: needs "image" or "build": {{"dockerfile": …}}; compose files are not read')


def _build(tree: Tree, path: str, dockerfile: str, build: dict[str, Any], document: dict[str, Any]) -> Blueprint:
    folder = str(PurePosixPath(path).parent)
    file = _below(path, folder, dockerfile)
    place = _below(path, folder, str(build.get("context") or document.get("context") or "."))
    if not tree.has_directory(place):
        raise EnvironmentUnknown(f"{path}: there is no directory {place}")
    target = build.get("target")
    stated = as_mapping(build.get("args"))
    args = ((str(k), str(v)) for k, v in stated.items() if isinstance(v, str) and "${" not in v)
    return Blueprint(
        source=file,
        context=tree.top / place,
        dockerfile=_present(file, tree.read(file, max_bytes=_MAX_BYTES)),
        args=tuple(sorted(args))[:50],
        target=target if isinstance(target, str) and re.fullmatch(r"[\w.-]{1,100}", target) else "",
    )


def _below(path: str, folder: str, named: str) -> str:
    """A path of a devcontainer.json, which is relative to its directory, as one of the tree."""
    parts: list[str] = []
    for part in PurePosixPath(folder, named).parts:
        if part == ".." and not parts:
            raise EnvironmentUnknown(f"{path}: {named} leads out of the repository")
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    try:
        return inside_tree("/".join(parts) or ".")
    except ValueError as error:
        raise EnvironmentUnknown(f"{path}: {named}: {error}") from None
