"""Which servers of the Model Context Protocol may be asked what: a file of the user's, with every tool allowed by name.

servers:
  cluster:
    command: [some-mcp-server, --read-only]
    env: {CLUSTER_TOKEN: file:/etc/patchwright/token}   # what that file holds: secrets by reference
    tools:
      events_list: {sha256: 0f3a…}                         # pinned: see `patchwright mcp tools FILE`
  metrics:
    url: https://metrics.example.org/mcp                # streamable HTTP; in clear only on this machine
    headers: {Authorization: env:METRICS_TOKEN}
    tools: {query: {sha256: 77aa…, model: true}}        # a model may call it as well
queries:
  - {name: events, server: cluster, tool: events_list, arguments: {namespace: shop, since: "{start}"}}
"""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, model_validator

from tools.tool import ToolError
from tools.values import Value
from workflows.loopback import is_loopback

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,128}$")]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
Argument = str | int | float | bool | None
MOST_FILE = 1 << 20


class Allowed(Value):
    """A tool that may be called. sha256: of its description and schema, "" for whatever they are; model: whether a
    model may call it too, as it likes: of a tool that only reads, and whose description a person has seen and pinned.
    """

    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    model: bool = False

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.model and not self.sha256:
            raise ValueError("a tool for a model is pinned: sha256 as `patchwright mcp tools` shows it")
        return self


class Server(Value):
    """A server that is started (command), or that is there (url). env: names of variables, headers: of headers, and
    references to what they hold; timeout_s: of a connection with all its questions; most_bytes: of an answer.
    """

    command: tuple[str, ...] = Field(default=(), max_length=100)
    url: str = Field(default="", max_length=2000)
    env: dict[Name, str] = Field(default_factory=dict, max_length=50)
    headers: dict[Header, str] = Field(default_factory=dict, max_length=20)
    tools: dict[Name, Allowed] = Field(default_factory=dict, max_length=200)
    timeout_s: float = Field(default=20.0, gt=0, le=600)
    most_bytes: int = Field(default=1 << 20, ge=1024, le=64 << 20)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("a server has a command or a url, one of the two")
        if self.env if self.url else self.headers:
            raise ValueError("env goes with a command, headers go with a url")
        if self.url:
            _address(self.url)
        return self


def _address(url: str) -> None:
    """Raises ValueError for what is no address to send a credential to."""
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or parts.fragment or (parts.port or 1) < 1:
        raise ValueError("url is an address without a user, such as https://HOST/mcp")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("url must be https: only this machine is spoken to in clear")


class Query(Value):
    """A question that every triage asks. arguments: {start}, {end} and {service} in texts stand for those."""

    name: Name
    server: Name
    tool: Name
    arguments: dict[Name, Argument] = Field(default_factory=dict, max_length=50)


class Servers(Value):
    """The file."""

    servers: dict[Name, Server] = Field(max_length=20)
    queries: tuple[Query, ...] = Field(default=(), max_length=50)


def read_servers(text: str) -> Servers:
    """Raises ToolError that says what is wrong."""
    if len(text) > MOST_FILE:
        raise ToolError(f"servers: more than {MOST_FILE >> 20} MB")
    try:
        found = Servers.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        raise ToolError(f"servers: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ToolError(f"servers: no YAML ({' '.join(str(error).split())[:200]})") from error
    for query in found.queries:
        server = found.servers.get(query.server)
        if server is None or query.tool not in server.tools:
            raise ToolError(f"servers: query {query.name}: {query.server} has no tool {query.tool} that is allowed")
    return found
