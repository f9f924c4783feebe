"""Where it began: the affected service below which nothing else is affected, and when."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tools.triage.onset import Stretch
from tools.triage.topology import Topology
from tools.triage.values import Symptom

SHARE = 0.1  # of the lines of the most affected service, from which another one is affected


def connected(service: str, other: str, topology: Topology) -> bool:
    """Whether one of two services depends on the other; services that no topology knows may."""
    if service == other or not {service, other} <= topology.known:
        return True
    return other in topology.below(service) or service in topology.below(other)


def first_onset(stretches: Mapping[str, Stretch], topology: Topology, span: int) -> int:
    """The start of the clearest stretch, or of one shortly before it in a service that it depends on."""
    if not stretches:
        return -1
    main = max(stretches, key=lambda name: stretches[name].score)
    start = stretches[main].start
    near = [
        each.start for name, each in stretches.items()
        if connected(main, name, topology) and start - each.start <= max(60, span // 6)
    ]  # fmt: skip
    return min(near)


def heard_of(symptoms: Sequence[Symptom], services: Iterable[str]) -> dict[str, set[str]]:
    """Service -> services that its new errors name: it is they that it waits for."""
    found: dict[str, set[str]] = {}
    for name in services:
        named = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])", re.IGNORECASE)
        for symptom in symptoms:
            if symptom.service != name and named.search(f"{symptom.text} {symptom.example}"):
                found.setdefault(symptom.service, set()).add(name)
    return found


def origin_of(symptoms: Sequence[Symptom], topology: Topology, main: str = "") -> str:
    """The affected service that depends on no other affected one; of several the clearest, then the first one.

    A few new lines beside many do not make a service affected, and silence alone does not: who calls a dead service has
    no more work for others. main: the service whose errors stand out most. Warnings count where there are no errors.
    """
    silent = {each.service for each in symptoms if each.state == "silent"}
    crashed = {each.service for each in symptoms if each.state == "new" and not each.template} & silent
    spoken = [each for each in symptoms if each.state != "silent" or each.service in crashed] or list(symptoms)
    severe = [each for each in spoken if each.level != "warning"] or spoken
    lines = Counter[str]()
    for each in severe:
        lines[each.service] += max(each.after, 1)
    affected = crashed | {name for name, count in lines.items() if count >= SHARE * max(lines.values())}
    if main in affected:
        affected = {name for name in affected if connected(main, name, topology)}
    named = heard_of(severe, affected)
    lowest = {
        name for name in affected if not (topology.below(name) | named.get(name, set())) & (affected - {name})
    } or affected  # fmt: skip
    firsts = {name: min(each.first for each in severe if each.service == name) for name in lowest}
    return min(lowest, key=lambda name: (firsts[name], name != main, name), default="")


def outside_of(origin: str, symptoms: Sequence[Symptom], topology: Topology, logged: Iterable[str]) -> str:
    """A service that the origin's errors name and of which there is no log, "" where there is none."""
    unknown = topology.known - set(logged)
    named = heard_of([each for each in symptoms if each.service == origin], unknown)
    return min(named.get(origin, set()), default="")
