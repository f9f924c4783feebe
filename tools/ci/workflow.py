"""A workflow file of GitHub Actions: its jobs, their matrix, services, tools, variables' names and steps.

The file is hostile: it is bounded before it is built, only strings, lists and mappings come out of it, and nothing
walks it
beyond the keys named here. Values of variables and secrets are never read.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tools.ci.plain import passable
from tools.ci.values import Version
from tools.values import Value

MAX_BYTES = 256 << 10
MAX_EVENTS = 20_000
MAX_DEPTH = 30
MAX_ALIASES = 100
MAX_JOBS = 200
MAX_STEPS = 200
MAX_COMBINATIONS = 256
MAX_COMMAND = 20_000
Combination = tuple[tuple[str, str], ...]
_SETUP = re.compile(
    r"^(?:actions/setup-(\w+)|(astral-sh|dtolnay|ruby|oven-sh|pnpm|gradle|shivammathur)/(?:setup-)?([\w-]+))@(.+)$"
)
_VERSION_KEY = re.compile(
    r"^(?:(?:python|node|go|java|dotnet|ruby|php|bun|uv|rust|gradle|maven)-)?(?:version|toolchain)$"
)
_EXPRESSION = re.compile(r"\$\{\{\s*(.{1,300}?)\s*\}\}")


class WorkflowInvalid(Exception):
    """The file is no workflow that can be read; the message says why."""


class WorkflowStep(Value):
    """A step. command: its script ("" of an action); directory: where it runs; tolerated: its failure fails no job;
    conditional: it has an `if`; aftermath: it only runs after a failure, or whatever happened.
    """

    name: str = ""
    uses: str = ""
    command: str = ""
    directory: str = ""
    shell: str = ""
    environment: tuple[str, ...] = ()
    tolerated: bool = False
    conditional: bool = False
    aftermath: bool = False


class WorkflowJob(Value):
    """A job. matrix: its combinations, each axis with its value; services: names and images; tools: what `setup-*`
    actions
    are asked for; environment: names of the variables of workflow, job and services.
    """

    id: str
    name: str
    runs_on: str = ""
    matrix: tuple[Combination, ...] = ((),)
    services: tuple[tuple[str, str], ...] = ()
    tools: tuple[Version, ...] = ()
    environment: tuple[str, ...] = ()
    steps: tuple[WorkflowStep, ...] = ()


class Workflow(Value):
    """A workflow's jobs, in the file's order."""

    name: str = ""
    jobs: tuple[WorkflowJob, ...] = ()


def read_workflow(text: str) -> Workflow:
    """Raises WorkflowInvalid."""
    top = _mapping(_loaded(text))
    outer = _defaults(top), _names(top.get("env"))
    jobs = _mapping(top.get("jobs"))
    if not jobs:
        raise WorkflowInvalid("it has no jobs")
    if len(jobs) > MAX_JOBS:
        raise WorkflowInvalid(f"more than {MAX_JOBS} jobs")
    return Workflow(
        name=_text(top.get("name"), 200),
        jobs=tuple(_job(str(key)[:200], _mapping(value), *outer) for key, value in jobs.items()),
    )


def filled(text: str, combination: Combination) -> str | None:
    """`text` with its `${{ matrix.… }}` filled in; None where another expression is left, such as a secret."""
    values = dict(combination)
    known = _EXPRESSION.sub(lambda match: values.get(match[1].removeprefix("matrix."), match[0]), text)
    return None if "${{" in known else known


def job_named(workflow: Workflow, name: str) -> tuple[WorkflowJob, Combination] | None:
    """The job, and its place in the matrix, that a log's name means: "test (3.11, ubuntu-latest)", as archives
    spell it too.
    """
    for wanted in dict.fromkeys((_comparable(name), _comparable(name.rpartition(" / ")[2]))):
        for job in workflow.jobs:
            for combination in job.matrix:
                if wanted in (_comparable(title) for title in _titles(job, combination)):
                    return job, combination
    alike = [job for job in workflow.jobs if _comparable(name).startswith(_comparable(job.id))]
    return (alike[0], alike[0].matrix[0]) if len(alike) == 1 else None


def _titles(job: WorkflowJob, combination: Combination) -> Iterator[str]:
    values = ", ".join(value for _, value in combination)
    for title in dict.fromkeys((job.name, job.id)):
        rendered = filled(title, combination)
        if rendered is not None:
            yield rendered
            yield f"{rendered} ({values})" if values else rendered


def _comparable(name: str) -> str:
    return re.sub(r"[/:\\<>\"|?*]|\s+", " ", name).strip().casefold()[:88].strip()


def _loaded(text: str) -> Any:
    """Strings, lists and mappings; refused before they are built when deep, long, or full of aliases."""
    if len(text) > MAX_BYTES:
        raise WorkflowInvalid(f"larger than {MAX_BYTES >> 10} kB")
    try:
        depth = aliases = 0
        for count, event in enumerate(yaml.parse(text, Loader=yaml.BaseLoader)):
            aliases += isinstance(event, yaml.AliasEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or count > MAX_EVENTS or aliases > MAX_ALIASES:
                raise WorkflowInvalid("nested too deeply, too long, or too many aliases")
        # The base loader makes strings only: 3.10 stays "3.10", `on` stays a key.
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        raise WorkflowInvalid(f"not valid YAML{f' at line {place.line + 1}' if place else ''}") from None


def _job(key: str, job: Mapping[str, Any], defaults: tuple[str, str], names: tuple[str, ...]) -> WorkflowJob:
    inner = _defaults(job)
    directory, shell = inner[0] or defaults[0], inner[1] or defaults[1]
    services = _mapping(job.get("services"))
    raw = [_mapping(step) for step in _list(job.get("steps"))[:MAX_STEPS]]
    return WorkflowJob(
        id=key,
        name=_text(job.get("name"), 300) or key,
        runs_on=_text(job.get("runs-on"), 200),
        matrix=_combinations(_mapping(_mapping(job.get("strategy")).get("matrix"))),
        services=tuple(
            (str(name)[:100], _text(_mapping(service).get("image"), 300))
            for name, service in list(services.items())[:50]
        ),
        tools=tuple(tool for step in raw for tool in _tools(step)),
        environment=tuple(dict.fromkeys((*names, *_names(job.get("env")), *_service_names(services)))),
        steps=tuple(_step(step, directory, shell) for step in raw),
    )


def _step(step: Mapping[str, Any], directory: str, shell: str) -> WorkflowStep:
    condition = _text(step.get("if"), 500)
    return WorkflowStep(
        name=_text(step.get("name"), 300),
        uses=_text(step.get("uses"), 300),
        command=_text(step.get("run"), MAX_COMMAND),
        directory=_text(step.get("working-directory"), 400) or directory,
        shell=_text(step.get("shell"), 200) or shell,
        environment=_names(step.get("env")),
        tolerated=_text(step.get("continue-on-error"), 100).lower() == "true",
        conditional=bool(condition),
        aftermath=bool(re.search(r"\b(?:failure|always|cancelled)\(\)", condition)),
    )


def _tools(step: Mapping[str, Any]) -> Iterator[Version]:
    match = _SETUP.match(_text(step.get("uses"), 300))
    if match is None:
        return
    name = match[1] or match[3]
    for key, value in list(_mapping(step.get("with")).items())[:50]:
        if _VERSION_KEY.match(str(key)) and isinstance(value, str):
            yield Version(ecosystem="tool", name=name, version=_text(value, 200))


def _combinations(matrix: Mapping[str, Any]) -> tuple[Combination, ...]:
    """The matrix as GitHub builds it: the product of the axes, without the excluded, extended or joined by the
    included.
    """
    axes = {str(key)[:100]: _scalars(value) for key, value in matrix.items() if key not in ("include", "exclude")}
    axes = {key: values for key, values in axes.items() if values}
    product = itertools.islice(itertools.product(*axes.values()), MAX_COMBINATIONS)
    rows = [dict(zip(axes, values, strict=True)) for values in product] if axes else []
    for excluded in _rows(matrix.get("exclude")):
        rows = [row for row in rows if not (excluded and excluded.items() <= row.items())]
    for included in _rows(matrix.get("include")):
        shared = {key: value for key, value in included.items() if key in axes}
        extended = (
            [row for row in rows if shared.items() <= {key: row.get(key) for key in axes}.items()] if axes else []
        )
        for row in extended:
            row.update(included)
        if not extended and len(rows) < MAX_COMBINATIONS:
            rows.append(dict(included))
    return tuple(tuple(row.items()) for row in rows) or ((),)


def _rows(value: object) -> Iterator[dict[str, str]]:
    for row in _list(value)[:MAX_COMBINATIONS]:
        yield {str(key)[:100]: item[:200] for key, item in list(_mapping(row).items())[:50] if isinstance(item, str)}


def _scalars(value: object) -> list[str]:
    return [item[:200] for item in _list(value)[:MAX_COMBINATIONS] if isinstance(item, str)]


def _defaults(holder: Mapping[str, Any]) -> tuple[str, str]:
    run = _mapping(_mapping(holder.get("defaults")).get("run"))
    return _text(run.get("working-directory"), 400), _text(run.get("shell"), 200)


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(key)[:100] for key in list(_mapping(value))[:200])


def _service_names(services: Mapping[str, Any]) -> Iterator[str]:
    for service in list(services.values())[:50]:
        yield from _names(_mapping(service).get("env"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object, limit: int) -> str:
    """A scalar, or the first scalar of a list, cleaned and cut."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, str)), "")
    return passable(value, limit) if isinstance(value, str) else ""
