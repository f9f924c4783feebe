"""Environments detected and built in the real sandbox from an index on the loopback interface, used without one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.access import access_from
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environment import BUILD_QUOTA, Overrides, build, detect
from sandbox.protocol import Quota, Sandboxes
from sandbox.recipe import Environment, EnvironmentBroken
from sandbox.unsandboxed import UnsandboxedSandboxes
from tests.acceptance.leftovers import fingerprint
from tests.fakes.index import TEST_RUNNER, Index
from tests.trees import grow
from tools.testing.run import probe_mount, run_tests
from tools.values import TestRun

QUOTA = Quota(wall_s=120.0, memory_bytes=1 << 30, processes=128, disk_bytes=256 << 20)
PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
# A build backend in the tree itself: it needs nothing but Python, and does what a build script may do.
BACKEND = """\
import os, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    here = os.getcwd()
    with open("built.txt", "w") as file:
        file.write("made by the build")
    name = "hello-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("hello.pth", os.path.join(here, "src"))
        wheel.writestr("hello-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: hello\\nVersion: 1.0\\n"
                       "Requires-Dist: greeting>=1\\n")
        wheel.writestr("hello-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("hello-1.0.dist-info/RECORD", "")
    return name

build_wheel = build_editable
"""
PYPROJECT = """\
[project]
name = "hello"
version = "1.0"
dependencies = ["greeting>=1"]

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
HELLO: Mapping[str, str] = {
    "pyproject.toml": PYPROJECT,
    "backend.py": BACKEND,
    "src/hello/__init__.py": "from greeting import greet\n",
    "tests/test_hello.py": "from hello import greet\n\n\ndef test_greets():\n    assert greet() == 'hello'\n",
}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index with the test runner and one package."""
    with Index(tmp_path / "index") as served:
        served.add_installed(*TEST_RUNNER)
        served.add("wheel", "0.45.0", {"wheel/__init__.py": ""})
        served.add("greeting", "1.2", {"greeting.py": "def greet():\n    return 'hello'\n"})
        yield served


@dataclass(frozen=True)
class Place:
    """Where environments are built: the index's address stays known when it answers no more."""

    folder: Path
    url: str
    sandboxes: Sandboxes

    async def build(self, base: Path, quota: Quota = BUILD_QUOTA) -> Environment:
        """The environment of a tree, with nothing of this machine's own settings."""
        environ = {"UV_DEFAULT_INDEX": self.url, "PIP_INDEX_URL": self.url, "HOME": str(self.folder / "nobody")}
        access = access_from(environ, etc=self.folder / "nothing")
        recipe = detect(base, Overrides(python=str(PYTHON)))  # the index has wheels for no other
        return await build(
            recipe, base, sandboxes=self.sandboxes, cache=self.folder / "cache", access=access, quota=quota
        )

    async def test(self, environment: Environment, base: Path) -> TestRun:
        """A run of the tree's tests, without network."""
        mounts, variables = (*environment.mounts, probe_mount()), dict(environment.env)
        workspace = environment.workspace(base)
        async with self.sandboxes.open(workspace, mounts=mounts, env=variables, quota=QUOTA) as sandbox:
            run, _ = await run_tests(sandbox, environment.recipe.test)
        return run


@pytest.fixture(params=[BubblewrapSandboxes, UnsandboxedSandboxes], ids=["bubblewrap", "none"])
def place(request: pytest.FixtureRequest, tmp_path: Path, index: Index) -> Place:
    return Place(tmp_path, index.url, request.param())


@pytest.fixture
def isolated(tmp_path: Path, index: Index) -> Place:
    return Place(tmp_path, index.url, BubblewrapSandboxes())


def files(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The project, with other files."""
    return {**HELLO, **(extra or {})}


async def test_a_project_is_built_from_the_index_and_tested_without_it(
    place: Place, index: Index, tmp_path: Path
) -> None:
    """Detected, built once, and used when the index is gone; the checkout stays as it was."""
    base = grow(tmp_path / "base", files())
    before = fingerprint(base)
    environment = await place.build(base)
    assert environment.recipe.language == "python"
    assert (environment.products / "built.txt").read_text() == "made by the build"
    assert fingerprint(base) == before
    index.stop()
    run = await place.test(environment, base)
    assert [(result.id, result.status) for result in run.results] == [("tests/test_hello.py::test_greets", "passed")]
    assert fingerprint(base) == before


async def test_the_second_build_is_taken_from_the_cache(isolated: Place, index: Index, tmp_path: Path) -> None:
    """By the manifests' content: of another checkout too, with other sources, and with the index gone."""
    first = await isolated.build(grow(tmp_path / "base", files()))
    index.stop()
    asked = len(index.asked)
    again = await isolated.build(grow(tmp_path / "again", files({"src/hello/more.py": "x = 1\n"})))
    assert (again.key, again.path) == (first.key, first.path)
    assert len(index.asked) == asked


async def test_a_changed_manifest_is_another_environment(isolated: Place, index: Index, tmp_path: Path) -> None:
    index.add("shouting", "2.0", {"shouting.py": "LOUD = True\n"})
    first = await isolated.build(grow(tmp_path / "base", files()))
    changed = PYPROJECT.replace('"greeting>=1"', '"greeting>=1", "shouting"')
    second = await isolated.build(grow(tmp_path / "changed", files({"pyproject.toml": changed})))
    assert first.key != second.key
    assert list(second.path.rglob("shouting.py"))
    assert not list(first.path.rglob("shouting.py"))


async def test_two_builds_of_one_environment_at_once_build_it_once(
    isolated: Place, index: Index, tmp_path: Path
) -> None:
    call = f"    import urllib.request\n    urllib.request.urlopen({index.url!r} + '/?built').close()\n    here ="
    base = grow(tmp_path / "base", files({"backend.py": BACKEND.replace("    here =", call)}))
    one, other = await asyncio.gather(isolated.build(base), isolated.build(base))
    assert one.key == other.key
    assert sum("?built" in path for path in index.asked) == 1


async def test_the_environment_cannot_be_changed_by_the_tests(isolated: Place, tmp_path: Path) -> None:
    """Neither its files nor the build's products, for the next run."""
    spoil = (
        "import os, greeting, pytest\n\n\ndef test_spoils():\n"
        "    with pytest.raises(OSError):\n        open(greeting.__file__, 'a')\n"
        "    with pytest.raises(OSError):\n        os.remove(greeting.__file__)\n"
        "    with open('built.txt', 'w') as file:\n        file.write('spoilt')\n"
    )
    base = grow(tmp_path / "base", files({"tests/test_hello.py": spoil}))
    environment = await isolated.build(base)
    before = fingerprint(environment.path)
    run = await isolated.test(environment, base)
    assert [result.status for result in run.results] == ["passed"], run.output
    assert fingerprint(environment.path) == before
    assert (environment.products / "built.txt").read_text() == "made by the build"


async def test_a_package_that_does_not_exist_breaks_the_environment_and_is_tried_again(
    isolated: Place, index: Index, tmp_path: Path
) -> None:
    """The failing step and what it printed; nothing is kept of it, and it works when the package is there."""
    manifest = PYPROJECT.replace('"greeting>=1"', '"greeting>=1", "not-there-yet"')
    backend = BACKEND.replace("Requires-Dist: greeting>=1", "Requires-Dist: not-there-yet")
    base = grow(tmp_path / "base", files({"pyproject.toml": manifest, "backend.py": backend}))
    with pytest.raises(EnvironmentBroken) as broken:
        await isolated.build(base)
    assert broken.value.step.startswith("uv pip install")
    assert "not-there-yet" in broken.value.output
    assert not list((tmp_path / "cache" / "environments").iterdir())
    assert [path.suffix for path in (tmp_path / "cache" / "failed").iterdir()] == [".log"]
    index.add("not_there_yet", "1.0", {"not_there_yet.py": ""})
    environment = await isolated.build(base)
    assert list(environment.path.rglob("not_there_yet.py"))


HOLIDAY = BACKEND.replace("    here =", "    raise RuntimeError('the compiler is on holiday')\n    here =")


async def test_a_build_script_that_fails_is_noted_where_the_dependencies_are_enough(
    isolated: Place, tmp_path: Path
) -> None:
    """The project itself is imported from its sources."""
    base = grow(tmp_path / "base", files({"backend.py": HOLIDAY}))
    environment = await isolated.build(base)
    assert any("failed; used instead" in note for note in environment.notes)
    assert environment.log is not None
    assert "the compiler is on holiday" in environment.log.read_text()
    run = await isolated.test(environment, base)
    assert [result.status for result in run.results] == ["passed"], run.output


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo the compiler is on holiday >&2; exit 3", "the compiler is on holiday"),
        ("while true; do :; done", "limit of wall exceeded"),
        ("no-such-installer --everything", "no-such-installer: not found"),
    ],
)
async def test_a_stated_install_command_that_fails_breaks_the_environment(
    isolated: Place, tmp_path: Path, command: str, said: str
) -> None:
    """The step as it was stated, and what it printed or which limit ended it."""
    base = grow(tmp_path / "base", files({".patchwright.yml": f"install: [{command!r}]\n"}))
    with pytest.raises(EnvironmentBroken) as broken:
        await isolated.build(base, quota=Quota(wall_s=10.0, memory_bytes=1 << 30, disk_bytes=256 << 20))
    assert broken.value.step == command
    assert said in broken.value.output


async def test_a_build_script_sees_nothing_of_this_machine(isolated: Place, tmp_path: Path) -> None:
    """Not the home directory, not the variables, not the cache that other builds use."""
    (tmp_path / "secret.txt").write_text("canary")
    spy = f"    assert not os.path.exists({str(tmp_path / 'secret.txt')!r}), 'a file of this machine'\n"
    spy += "    assert 'SERVICE_TOKEN' not in os.environ, 'a variable of this machine'\n"
    spy += f"    assert not os.path.exists({str(tmp_path / 'cache')!r}), 'the cache of others'\n"
    base = grow(tmp_path / "base", files({"backend.py": BACKEND.replace("    here =", f"{spy}    here =")}))
    await isolated.build(base)
