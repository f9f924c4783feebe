"""Workflow files: what their jobs install and test, in the words of overrides, and what hostile files get."""

from __future__ import annotations

import pytest

from tools.ci.commands import overrides_of
from tools.ci.workflow import WorkflowInvalid, job_named, read_workflow

PYTHON = """\
name: CI
on: [push, pull_request]
env:
  PIP_NO_INPUT: 1
  API_TOKEN: ${{ secrets.API_TOKEN }}
defaults:
  run:
    shell: bash
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: ruff check .
  test:
    name: Test / ${{ matrix.os }}
    runs-on: ${{ matrix.os }}
    strategy:
      matrix:
        os: [ubuntu-latest, windows-latest]
        python: [3.9, "3.10", 3.11]
        exclude:
          - {os: windows-latest, python: 3.9}
        include:
          - {os: ubuntu-latest, python: 3.13, experimental: true}
          - {os: ubuntu-latest, python: "3.10", extra: redis}
    services:
      postgres:
        image: postgres:16
        env:
          POSTGRES_PASSWORD: hunter2
    defaults:
      run:
        working-directory: backend
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
          token: hunter2
      - run: sudo apt-get install -y libpq-dev
      - name: Install
        run: |
          # the project
          python -m pip install --upgrade pip
          pip install -e .[dev] \\
            -c constraints.txt
          pip install --index-url https://x:${{ secrets.INDEX }}@example.org/simple private
      - name: Unit tests
        continue-on-error: true
        env:
          DATABASE_URL: postgres://user:hunter2@localhost/db
        run: pytest -n auto tests
      - if: failure()
        run: pip install reporter && pytest --report
"""


def test_a_matrix_is_built_as_github_builds_it() -> None:
    """Product, without the excluded, joined or extended by the included; 3.10 stays 3.10."""
    job = read_workflow(PYTHON).jobs[1]
    rows = [dict(row) for row in job.matrix]
    assert [(row["os"], row["python"]) for row in rows] == [
        ("ubuntu-latest", "3.9"), ("ubuntu-latest", "3.10"), ("ubuntu-latest", "3.11"),
        ("windows-latest", "3.10"), ("windows-latest", "3.11"), ("ubuntu-latest", "3.13"),
    ]  # fmt: skip
    assert rows[1]["extra"] == "redis"
    assert rows[-1]["experimental"] == "true"


def test_a_job_becomes_overrides() -> None:
    """Install lines and the test line, without secrets, system packages and what runs after a failure."""
    workflow = read_workflow(PYTHON)
    found = job_named(workflow, "Test / ubuntu-latest (ubuntu-latest, 3.10, redis)")
    assert found is not None
    overrides = overrides_of(*found)
    assert overrides.install == ("python -m pip install --upgrade pip", "pip install -e .[dev] -c constraints.txt")
    assert (overrides.test, overrides.python, overrides.directory) == ("pytest -n auto tests", "3.10", "backend")


def test_names_of_variables_and_never_values_are_kept() -> None:
    """Neither masked nor plain secrets of a workflow's file get any further."""
    job = read_workflow(PYTHON).jobs[1]
    assert job.environment == ("PIP_NO_INPUT", "API_TOKEN", "POSTGRES_PASSWORD")
    assert job.services == (("postgres", "postgres:16"),)
    assert "hunter2" not in job.to_json()
    assert [tool.name for tool in job.tools] == ["python"]
    assert [step.name for step in job.steps if step.tolerated] == ["Unit tests"]


@pytest.mark.parametrize(
    ("name", "job"),
    [("lint", "lint"), ("Test  ubuntu-latest", "test"), ("caller / lint", "lint"), ("nothing like it", None)],
)
def test_a_log_finds_its_job(name: str, job: str | None) -> None:
    """By the rendered name, as archives spell it too, or by the id."""
    found = job_named(read_workflow(PYTHON), name)
    assert (found[0].id if found else None) == job


@pytest.mark.parametrize(
    ("script", "install", "test"),
    [
        ("npm ci\nnpm test -- --ci", ("npm ci",), "npm test -- --ci"),
        ("go mod download\ngo vet ./...\ngo test ./...", ("go mod download",), "go test ./..."),
        ("cargo build\ncargo test --all", ("cargo build",), "cargo test --all"),
        ("./mvnw -B verify", None, "./mvnw -B verify"),
        ("./gradlew --no-daemon check", None, "./gradlew --no-daemon check"),
        ("uv sync\nuv run pytest", ("uv sync",), "uv run pytest"),
        ("pip install tox\ntox -e py311", ("pip install tox",), "tox -e py311"),
        ("dotnet restore\ndotnet test --no-restore", ("dotnet restore",), "dotnet test --no-restore"),
        ("pnpm install --frozen-lockfile\npnpm run test", ("pnpm install --frozen-lockfile",), "pnpm run test"),
        ("cmake -B build\nctest --test-dir build", ("cmake -B build",), "ctest --test-dir build"),
        ("curl https://example.org/i.sh | sh\necho pytest-free > x", None, None),
    ],
)
def test_test_commands_of_many_tools_are_told_from_installs(script: str, install: object, test: str | None) -> None:
    """The last word of a job is its tests; what comes before prepares them."""
    body = "".join(f"          {line}\n" for line in script.split("\n"))
    job = read_workflow(f"jobs:\n  a:\n    steps:\n      - run: |\n{body}").jobs[0]
    overrides = overrides_of(job)
    assert (overrides.install, overrides.test) == (install, test)


def test_an_alias_is_read_and_a_bomb_is_refused() -> None:
    """GitHub allows aliases; a few are harmless, because nothing follows them further than to the known keys."""
    shared = "jobs:\n  a: &a\n    steps:\n      - run: pytest\n  b: *a\n"
    assert [job.steps[0].command for job in read_workflow(shared).jobs] == ["pytest", "pytest"]
    rows = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 30))
    with pytest.raises(WorkflowInvalid, match="aliases"):
        read_workflow(f"l0: &l0 [x]\n{rows}jobs: {{a: {{steps: *l29}}}}\n")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "jobs: 3", "jobs:\n - a", "a: [", "\0", "x" * 300_000, "jobs: {" + "[" * 60,
        "jobs: &a {b: *a}\n? [x]\n: y", "&a [*a]", "jobs: !!python/object:os.system {}\n",
        "a: " + "{b: " * 200 + "}" * 200,
    ],
)  # fmt: skip
def test_what_is_no_workflow_is_refused(text: str) -> None:
    """Always with the one error that says so, and at once."""
    with pytest.raises(WorkflowInvalid):
        read_workflow(text)


def test_values_of_the_wrong_kind_are_passed_over() -> None:
    """Each key is read for itself: nonsense in one does not hide another."""
    steps = "steps: [3, {run: [a]}, {run: pytest}]"
    text = f"jobs:\n  a:\n    env: [x]\n    services: 3\n    strategy: {{matrix: [1]}}\n    {steps}\n"
    job = read_workflow(text).jobs[0]
    assert (job.environment, job.services, job.matrix) == ((), (), ((),))
    assert overrides_of(job).test == "pytest"


def test_a_directory_outside_the_repository_is_left_out() -> None:
    """A workflow names no directory of the host."""
    text = "jobs:\n  a:\n    steps:\n      - {run: pytest, working-directory: ../../etc}\n"
    assert overrides_of(read_workflow(text).jobs[0]).directory is None
