"""What an incident hits: the share of requests that fail, services, and those that depend on them."""

from __future__ import annotations

from collections.abc import Sequence

from tools.oplogs.asking import written
from tools.triage.origin import connected
from tools.triage.topology import Topology
from tools.triage.values import Sentence, Symptom


def blast(
    symptoms: Sequence[Symptom], origin: str, topology: Topology, answered: Sequence[Sentence]
) -> tuple[Sentence, ...]:
    """Requests that failed, services that are affected, and those that call one and may be next.

    answered: which share of requests failed, where that is known.
    """
    affected = dict.fromkeys([origin, *(each.service for each in symptoms)])
    found = list(answered)
    for name in affected:
        mine = [each for each in symptoms if each.service == name]
        spoken = [each for each in mine if each.state != "silent"]
        if mine and not spoken:
            text = f"{name} stopped writing at {written(mine[0].first)}."
            found.append(Sentence(text=text, cites=(mine[0].evidence,)))
        elif mine:
            lines = sum(each.after for each in spoken)
            apart = "" if connected(origin, name, topology) else " (not connected with where it began)"
            kinds = (
                f"{len(spoken)} kinds of error or warning are" if len(spoken) > 1 else "one kind of error or warning is"
            )
            text = f"{name} is affected: {kinds} new or more frequent, {lines} lines since the onset{apart}."
            if all(each.state == "slower" for each in spoken):
                text = f"{name} is slow: {lines} lines since the onset tell of it{apart}."
            found.append(Sentence(text=text, cites=tuple(each.evidence for each in spoken[:5])))
    callers = sorted(name for name in topology.calls if origin in topology.below(name) and name not in affected)
    if callers and affected and symptoms:
        text = f"Not affected by their logs, but they depend on {origin}: {', '.join(callers)}."
        found.append(Sentence(text=text, cites=(symptoms[0].evidence,)))
    return tuple(found)
