"""Which service calls which, and where each one's code is: a YAML or JSON file.

services:
  gateway: {calls: [orders], paths: [services/gateway]}
  orders: {calls: [inventory, payments]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tools.git import plain
from tools.tool import ToolError

MAX_TEXT = 1 << 20


@dataclass(frozen=True)
class Topology:
    """calls: service -> services that it calls; paths: service -> where its code is in the repository."""

    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def known(self) -> frozenset[str]:
        """All names, also of what is called and nothing else is said of."""
        return frozenset(self.calls).union(*self.calls.values()) if self.calls else frozenset()

    def below(self, service: str) -> frozenset[str]:
        """What a service calls, directly or through others."""
        found: set[str] = set()
        waiting = list(self.calls.get(service, ()))
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.calls.get(name, ())
        return frozenset(found)

    def owner(self, file: str) -> str:
        """The service whose code a file is, "" for shared or unknown ones."""
        for service, paths in self.paths.items():
            if any(file == path or file.startswith(f"{path.rstrip('/')}/") for path in paths):
                return service
        return ""


def part_of(log: str, service: str) -> bool:
    """Whether a log is one of several of a service, by its name: `portal-access` and `portal.error` are of `portal`."""
    return bool(service) and (log == service or (log.startswith(service) and log[len(service)] in "-_."))


def read_topology(text: str) -> Topology:
    """Raises ToolError that says what is wrong."""
    if len(text) > MAX_TEXT:
        raise ToolError("topology: more than 1 MB")
    try:
        read = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ToolError(f"topology cannot be read: {plain(str(error), 200)}") from error
    services = read.get("services") if isinstance(read, dict) else None
    if not isinstance(services, dict):
        raise ToolError("topology: a mapping `services` is expected")
    said = {str(name): value or {} for name, value in services.items()}
    return Topology(
        calls={name: _names(name, value, "calls") for name, value in said.items()},
        paths={name: _names(name, value, "paths") for name, value in said.items()},
    )


def _names(service: str, value: Any, key: str) -> tuple[str, ...]:
    names = value.get(key, []) if isinstance(value, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise ToolError(f"topology: {plain(service, 80)}: `{key}` must be a list of names")
    return tuple(str(name) for name in names)
