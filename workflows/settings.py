"""Settings of this machine: the only module that reads the environment (variables PATCHWRIGHT_… and XDG_…)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent.domain import Limits

PREFIX = "PATCHWRIGHT_"


class SettingsInvalid(ValueError):
    """A variable has a value that cannot be used; the message names it."""


def _data_home() -> Path:
    return _xdg("XDG_DATA_HOME", ".local/share") / "patchwright"


def _cache_home() -> Path:
    return _xdg("XDG_CACHE_HOME", ".cache") / "patchwright"


def _xdg(variable: str, default: str) -> Path:
    """The XDG directory; a relative value is ignored, as the specification asks."""
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else Path.home() / default


def _workers() -> int:
    return max(1, min(8, os.cpu_count() or 1))


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


Folder = Annotated[Path, AfterValidator(_absolute)]


class Settings(BaseSettings):
    """What holds for every run unless its own options say otherwise. Times are seconds of wall clock."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    home: Folder = Field(default_factory=_data_home, description="where runs are kept")
    cache: Folder = Field(default_factory=_cache_home, description="built environments and downloads, safe to delete")
    sandbox: Literal["auto", "bubblewrap", "docker", "none"] = Field(
        default="auto", description="what isolates the code under diagnosis; none only for code that is your own"
    )
    image: str = Field(
        default="",
        max_length=500,
        description="name, digest or id of the Docker image for sandboxes; naming one makes auto prefer Docker",
    )
    runtime: str = Field(default="", max_length=100, description="runtime of the Docker engine: runsc, kata")
    cpus: float = Field(default=0.0, ge=0, le=1024, description="processors of one Docker sandbox, 0 for all")
    warm: int = Field(default=2, ge=0, le=64, description="Docker containers kept ready for the next sandboxes")
    workers: int = Field(default_factory=_workers, ge=1, le=64, description="sandboxes at work at the same time")
    limit_seconds: float = Field(default=900.0, gt=0, le=604_800, description="wall clock of a whole run")
    test_seconds: float = Field(default=30.0, gt=0, le=86_400, description="wall clock of one test")
    suite_seconds: float = Field(default=300.0, gt=0, le=86_400, description="wall clock of one run of the suite")
    repeats: int = Field(default=5, ge=1, le=50, description="runs of a decisive test before and after a patch")
    candidates: int = Field(default=40_000, ge=1, description="candidate patches that a run may try")
    rounds: int = Field(default=2, ge=1, le=10, description="how often a run may look for patches")
    memory_mb: int = Field(default=4096, ge=64, description="memory of one sandbox, in MiB")
    model_url: str = Field(
        default="", max_length=2000, description="OpenAI-compatible endpoint that thinks; empty: none"
    )
    model_name: str = Field(default="Qwen/QwQ-32B", min_length=1, max_length=300, description="the model it serves")
    model_key: SecretStr = Field(default=SecretStr(""), description="key of the endpoint")
    model_key_file: Folder | None = Field(default=None, description="file with the key, instead of the key")
    model_tokens: int = Field(default=400_000, ge=1000, description="tokens that a run may spend, prompts included")
    model_seconds: float = Field(default=600.0, gt=0, le=604_800, description="wall clock of one visit to the model")
    model_steps: int = Field(default=24, ge=1, le=200, description="turns of one branch of thought")
    model_samples: int = Field(default=2, ge=1, le=8, description="branches of thought at the same time")
    debug: bool = Field(default=False, description="show tracebacks instead of one-line errors")

    @property
    def limits(self) -> Limits:
        """The limits of a run that asks for no other."""
        return Limits(
            wall_s=self.limit_seconds, test_s=self.test_seconds, suite_s=self.suite_seconds, repeats=self.repeats,
            candidates=self.candidates, rounds=self.rounds, workers=self.workers, memory_mb=self.memory_mb,
        )  # fmt: skip


def load() -> Settings:
    """The settings of this process. Raises SettingsInvalid."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        raise SettingsInvalid(f"{PREFIX}{name.upper()}: {first['msg']} (got {first['input']!r})") from error
    except RuntimeError as error:  # pathlib's word for "there is no home directory"
        raise SettingsInvalid(f"no home directory: set {PREFIX}HOME and {PREFIX}CACHE ({error})") from error


def unknown() -> tuple[str, ...]:
    """Variables with our prefix that mean nothing: most likely typing errors."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return tuple(sorted(name for name in os.environ if name.startswith(PREFIX) and name.upper() not in known))


def debugging() -> bool:
    """Whether tracebacks are wanted; works when the settings as a whole do not load."""
    return os.environ.get(f"{PREFIX}DEBUG", "").lower() in ("1", "true", "yes", "on")


def host_variables() -> dict[str, str]:
    """All variables of this process: where proxies, certificates and package indexes are found."""
    return dict(os.environ)
