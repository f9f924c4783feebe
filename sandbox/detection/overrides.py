"""What the user (flags) or the repository (`.patchwright.yml`) says about installing and testing it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sandbox.recipe import EnvironmentUnknown, Framework
from sandbox.tree import Tree

CONFIGURATION_FILES = (".patchwright.yml", ".patchwright.yaml")
IMAGE_NAME = r"^[a-zA-Z0-9][a-zA-Z0-9_.:/@-]*$"
_MAX_BYTES = 64 << 10
_MAX_DEPTH = 20
_MAX_EVENTS = 5_000


class ConfigurationInvalid(EnvironmentUnknown):
    """`.patchwright.yml` cannot be used; the message names the key and what it must be."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What overrules detection; None and empty mean "not said".

    install: shell commands; test: the test command as typed; framework: what `test` runs, when its words do not tell;
    python: a version ("3.9") or the path of an interpreter; roots: directories with importable packages;
    directory: the project's directory in the tree; version: the release that version-control-based builds are told;
    image, dockerfile: what sandboxes are made from (see sandbox.detection.blueprint: a repository only proposes that).
    """

    install: tuple[str, ...] | None = None
    test: str | None = None
    framework: Framework | None = None
    python: str | None = None
    roots: tuple[str, ...] | None = None
    directory: str | None = None
    version: str | None = None
    image: str | None = None
    dockerfile: str | None = None

    def over(self, other: Overrides) -> Overrides:
        """These, completed by `other` where nothing is said."""
        return Overrides(
            install=other.install if self.install is None else self.install,
            test=self.test or other.test,
            framework=self.framework if self.test else self.framework or other.framework,
            python=self.python or other.python,
            roots=self.roots or other.roots,
            directory=self.directory or other.directory,
            version=self.version or other.version,
            image=self.image or other.image,
            dockerfile=self.dockerfile or other.dockerfile,
        )


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def inside_tree(path: str) -> str:
    """`path` normalized, when it is relative and stays in the tree; raises ValueError."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\0" in path or ":" in path:
        raise ValueError("must be a directory inside the repository")
    return str(pure)


_Command = Annotated[str, Field(min_length=1, max_length=4_000)]
_Directory = Annotated[str, Field(min_length=1, max_length=400), BeforeValidator(lambda v: inside_tree(str(v)))]


class _File(BaseModel):
    """The schema of `.patchwright.yml`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    install: Annotated[list[_Command] | None, BeforeValidator(_as_list), Field(max_length=50)] = None
    test: _Command | None = None
    python: str | None = None
    roots: Annotated[list[_Directory], BeforeValidator(_as_list), Field(max_length=20)] = []
    directory: _Directory | None = None
    image: Annotated[str | None, Field(pattern=IMAGE_NAME, max_length=400)] = None
    dockerfile: _Directory | None = None
    github: dict[str, Any] | None = None  # the bot's section, which workflows/github/configuration.py reads


def repository_overrides(tree: Tree) -> Overrides:
    """What `.patchwright.yml` says; nothing when there is none. Raises ConfigurationInvalid."""
    name = next((n for n in CONFIGURATION_FILES if tree.has(n)), None)
    if name is None:
        return Overrides()
    text = tree.read(name, max_bytes=_MAX_BYTES)
    if text is None:
        raise ConfigurationInvalid(f"{name}: larger than {_MAX_BYTES >> 10} kB or not readable")
    values = mapping_of(name, text)
    try:
        file = _File.model_validate(values)
    except ValidationError as error:
        raise ConfigurationInvalid(f"{name}: {explain(error)}") from None
    # A path would let a repository name any directory of the host to be shown in its sandbox.
    if file.python is not None and not re.fullmatch(r"3(\.\d{1,2}){1,2}", file.python):
        raise ConfigurationInvalid(f'{name}: python: must be a version such as "3.11" (in quotes)')
    return Overrides(
        install=None if file.install is None else tuple(file.install),
        test=file.test,
        python=file.python,
        roots=tuple(file.roots) or None,
        directory=file.directory,
        image=file.image,
        dockerfile=file.dockerfile,
    )


def mapping_of(name: str, text: str) -> dict[str, Any]:
    """The mapping in `text`, refused before it is built when it is deep, long or uses aliases."""
    import yaml  # noqa: PLC0415 - most repositories have no such file, and it takes time to import

    try:
        depth = 0
        for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
            if isinstance(event, yaml.AliasEvent):
                raise ConfigurationInvalid(f"{name}: aliases are not allowed")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH or count > _MAX_EVENTS:
                raise ConfigurationInvalid(f"{name}: nested too deeply or too long")
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}" if place else ""
        raise ConfigurationInvalid(f"{name}: not valid YAML{where}") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigurationInvalid(
            f"{name}: must be a mapping with the keys install, test, python, roots, directory, image, "
            "dockerfile, github"
        )
    return values


def explain(error: ValidationError) -> str:
    """The first problems, one clause each, with the value left out."""
    parts = []
    for problem in error.errors(include_url=False, include_input=False)[:3]:
        where = ".".join(str(p) for p in problem["loc"] if not str(p).startswith(("list[", "constrained")))
        what = "unknown key" if problem["type"] == "extra_forbidden" else str(problem["msg"])
        parts.append(f"{where[:80]}: {what}")
    return "; ".join(parts)
