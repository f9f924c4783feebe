"""What of an operator's file is fine, and what it names that is not there."""

from __future__ import annotations

import glob
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.tool import ToolError
from tools.triage.deploys import read_deploys
from workflows.exits import Refused
from workflows.oncall.channels.slack import SCOPES
from workflows.oncall.configuration import Configuration, Service, configuration_in
from workflows.oncall.parts import channels_of
from workflows.oncall.signatures import keys_of


@dataclass(frozen=True)
class Found:
    """Sentences."""

    fine: tuple[str, ...]
    missing: tuple[str, ...]


def found(file: Path) -> Found:
    """Look at everything that the file names, but for addresses. Raises Refused for a file that cannot be used."""
    configuration = configuration_in(file)
    missing: list[str] = []
    for ask in (keys_of, channels_of):
        try:
            ask(configuration)
        except Refused as error:
            missing.append(error.message)
    try:
        configuration.topology_read()
    except (ToolError, OSError) as error:
        missing.append(f"topology: {error}")
    fine = [
        f"tenant {configuration.tenant}",
        f"sources: {', '.join(sorted(map(str, configuration.sources))) or 'none'}",
        f"channels: {', '.join(f'{name} ({each.kind})' for name, each in configuration.channels.items()) or 'none'}",
    ]
    fine += [
        f"{name}: the bot's token needs {', '.join(SCOPES)}"
        for name, channel in configuration.channels.items() if channel.kind == "slack"
    ]  # fmt: skip
    for name, service in configuration.services.items():
        lacks = _lacking(configuration, service)
        missing += [f"{name}: {each}" for each in lacks]
        told = ", ".join(configuration.told((name,))) or "nobody"
        fine += [] if lacks else [f"{name}: everything it names is there; told: {told}"]
    return Found(tuple(fine), tuple(missing))


def _lacking(configuration: Configuration, service: Service) -> list[str]:
    lacks = [each for each in service.logs if not glob.glob(str(configuration.path(each)))]  # noqa: PTH207 - absolute
    lacks += [command[0] for command in service.commands if shutil.which(command[0]) is None]
    folders = [service.runbooks] if service.runbooks else []
    if service.repository and "://" not in service.repository:
        folders.append(service.repository)
    lacks += [each for each in folders if not configuration.path(each).is_dir()]
    if service.deploys:
        try:
            read_deploys(configuration.path(service.deploys).read_text(encoding="utf-8", errors="replace"))
        except (OSError, ToolError) as error:
            lacks.append(f"{service.deploys}: {error}")
    if not (service.logs or service.commands):
        lacks.append("neither logs nor commands: nothing of it can be looked at")
    return lacks
