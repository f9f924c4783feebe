"""Names of repositories, branches and commits, checked before they become part of an address or an argument."""

from __future__ import annotations

import re

from pydantic import field_validator

from tools.values import Value

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})")
_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_UNFIT = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)")


class NameInvalid(ValueError):
    """It can be no such name; the message says which part."""


class RepositoryName(Value):
    """owner/name. GitHub's own characters only: both become part of addresses."""

    owner: str
    name: str

    @field_validator("owner")
    @classmethod
    def _owner(cls, value: str) -> str:
        if not _OWNER.fullmatch(value):
            raise NameInvalid("not the name of an account")
        return value

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise NameInvalid("not the name of a repository")
        return value

    @classmethod
    def of(cls, full: str) -> RepositoryName:
        """From "owner/name". Raises ValueError."""
        owner, _, name = full.partition("/")
        return cls(owner=owner, name=name)

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


def sha(value: str) -> str:
    """A full commit id. Raises NameInvalid."""
    if not _SHA.fullmatch(value):
        raise NameInvalid("not a commit id")
    return value


def branch(value: str) -> str:
    """A branch name that git takes (git check-ref-format) and no option. Raises NameInvalid."""
    if not value or len(value) > 250 or value.startswith(("-", "/", ".")) or value.endswith(("/", ".")):
        raise NameInvalid("not the name of a branch")
    if _UNFIT.search(value) or value == "@":
        raise NameInvalid("not the name of a branch")
    return value
