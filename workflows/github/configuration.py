"""The section `github:` of `.patchwright.yml`: what a repository's owners want of the bot.

It is read from the base branch, never from the head of a pull request: whoever opens one would else decide who may
command the bot and what its fixes may touch.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sandbox.detection.overrides import ConfigurationInvalid, explain, mapping_of

NAME = ".patchwright.yml"
MAX_BYTES = 64 << 10
Tone = Literal["brief", "usual", "thorough"]


def _many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _frozen(value: Any) -> Any:
    many = _many(value)
    return tuple(many) if isinstance(many, list) else many


Text = Annotated[str, Field(min_length=1, max_length=400)]
Command = Annotated[str, Field(min_length=1, max_length=4_000)]
Many = Annotated[tuple[Text, ...], BeforeValidator(_frozen), Field(max_length=100)]


class BotConfiguration(BaseModel):
    """What the bot does in a repository. Patterns are of fnmatch: * also goes through slashes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    enabled: bool = Field(default=True, description="whether the bot does anything here")
    workflows: Many = Field(default=("*",), description="names or files of workflows whose failures it looks at")
    languages: Many = Field(default=("*",), description="languages of the failing tools that it diagnoses")
    install: Annotated[tuple[Command, ...] | None, BeforeValidator(_frozen), Field(max_length=50)] = Field(
        default=None, description="commands that install the project; else those at the top of the file"
    )
    test: Command | None = Field(default=None, description="the command that tests it; else the one at the top")
    budget_seconds: int = Field(default=900, ge=30, le=86_400, description="wall clock of one diagnosis")
    budget_tokens: int | None = Field(default=None, ge=1000, description="tokens of the model for one diagnosis")
    tone: Tone = Field(default="usual", description="how much the comment says")
    commanders: Many = Field(default=(), description="logins that may command it; empty: all who can push")
    fix_branch: bool = Field(default=False, description="whether /patchwright apply makes a branch with the fix")
    fix_pull_request: bool = Field(default=False, description="whether that branch is opened as a pull request too")
    suggestions: bool = Field(default=True, description="whether fixes inside the diff become suggestions")
    protected: Many = Field(default=(), description="files that no fix may touch, beside .github and CODEOWNERS")
    silent: bool = Field(default=True, description="say nothing where there is nothing useful to say")
    forks: bool = Field(default=True, description="whether pull requests from forks are looked at")
    drafts: bool = Field(default=False, description="whether drafts are looked at")


def configuration_of(data: bytes | None) -> BotConfiguration:
    """The section in a file's bytes; the defaults without a file. Raises ConfigurationInvalid, in one line."""
    if data is None:
        return BotConfiguration()
    if len(data) > MAX_BYTES:
        raise ConfigurationInvalid(f"{NAME}: larger than {MAX_BYTES >> 10} kB")
    try:
        values = mapping_of(NAME, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigurationInvalid(f"{NAME}: not UTF-8 at byte {error.start}") from None
    section = {} if values.get("github") is None else values["github"]
    if not isinstance(section, dict) or not all(isinstance(key, str) for key in section):
        raise ConfigurationInvalid(f"{NAME}: github: must be a mapping")
    above = {key: values[key] for key in ("install", "test") if values.get(key) is not None}
    try:
        return BotConfiguration.model_validate({**above, **section})
    except ValidationError as error:
        raise ConfigurationInvalid(f"{NAME}: github: {explain(error)}") from None


def configuration_schema() -> str:
    """The JSON schema of the section, as `patchwright github schema` prints it."""
    schema = BotConfiguration.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
