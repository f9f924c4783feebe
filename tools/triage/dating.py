"""Dates of a log that can be read in two ways, settled by when the other logs and the deploys were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tools.oplogs.dates import Dates, agreed
from tools.oplogs.index import Index
from tools.triage.reading import Log
from tools.triage.values import Deploy

Reread = Callable[[str, bool], Index]


def settled(logs: Mapping[str, Log], deploys: Iterable[Deploy], reread: Reread) -> dict[str, Log]:
    """The logs, those with such dates read again where the others decide which way.

    reread: opens a service's log with the day first or not. Raises what it raises.
    """
    read = {name: Dates.model_validate(log.index.about["dates"]) for name, log in logs.items()}
    spans = [log.span() for name, log in logs.items() if read[name].sure]
    others = [span for span in spans if span[1] >= 0] + [(deploy.time, deploy.time) for deploy in deploys]
    found = dict(logs)
    for name, dates in read.items():
        day_first = agreed(dates, others)
        if day_first is not None:
            which = "day" if day_first else "month"
            said = f"in dates such as {dates.example} the {which} is first: so they agree with other logs and deploys"
            found[name] = Log(name, reread(name, day_first), (said,))
    return found
