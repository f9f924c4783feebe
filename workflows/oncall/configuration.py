"""What the operator says about alerts: a TOML or YAML file that PATCHWRIGHT_ONCALL names.

Only this file names logs and commands: nothing that arrives with an alert does. Secrets stand in it by reference.

    tenant = "default"
    topology = "topology.yaml"                      # paths are relative to the file
    tell = ["team"]                                 # channels of services that name none

    [sources.alertmanager]
    bearer = "file:/etc/patchwright/alertmanager"

    [services.orders]
    repository = "/srv/git/orders"
    logs = ["/var/log/orders/*.log"]
    deploys = "/var/log/deploys.jsonl"

    [channels.team]
    kind = "slack"
    channel = "C0123456789"
    token = "env:SLACK_TOKEN"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sandbox.detection.overrides import explain
from tools.triage.topology import Topology, read_topology
from workflows.exits import BAD_INPUT, Refused
from workflows.references import checked
from workflows.text import line

MAX_BYTES = 1 << 20
Source = Literal["alertmanager", "grafana", "pagerduty", "opsgenie", "sentry", "datadog", "generic"]
SOURCES: tuple[str, ...] = get_args(Source)


def address(url: str) -> str:
    """Secrets and what incidents say go over TLS, except to this machine."""
    parts = urlsplit(url)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in ("https", "http") or not url.isascii() or not url.isprintable():
        raise ValueError("https://HOST/PATH is expected")
    if parts.scheme == "http" and not here:
        raise ValueError("https is expected: http is for this machine alone")
    return url


def _pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError("a JSON pointer begins with /")
    return text


Reference = Annotated[str, AfterValidator(checked), Field(max_length=4096)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]
Url = Annotated[str, AfterValidator(address), Field(max_length=2000)]
Pointer = Annotated[str, AfterValidator(_pointer), Field(max_length=400)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mapped(_Part):
    """Where a message of the generic source has what: JSON pointers into each alert. alerts: to the list of them."""

    alerts: Pointer = ""
    name: Pointer = "/name"
    key: Pointer = ""
    service: Pointer = "/service"
    severity: Pointer = "/severity"
    status: Pointer = "/status"
    resolved: tuple[Text, ...] = ("resolved", "ok", "closed", "recovered")
    started: Pointer = "/started"
    ended: Pointer = "/ended"
    labels: Pointer = "/labels"
    text: Pointer = "/text"
    url: Pointer = "/url"


class SourceRules(_Part):
    """How a source proves itself: one or more of these, any of which will do.

    secret: its body is signed with it (Sentry, PagerDuty, Grafana); old_secret: the one before; bearer, basic
    (user:password), token with header: what it shows. timestamp_header: Grafana's, when its messages are to carry one.
    """

    secret: Reference | None = None
    old_secret: Reference | None = None
    signature_header: Name = "X-Grafana-Alerting-Signature"
    timestamp_header: Name | None = None
    bearer: Reference | None = None
    basic: Reference | None = None
    header: Name = "X-Patchwright-Token"
    token: Reference | None = None
    mapping: Mapped = Mapped()

    @model_validator(mode="after")
    def _proves(self) -> SourceRules:
        if not (self.secret or self.bearer or self.basic or self.token):
            raise ValueError("a source proves itself: name secret, bearer, basic or token")
        return self


class Service(_Part):
    """What is known of a service. commands: argv whose output is its log; channels: where its incidents are told;
    patch: whether a cause in its code is handed over to a diagnosis, None: as for the others.
    """

    repository: Text | None = None
    logs: tuple[Text, ...] = Field(default=(), max_length=100)
    commands: tuple[Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)], ...] = Field(
        default=(), max_length=20
    )
    deploys: Text | None = None
    runbooks: Text | None = None
    channels: tuple[Name, ...] | None = None
    patch: bool | None = None


class Slack(_Part):
    """A channel of Slack, by a bot's token (scopes chat:write and, to look there, channels:history, groups:history)."""

    kind: Literal["slack"]
    channel: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2,30}$")]
    token: Reference
    url: Url = "https://slack.com/api"


class Webhook(_Part):
    """A receiver of Standard Webhooks. secret: whsec_… that messages are signed with."""

    kind: Literal["webhook"]
    url: Url
    secret: Reference


