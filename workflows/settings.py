"""Settings of this machine: the only module that reads the environment (variables PATCHWRIGHT_… and XDG_…)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent.domain import Limits

PREFIX = "PATCHWRIGHT_"
SHORTEST_SECRET = 4  # characters; blotting out shorter ones would only make lines unreadable
UPLOAD = "upload:"  # how a run names a source that lies below `Settings.uploads`


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


def _database() -> SecretStr:
    """What platforms call the database they provide; our own variable goes first."""
    return SecretStr(os.environ.get("DATABASE_URL", ""))


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _permitted(names: str) -> str:
    wrong = set(split(names)) - {"install", "allow", "none"}
    if wrong:
        raise ValueError("only install, allow and none can be permitted")
    return names


def split(names: str) -> tuple[str, ...]:
    """The names in a list with commas, in lower case."""
    return tuple(dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip()))


Folder = Annotated[Path, AfterValidator(_absolute)]
Names = Annotated[str, Field(max_length=10_000)]
Reference = Annotated[str, Field(max_length=4096, pattern=r"^((file:/|env:[A-Za-z_])[^\x00-\x1f]*)?$")]
Permits = Annotated[Names, AfterValidator(_permitted)]


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
    dockerfile: str = Field(
        default="",
        max_length=1000,
        description="Dockerfile or devcontainer.json of repositories to build the image from, or auto: "
        "what a repository names; builds run as the engine's root",
    )
    image_python: str = Field(default="python:{version}-bookworm", max_length=500, description="where none is named")
    image_node: str = Field(default="node:{version}-bookworm", max_length=500, description="the same for Node")
    image_go: str = Field(default="golang:{version}-bookworm", max_length=500, description="the same for Go")
    image_rust: str = Field(default="rust:{version}-bookworm", max_length=500, description="the same for Rust")
    image_java: str = Field(default="eclipse-temurin:{version}", max_length=500, description="the same for Java")
    cache_gb: float = Field(
        default=20.0, gt=0, le=100_000, description="size of built environments, and of built images; older ones go"
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
    server: str = Field(default="", max_length=2000, description="URL of a service that runs diagnoses; empty: here")
    token: SecretStr = Field(default=SecretStr(""), description="token for that service")
    token_file: Folder | None = Field(default=None, description="file with the token, instead of the token")
    git_hosts: Names = Field(
        default="github.com,gitlab.com,bitbucket.org,codeberg.org",
        description="hosts that the service clones from, by commas; * for every public one",
    )
    private_hosts: bool = Field(
        default=False, description="this machine and private networks may be cloned from, and told of the end of runs"
    )
    permit: Permits = Field(
        default="",
        description="what requests to the service may ask for beyond the usual, by commas: install, allow, none",
    )
    github_links: str = Field(
        default="", max_length=2000, description="address of this service that comments link to; empty: none"
    )
    upload_mb: int = Field(default=256, ge=1, le=65_536, description="size of an upload to the service, in MiB")
    unpacked_mb: int = Field(default=2048, ge=1, le=1_048_576, description="size of an upload unpacked, in MiB")
    unpacked_files: int = Field(default=100_000, ge=1, le=10_000_000, description="files in an upload")
    database_url: SecretStr = Field(
        default_factory=_database, description="Postgres of the service (or DATABASE_URL); empty: an embedded one"
    )
    stall_seconds: float = Field(
        default=30.0, ge=1, le=3600, description="a worker or bot that is silent for so long has its work taken over"
    )
    drain_seconds: float = Field(
        default=20.0, ge=0, le=3600, description="what a stopping worker gives its runs to finish their step"
    )
    wait_seconds: float = Field(
        default=259_200.0, gt=0, le=31_536_000, description="how long a run of the service waits for a person's answer "
        "before it goes on without"
    )  # fmt: skip
    callback_key_file: Folder | None = Field(
        default=None, description="file with what callbacks are signed with; none: made below HOME, which nodes share"
    )
    keep_days: float = Field(
        default=90.0, ge=0, le=36_500, description="days after which the service removes ended runs; 0: never"
    )
    keep_gb: float = Field(
        default=0.0, ge=0, le=10_000_000, description="GB of ended runs that the service keeps, newest first; 0: any"
    )
    keep_tenant_gb: float = Field(default=0.0, ge=0, le=10_000_000, description="the same of each tenant's runs")
    keep_audit_days: float = Field(
        default=400.0, ge=0, le=36_500, description="days for which the service keeps who did what; 0: for ever"
    )
    requests_per_minute: int = Field(
        default=6000, ge=0, le=10_000_000, description="requests of one tenant to one API node; 0: any number"
    )
    queue_limit: int = Field(default=2000, ge=1, description="runs of one tenant that may wait")
    reap_seconds: float = Field(
        default=60.0, ge=1, le=86_400, description="how often a worker removes what killed runs left on a Docker engine"
    )
    artifacts: str = Field(
        default="", max_length=1000, pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,62}(/[!-~]*)?)?$",
        description="where the service keeps reports and artifacts: s3://BUCKET/PREFIX; empty: directories of runs",
    )  # fmt: skip
    artifacts_endpoint: str = Field(
        default="", max_length=1000, pattern=r"^(https?://[!-~]+)?$", description="URL of the storage, if not AWS"
    )  # fmt: skip
    artifacts_region: str = Field(default="us-east-1", max_length=100, description="the bucket's region")
    artifacts_id: Reference = Field(
        default="", description="reference to its access key id; empty: as AWS tools find it"
    )
    artifacts_secret: Reference = Field(default="", description="reference to its secret access key")
    artifacts_key: Reference = Field(
        default="",
        description="reference to the key (32 bytes as base64) that reports and artifacts are encrypted with",
    )
    artifacts_old_key: Reference = Field(
        default="", description="reference to the key before that one: what it encrypted is still read"
    )
    artifact_mb: int = Field(default=256, ge=1, le=65_536, description="size of one artifact of the service, in MiB")
    artifacts_mb: int = Field(
        default=4096, ge=1, le=1_048_576, description="size of what one attempt at a run keeps, in MiB"
    )
    oidc_issuer: str = Field(
        default="",
        max_length=1000,
        description="OpenID Connect issuer (URL) whose JWTs are taken as tokens; empty: none",
    )
    oidc_audience: str = Field(default="", max_length=500, description="the audience that those must be for")
    oidc_tenant_claim: str = Field(default="tenant", min_length=1, max_length=200, description="claim with the tenant")
    oidc_scope_claim: str = Field(
        default="scope", min_length=1, max_length=200, description="claim with the scopes: words of a text, or a list"
    )
    oidc_scope_prefix: str = Field(
        default="", max_length=200, description="what stands before submit, read, approve and admin in that claim"
    )
    oidc_leeway_seconds: float = Field(default=30.0, ge=0, le=600, description="by which the issuer's clock may differ")
    oidc_refresh_seconds: float = Field(
        default=60.0, ge=1, le=86_400, description="time between two looks for a key that is not known"
    )
    tenant_runs: int = Field(default=8, ge=1, le=1000, description="runs of one tenant at the same time")
    metrics_port: int = Field(
        default=0, ge=0, le=65_500, description="where a process of the service answers Prometheus, without a token; "
        "workers of serve take the following ports; 0: nowhere, and the API at /metrics"
    )  # fmt: skip
    metrics_host: str = Field(
        default="127.0.0.1", min_length=1, max_length=300, description="the address of that port, on this machine alone"
    )
    github_secret: SecretStr = Field(
        default=SecretStr(""), description="secret that GitHub signs webhooks with; empty: none are taken"
    )
    github_secret_old: SecretStr = Field(
        default=SecretStr(""), description="the secret before it, good until every delivery has the new one"
    )
    github_secret_file: Folder | None = Field(
        default=None, description="file with these secrets, one a line, instead of them"
    )
    github_url: str = Field(
        default="", max_length=2000, description="base of GitHub's API, such as https://HOST/api/v3; empty: github.com"
    )
    github_app: int = Field(default=0, ge=0, description="id of the GitHub App that the bot is")
    github_key_file: Folder | None = Field(default=None, description="file with the App's private key (PEM)")
    github_log_hosts: Names = Field(
        default="", description="more hosts that logs may be fetched from, by commas; *.HOST for all below one"
    )
    github_missed_seconds: float = Field(
        default=300.0, ge=1, le=86_400, description="how often GitHub is asked for deliveries that did not arrive"
    )
    github_tenant: str = Field(
        default="default", min_length=1, max_length=100, description="the tenant whose runs the bot's diagnoses are"
    )
    oncall: Folder | None = Field(
        default=None, description="file that says where alerts come from, what is looked at, and who is told; none: off"
    )
    mcp: Folder | None = Field(
        default=None, description="file with the MCP servers that the model of a diagnosis may ask; none: none"
    )
    debug: bool = Field(default=False, description="show tracebacks instead of one-line errors")

    @property
    def secrets(self) -> frozenset[str]:
        """What no log may show: values of secret settings and files, the database's password, a collector's headers."""
        values = [value.get_secret_value() for value in dict(self).values() if isinstance(value, SecretStr)]
        for name, path in dict(self).items():
            if name.endswith("_file") and path is not None:
                with contextlib.suppress(OSError, ValueError):  # told where it is needed
                    values += [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
            values += [unquote(pair.partition("=")[2].strip()) for pair in os.environ.get(name, "").split(",")]
        with contextlib.suppress(ValueError):
            values.append(unquote(urlsplit(self.database_url.get_secret_value()).password or ""))
        return frozenset(value for value in values if len(value) >= SHORTEST_SECRET)

    @property
    def cache_bytes(self) -> int:
        """The size that built environments, and built images, may have."""
        return int(self.cache_gb * 1e9)

    @property
    def base_images(self) -> dict[str, str]:
        """Images by language, for repositories of users who named none."""
        return {
            "python": self.image_python, "node": self.image_node, "go": self.image_go, "rust": self.image_rust,
            "java": self.image_java,
        }  # fmt: skip

    @property
    def limits(self) -> Limits:
        """The limits of a run that asks for no other."""
        return Limits(
            wall_s=self.limit_seconds, test_s=self.test_seconds, suite_s=self.suite_seconds, repeats=self.repeats,
            candidates=self.candidates, rounds=self.rounds, workers=self.workers, memory_mb=self.memory_mb,
        )  # fmt: skip

    @property
    def uploads(self) -> Path:
        """Where the service unpacks what is uploaded."""
        return self.home / "uploads"


def load() -> Settings:
    """The settings of this process. Raises SettingsInvalid."""
    try:
        return Settings()
    except (ValidationError, RuntimeError) as error:
        raise SettingsInvalid(_told(error)[0]) from error


def wrong() -> tuple[str, ...]:
    """What is wrong with the settings of this process, a line for each variable."""
    try:
        Settings()
    except (ValidationError, RuntimeError) as error:
        return _told(error)
    return ()


def _told(error: ValidationError | RuntimeError) -> tuple[str, ...]:
    if not isinstance(error, ValidationError):  # pathlib's word for "there is no home directory"
        return (f"no home directory: set {PREFIX}HOME and {PREFIX}CACHE ({error})",)
    names = ["_".join(str(part) for part in one["loc"]).upper() for one in error.errors()]
    return tuple(
        f"{PREFIX}{name}: {one['msg']} (got {one['input']!r})" for name, one in zip(names, error.errors(), strict=True)
    )


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
