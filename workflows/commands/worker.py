"""`patchwright worker`: a process that works on the service's runs."""

from __future__ import annotations

from typing import Annotated

import typer


def worker(
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Runs at the same time.")] = 1,
    oncall: Annotated[
        bool, typer.Option(help="Look into incidents too; not where `patchwright oncall work` does that.")
    ] = True,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Work on runs of the service: any number of workers on any number of machines, with one PATCHWRIGHT_HOME for all,
    or with one PATCHWRIGHT_ARTIFACTS (then only uploads need a shared directory: PATCHWRIGHT_HOME/uploads).

    SIGTERM or Ctrl-C stops it: its runs go on elsewhere after their last finished step.
    """
    from workflows.oncall.serving import chores
    from workflows.service.node import work
    from workflows.settings import load

    settings = load()
    work(settings, concurrency=concurrency, parent=parent, more=chores(settings) if oncall else {})