class Email(_Part):
    """A mail server. login: user:password."""

    kind: Literal["email"]
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    login: Reference | None = None
    sender: Annotated[str, Field(pattern=r"^[^@\s<>,]{1,64}@[A-Za-z0-9.-]{1,253}$")]
    to: tuple[Annotated[str, Field(pattern=r"^[^@\s<>,]{1,64}@[A-Za-z0-9.-]{1,253}$")], ...] = Field(
        min_length=1, max_length=50
    )

    @model_validator(mode="after")
    def _private(self) -> Email:
        if self.tls == "none" and (self.host not in ("localhost", "127.0.0.1", "::1")):
            raise ValueError("tls = none is for this machine alone")
        return self


class Teams(_Part):
    """A workflow of Microsoft Teams. url: reference to its address, which is a secret."""

    kind: Literal["teams"]
    url: Reference


class PagerDuty(_Part):
    """Notes on the PagerDuty incident that an alert came from. sender: the address of a user there."""

    kind: Literal["pagerduty"]
    token: Reference
    sender: Annotated[str, Field(pattern=r"^[^@\s<>,]{1,64}@[A-Za-z0-9.-]{1,253}$")]
    url: Url = "https://api.pagerduty.com"


Channel = Annotated[Slack | Webhook | Email | Teams | PagerDuty, Field(discriminator="kind")]


class Configuration(_Part):
    """The file. settle_seconds: between the first alert and the look into it; update_seconds: between two looks;
    looks: at most so many at one incident; links: address of this service that messages link to; patch: whether causes
    in the code are handed over to a diagnosis, which runs their tests and looks for a patch.
    """

    tenant: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")] = "default"
    topology: Text | None = None
    settle_seconds: float = Field(default=3.0, ge=0, le=600)
    update_seconds: float = Field(default=60.0, ge=0, le=86_400)
    looks: int = Field(default=6, ge=1, le=100)
    links: Url | None = None
    patch: bool = False
    channels: Mapping[Name, Channel] = Field(default_factory=dict)
    tell: tuple[Name, ...] = ()
    sources: Mapping[Source, SourceRules] = Field(default_factory=dict)
    services: Mapping[Name, Service] = Field(default_factory=dict)
    folder: Path = Path()

    @model_validator(mode="after")
    def _known(self) -> Configuration:
        named = {*self.tell, *(name for each in self.services.values() for name in each.channels or ())}
        unknown = sorted(named - set(self.channels))
        if unknown:
            raise ValueError(f"no such channel: {', '.join(unknown)[:200]}")
        return self

    def path(self, name: str) -> Path:
        """A path of the file; relative ones are relative to it."""
        return self.folder / Path(name).expanduser()

    def told(self, services: tuple[str, ...]) -> tuple[str, ...]:
        """The channels of an incident of these services."""
        known = [self.services[name] for name in services if name in self.services]
        own = [name for each in known if each.channels is not None for name in each.channels]
        return tuple(dict.fromkeys(own)) if any(each.channels is not None for each in known) else self.tell

    def patched(self, service: str) -> bool:
        """Whether a cause in the code of this service is handed over to a diagnosis without being asked."""
        known = self.services.get(service)
        return self.patch if known is None or known.patch is None else known.patch

    def topology_read(self) -> Topology:
        """Which service calls which. Raises ToolError, OSError."""
        if self.topology is None:
            return Topology()
        return read_topology(self.path(self.topology).read_text(encoding="utf-8", errors="replace"))


def configuration_in(file: Path) -> Configuration:
    """The file, read. Raises Refused that names the field."""
    with file.open("rb") as opened:
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Refused(f"{file}: larger than 1 MB", BAD_INPUT)
    values = _values(file, data)
    if "folder" in values:
        raise Refused(f"{file}: folder: there is no such setting", BAD_INPUT)
    try:
        return Configuration.model_validate({**values, "folder": file.absolute().parent})
    except ValidationError as error:
        raise Refused(f"{file}: {line(explain(error), 1000)}", BAD_INPUT) from None


def _values(file: Path, data: bytes) -> dict[str, Any]:
    try:
        text = data.decode("utf-8-sig")
        read = tomllib.loads(text) if file.suffix == ".toml" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise Refused(f"{file}: cannot be read: {line(str(error), 300)}", BAD_INPUT) from None
    if not isinstance(read, dict) or not all(isinstance(name, str) for name in read):
        raise Refused(f"{file}: a table of settings is expected", BAD_INPUT)
    return read
