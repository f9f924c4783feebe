"""Which servers of the Model Context Protocol may be asked what: a file of the user's, with every tool allowed by name.

servers:
  cluster:
    command: [some-mcp-server, --read-only]
    env: {CLUSTER_TOKEN: file:/etc/patchwright/token}   # what that file holds: secrets by reference
    tools:
      events_list: {sha256: 0f3a…}                         # pinned: see `patchwright mcp tools FILE`
queries:
  - {name: events, server: cluster, tool: events_list, arguments: {namespace: shop, since: "{start}"}}
"""

from __future__ import annotations

from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from tools.tool import ToolError
from tools.values import Value

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,128}$")]
Argument = str | int | float | bool | None
MOST_FILE = 1 << 20


class Allowed(Value):
    """A tool that may be called. sha256: of its description and schema, "" for whatever they are."""

    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""


class Server(Value):
    """A server that is started. env: names of variables and references to what they hold; most_bytes: of an answer."""

    command: tuple[str, ...] = Field(min_length=1, max_length=100)
    env: dict[Name, str] = Field(default_factory=dict, max_length=50)
    tools: dict[Name, Allowed] = Field(default_factory=dict, max_length=200)
    timeout_s: float = Field(default=20.0, gt=0, le=600)
    most_bytes: int = Field(default=1 << 20, ge=1024, le=64 << 20)


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
    except yaml.YAMLError as error:
        raise ToolError(f"servers: no YAML ({' '.join(str(error).split())[:200]})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ToolError(f"servers: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    for query in found.queries:
        server = found.servers.get(query.server)
        if server is None or query.tool not in server.tools:
            raise ToolError(f"servers: query {query.name}: {query.server} has no tool {query.tool} that is allowed")
    return found
