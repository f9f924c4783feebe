"""`patchwright eval`: many tasks with hidden tests, run, judged and counted; and two such runs compared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from workflows.exits import Refused

if TYPE_CHECKING:
    from workflows.evaluation.results import Row
    from workflows.evaluation.tasks import Task
    from workflows.settings import Settings

WEEK = 604_800


def eval(  # noqa: A001, PLR0917 - the command's name; typer reads the signature
    tasks: Annotated[
        Path | None, typer.Argument(metavar="TASKS.jsonl", help="SWE-bench instances, or tasks of the simple format.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Results; those that are there are kept.")] = Path("results"),
    repositories: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Clones of the repositories, as owner__name or owner/name.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="ID", help="These tasks alone.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Tasks at the same time.")] = 1,
    limit_seconds: Annotated[float | None, typer.Option(min=1, max=WEEK, help="Wall clock of a task's run.")] = None,
    sandbox: Annotated[
        Literal["auto", "bubblewrap", "docker", "none"] | None, typer.Option(help="What isolates the code.")
    ] = None,
    model_url: Annotated[str | None, typer.Option(metavar="URL", help="Endpoint of a model that thinks along.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model that it serves.")] = None,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="A B", help="Compare two results instead, task by task.")
    ] = None,
) -> None:
    """Run many tasks, judge the patches by hidden tests, and count. An evaluation that was ended goes on.

    In DIR: results.jsonl, and predictions.jsonl in SWE-bench's format. Checkouts hold nothing of what came after the
    commit under repair.
    """
    from workflows.settings import load

    if compare is not None:
        if tasks is not None:
            raise Refused("--compare takes two results and no tasks")
        _compare(*compare)
        return
    if tasks is None:
        raise Refused("name a file of tasks, or --compare A B")
    settings = load()
    changes = {"sandbox": sandbox, "limit_seconds": limit_seconds, "model_url": model_url, "model_name": model}
    given = {name: value for name, value in changes.items() if value is not None}
    _run(settings.model_copy(update=given), _chosen(tasks, repositories, only or ()), out.absolute(), parallel)


def _chosen(file: Path, repositories: Path | None, only: list[str] | tuple[()]) -> tuple[Task, ...]:
    from workflows.evaluation.tasks import read_tasks

    found = read_tasks(file, repositories)
    unknown = set(only) - {task.id for task in found}
    if unknown:
        raise Refused(f"--only {min(unknown)}: {file} has no such task")
    return tuple(task for task in found if not only or task.id in only)


def _run(settings: Settings, tasks: tuple[Task, ...], folder: Path, parallel: int) -> None:
    from workflows import interrupts
    from workflows.evaluation.attempt import Processes
    from workflows.evaluation.clones import Clones
    from workflows.evaluation.results import Results
    from workflows.evaluation.run import evaluate
    from workflows.reasoners import chosen

    reasoner = chosen(settings)
    console = Console(stderr=True)

    def say(what: str) -> None:
        console.print(what, markup=False, highlight=False, soft_wrap=True)

    results = Results(folder, f"patchwright with {reasoner.name}" if reasoner else "patchwright")
    results.begin()
    attempt = Processes(settings, folder, Clones(folder / "clones"), _options(settings))
    with results.held():
        work = evaluate(tasks, results, attempt, parallel=parallel, say=say)
        interrupts.run(work, lambda what: say(f"{what}; the same command goes on later"))
    _show(results.rows(tasks))
    say(f"results in {folder}")


def _options(settings: Settings) -> tuple[str, ...]:
    """What each diagnosis is given; the rest is in the environment, where the settings came from."""
    options = ["--sandbox", settings.sandbox, "--limit-seconds", str(settings.limit_seconds)]
    if settings.model_url:
        options += ["--model-url", settings.model_url, "--model", settings.model_name]
    return tuple(options)


def _show(rows: tuple[Row, ...]) -> None:
    from workflows.evaluation.table import summary_of, table_of

    Console().print(table_of(rows))
    sys.stdout.write("\n" + "\n".join(summary_of(rows)) + "\n")


def _compare(first: Path, second: Path) -> None:
    from workflows.evaluation.results import read_rows
    from workflows.evaluation.table import compared

    lines = compared(read_rows(first), read_rows(second), (str(first), str(second)))
    sys.stdout.write("\n".join(lines) + "\n")
