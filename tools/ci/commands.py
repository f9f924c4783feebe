"""How a job of a workflow installs and tests, as the overrides that detection understands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sandbox.detection.overrides import Overrides, inside_tree
from tools.ci.workflow import Combination, WorkflowJob, WorkflowStep, filled

MAX_INSTALL = 50
_TEST = re.compile(
    r"(?:^|[\s/&;])(?:pytest|py\.test|tox|nox|unittest|nosetests|manage\.py test|jest|vitest|mocha|ava"
    r"|playwright test|ctest|rspec|phpunit"
    r"|node (?:\S+ )*--test|go test|gotestsum|cargo (?:\+\S+ )?(?:test|nextest)|dotnet test|stestr"
    r"|hatch (?:run )?test|deno test|bun test"
    r"|(?:npm|pnpm|yarn|bun)(?: run)? (?:-\S+ )*(?:test|t)\b|make (?:\S+ )*(?:test|check)s?\b"
    r"|(?:\./)?(?:gradlew|gradle)\b.* (?:test|check|build)"
    r"|(?:\./)?mvnw? .*(?:test|verify|install|package)|(?:just|task|rake) (?:\S+ )*test)(?=\s|$|:)"
)
_INSTALL = re.compile(
    r"(?:^|[\s/&;])(?:pip[\d.]* install|(?:uv|poetry|pdm|pipenv|hatch|flit) (?:pip install|sync|install"
    r"|env create)|npm (?:ci|i|install)|yarn(?: install)?$"
    r"|yarn install|pnpm (?:i|install)|bun install|bundle install|composer install|go mod download|go get"
    r"|cargo (?:fetch|build)"
    r"|cmake|dotnet restore|setup\.py (?:develop|install|build)|make (?:\S+ )*(?:deps|install|setup"
    r"|build)\S*|npm run build|yarn build|pnpm (?:run )?build)(?=\s|$)"
)
_SEVERAL = re.compile(r"&&|\|\||;")
_SYSTEM = re.compile(r"\b(?:sudo|apt-get|apt|brew|choco|apk|dnf|yum)\b")
_NOT_FOR_US = re.compile(r"\$(?:\{)?GITHUB_|secrets\.|>>\s*\"?\$|curl [^|]*\| *(?:ba|z)?sh")


def overrides_of(job: WorkflowJob, combination: Combination = ()) -> Overrides:
    """Install commands up to the first test command, that command, its directory, and the Python that the job sets up.

    Lines with expressions that are not of the matrix (secrets above all), of the system's package managers, and
    steps that only
    run after a failure are left out.
    """
    combination = combination or job.matrix[0]
    install: list[str] = []
    python = next((filled(tool.version, combination) for tool in job.tools if tool.name == "python"), None)
    python = python if python and re.fullmatch(r"3\.\d{1,2}(?:\.\d{1,2})?", python) else None
    for step in job.steps:
        for line in _lines(step, combination):
            installs = bool(_INSTALL.search(line))
            if _TEST.search(line) and not (installs and not _SEVERAL.search(line)):
                return Overrides(
                    install=tuple(install) or None, test=line, python=python, directory=_directory(step, combination)
                )
            if installs and len(install) < MAX_INSTALL:
                install.append(line)
    return Overrides(install=tuple(install) or None, python=python)


def _lines(step: WorkflowStep, combination: Combination) -> Iterator[str]:
    """The lines of a step's script that can be run elsewhere, with the matrix filled in."""
    if step.aftermath or not step.command:
        return
    for raw in re.sub(r"\s*\\\n\s*", " ", step.command).split("\n"):
        line = raw.strip()
        text = filled(line, combination)
        if line and not line.startswith("#") and text and not _SYSTEM.search(text) and not _NOT_FOR_US.search(text):
            yield text[:4_000]


def _directory(step: WorkflowStep, combination: Combination) -> str | None:
    directory = filled(step.directory, combination)
    if not directory:
        return None
    try:
        inside = inside_tree(directory)
    except ValueError:
        return None
    return None if inside == "." else inside
