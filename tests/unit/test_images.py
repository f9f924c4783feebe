"""Which image a repository needs, who may name another one, and Dockerfiles as text."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.detection.blueprint import described
from sandbox.detection.need import need_of
from sandbox.detection.overrides import ConfigurationInvalid, Overrides
from sandbox.docker import context
from sandbox.docker.dockerfile import matches, parse
from sandbox.docker.reaper import reaping
from sandbox.environment_cache import Slot, entries, prune
from sandbox.protocol import Blueprint, BuildFailed, Need, SandboxUnavailable, System
from sandbox.recipe import EnvironmentUnknown
from sandbox.toolchains import in_image
from tests.trees import grow
from workflows.engines import engine
from workflows.settings import Settings

TEST = "def test_it():\n    assert True\n"


# What a repository needs


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"test_a.py": TEST}, Need("python", "3.12")),
        ({"test_a.py": TEST, ".python-version": "3.10.4"}, Need("python", "3.10")),
        ({"test_a.py": TEST, "setup.py": "from setuptools import setup\nsetup(python_requires='<3.10')"}, "3.9"),
        ({"test_a.py": TEST, "pyproject.toml": '[project]\nname="x"\nrequires-python=">=3.13"\n'}, "3.14"),
        ({"test_a.py": TEST, "pyproject.toml": '[project]\nname="x"\nrequires-python=">=3.99"\n'}, Need("unknown")),
        ({"package.json": '{"scripts": {"test": "node --test"}}'}, Need("node", "22")),
        ({"package.json": '{"scripts": {"test": "x"}, "engines": {"node": ">=20 <22"}}'}, Need("node", "20")),
        ({"package.json": '{"scripts": {"test": "x"}, "engines": {"node": "^18.2 || >=24"}}'}, Need("node", "24")),
        ({"package.json": '{"scripts": {"test": "x"}, "engines": {"node": "any\\u0000 <<"}}'}, Need("node", "22")),
        ({"package.json": '{"scripts": {"test": "x"}}', ".nvmrc": "v16.3\n"}, Need("node", "16")),
        ({"go.mod": "module x\n\ngo 1.18\n"}, Need("go", "1.24")),
        ({"go.mod": "module x\n\ngo 1.30.1\n"}, Need("go", "1.30")),
        ({"Cargo.toml": "[package]\nname='x'\n"}, Need("rust", "1")),
        ({"Cargo.toml": "", "rust-toolchain.toml": '[toolchain]\nchannel = "1.70"\n'}, Need("rust", "1.70")),
        ({"Cargo.toml": "", "rust-toolchain": "nightly; rm -rf /"}, Need("rust", "1")),
        ({"CMakeLists.txt": ""}, Need("c")),
        ({"a.txt": "nothing"}, Need("unknown")),
    ],
)
def test_image_follows_language_and_version(tmp_path: Path, files: dict[str, str], wanted: Need | str) -> None:
    found = need_of(grow(tmp_path / "p", files), Overrides())
    assert (found == wanted) if isinstance(wanted, Need) else (found == Need("python", wanted))


def test_java_is_what_a_build_file_and_the_users_command_make(tmp_path: Path) -> None:
    tree = grow(tmp_path / "p", {"pom.xml": "<project/>"})
    assert need_of(tree, Overrides(test="mvn -o test")) == Need("java", "21")


def test_users_python_counts_and_a_broken_configuration_is_told(tmp_path: Path) -> None:
    tree = grow(tmp_path / "p", {"test_a.py": TEST})
    assert need_of(tree, Overrides(python="3.8")) == Need("python", "3.8")
    assert need_of(tree, Overrides(python="/nowhere/bin/python3.9")) == Need("python", "3.12")
    (tree / ".patchwright.yml").write_text("image: '; rm -rf /'\n")
    with pytest.raises(ConfigurationInvalid, match="image"):
        need_of(tree, Overrides())


def test_image_brings_its_own_programs_first() -> None:
    """Of this machine only what lies in a directory of its own can be shown, and none of it in a furnished image."""
    shown = in_image(System("sha256:x", "/bin", (("/usr/bin/python3.9", (3, 9, 1)),), ("node",), "x:1"))
    assert [str(python.path) for python in shown.interpreters] == ["/usr/bin/python3.9"]
    assert not [python for python in shown.spare if python.path.is_relative_to("/usr")]
    assert shown.program("node") == "node"
    assert shown.at(Path("/usr/bin/python3.9")) == shown.interpreters[0]
    assert in_image(System("sha256:x", "/bin", furnished=True)).spare == ()


# What is kept


def _environment(cache: Path, key: str, size: int, used: float) -> None:
    slot = Slot(cache, key)
    slot.begin()
    (slot.environment / "file").write_bytes(b"x" * size)
    slot.publish({"language": "python", "made": used - 10})
    os.utime(slot.top / "built.json", (used, used))


def test_environments_are_listed_by_last_use_and_the_longest_unused_goes_first(tmp_path: Path) -> None:
    now = time.time()
    for key, size, age in (("old", 50_000, 9000), ("older", 50_000, 20_000), ("fresh", 50_000, 10), ("empty", 0, 8000)):
        _environment(tmp_path, key, size, now - age)
    (tmp_path / "environments" / "unfinished").mkdir()
    found = entries(tmp_path)
    assert [entry.key for entry in found] == ["fresh", "empty", "old", "older"]
    assert found[2].size >= 50_000
    assert (found[0].language, round(found[0].used - found[0].made)) == ("python", 10)
    assert prune(tmp_path, 120_000) >= 50_000
    assert [entry.key for entry in entries(tmp_path)] == ["fresh", "empty", "old"]
    prune(tmp_path, 0)
    assert [entry.key for entry in entries(tmp_path)] == ["fresh"]
    prune(tmp_path, 0, keep_s=0.0)
    assert entries(tmp_path) == ()


async def test_caches_are_looked_through_after_a_run_but_not_after_each(tmp_path: Path) -> None:
    """What was used within a day stays, whatever its size."""
    settings = Settings.model_validate({"home": tmp_path, "cache": tmp_path, "cache_gb": 0.0001})
    cache = tmp_path / "environments"
    _environment(cache, "old", 200_000, time.time() - 100_000)
    _environment(cache, "recent", 200_000, time.time() - 1000)
    async with engine(settings, "none"):
        assert len(entries(cache)) == 2
    assert [entry.key for entry in entries(cache)] == ["recent"]
    _environment(cache, "old", 200_000, time.time() - 100_000)
    async with engine(settings, "none"):
        pass
    assert len(entries(cache)) == 2


# The reaper of a long-lived process


@dataclass
class Leftovers:
    """A provider with something to remove, whose engine is away now and then."""

    rounds: int = 0
    slow: float = 0.0
    twice: asyncio.Event = field(default_factory=asyncio.Event)
    thrice: asyncio.Event = field(default_factory=asyncio.Event)

    async def reap(self) -> int:
        self.rounds += 1
        if self.rounds > 3:
            self.thrice.set()
        if self.rounds % 2 == 0:
            asyncio.get_running_loop().call_soon(self.twice.set)
            raise SandboxUnavailable("the engine is away")
        await asyncio.sleep(self.slow)
        return 2


async def test_reaper_looks_again_and_again_and_tells_how_it_fares() -> None:
    provider = Leftovers()
    async with reaping(provider, 0.01) as fares:
        await provider.twice.wait()
        assert fares.trouble == "the engine is away"
        await provider.thrice.wait()
    assert fares.removed >= 4
    ended = provider.rounds
    await asyncio.sleep(0.05)
    assert provider.rounds == ended


async def test_reaper_ends_its_round_before_its_context_is_left() -> None:
    """And does not wait for the next one."""
    provider = Leftovers(slow=0.1)
    began = time.monotonic()
    async with reaping(provider, 3600) as fares:
        await asyncio.sleep(0)
    assert (fares.rounds, fares.removed) == (1, 2)
    assert time.monotonic() - began < 120


# Who may name an image


FILES = {
    "Dockerfile": "FROM top\n",
    "docker/Dockerfile": "FROM below\n",
    ".devcontainer/devcontainer.json": '{"image": "dev/image:1", /* "image": 2 */ "features": {"x": {}},}\n',
}


@pytest.mark.parametrize("name", ["image: theirs:1", "dockerfile: Dockerfile"])
def test_repository_only_proposes(tmp_path: Path, name: str) -> None:
    tree = grow(tmp_path / "p", {**FILES, ".patchwright.yml": f"{name}\n"})
    found = described(tree, Overrides())
    assert found.blueprint is None
    assert "--dockerfile auto" in found.notes[0]
    assert described(tree, Overrides(image="mine:1")).notes == ()
    assert described(tree, Overrides(dockerfile="auto")).blueprint is not None


def test_file_that_the_user_names_is_taken(tmp_path: Path) -> None:
    tree = grow(tmp_path / "p", FILES)
    own = grow(tmp_path / "own", {"Dockerfile": "FROM own\n"}) / "Dockerfile"
    for name, text in (("Dockerfile", "FROM top\n"), ("docker/Dockerfile", "FROM below\n"), (str(own), "FROM own\n")):
        found = described(tree, Overrides(dockerfile=name)).blueprint
        assert found == Blueprint(name, context=tree, dockerfile=text)
    assert described(tree, Overrides()).blueprint is None


def test_auto_takes_the_configuration_then_the_devcontainer_then_the_dockerfile(tmp_path: Path) -> None:
    auto = Overrides(dockerfile="auto")
    tree = grow(tmp_path / "p", {**FILES, ".patchwright.yml": "image: theirs:1\n"})
    assert described(tree, auto).blueprint == Blueprint(".patchwright.yml", image="theirs:1")
    (tree / ".patchwright.yml").unlink()
    found = described(tree, auto)
    assert found.blueprint == Blueprint(".devcontainer/devcontainer.json", image="dev/image:1")
    assert "features" in found.notes[0]
    (tree / ".devcontainer" / "devcontainer.json").unlink()
    assert described(tree, auto).blueprint == Blueprint("Dockerfile", context=tree, dockerfile="FROM top\n")
    with pytest.raises(EnvironmentUnknown, match="no Dockerfile"):
        described(grow(tmp_path / "q", {"a": ""}), auto)


def test_devcontainer_tells_how_it_is_built(tmp_path: Path) -> None:
    build = """{"build": {"dockerfile": "../docker/Dockerfile", "context": "..", "target": "dev; x",
                "args": {"A": "1", "SECRET": "${localEnv:SECRET}", "N": 3}}}"""
    tree = grow(tmp_path / "p", {**FILES, ".devcontainer/devcontainer.json": build})
    found = described(tree, Overrides(dockerfile=".devcontainer/devcontainer.json")).blueprint
    assert found == Blueprint("docker/Dockerfile", context=tree, dockerfile="FROM below\n", args=(("A", "1"),))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"dockerComposeFile": "x.yml"}',
        '{"image": "a b"}',
        '{"build": {"dockerfile": "../../etc/passwd"}}',
        '{"build": {"dockerfile": "/etc/passwd"}}',
        '{"build": {"dockerfile": "absent"}}',
        '{"build": {"dockerfile": "../Dockerfile", "context": "../.."}}',
        "[" * 100_000,
    ],
)
def test_hostile_devcontainer_is_refused(tmp_path: Path, text: str) -> None:
    tree = grow(tmp_path / "p", {**FILES, ".devcontainer/devcontainer.json": text})
    with pytest.raises(EnvironmentUnknown):
        described(tree, Overrides(dockerfile="auto"))


@pytest.mark.parametrize("name", ["../x", "absent", "link", ".", "docker"])
def test_file_outside_the_repository_is_not_taken_by_a_relative_path(tmp_path: Path, name: str) -> None:
    tree = grow(tmp_path / "p", FILES)
    (tmp_path / "x").write_text("FROM x\n")
    (tree / "link").symlink_to(tmp_path / "x")
    with pytest.raises(EnvironmentUnknown):
        described(tree, Overrides(dockerfile=name))


# Dockerfiles


def test_lines_are_joined_and_labels_are_put_behind_every_from() -> None:
    text = "# syntax=x\nFROM a AS b\n# why\nRUN one && \\\n  # not this\n  two\n\nfrom b\nCOPY --link --from=b /x /y\n"
    assert parse(text).plain({"k": "v"}).splitlines() == [
        "FROM a AS b", 'LABEL "k"="v"', "RUN one &&   two", "from b", 'LABEL "k"="v"', "COPY --from=b /x /y",
    ]  # fmt: skip
    assert parse("# escape=`\nFROM a\nRUN one `\n two\n").plain({}) == "# escape=`\nFROM a\nRUN one  two\n"


def test_caches_are_left_out_and_what_needs_buildkit_is_known() -> None:
    cached = parse("FROM a\nRUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t pip install x\n")
    assert cached.plain({}) == "FROM a\nRUN pip install x\n"
    assert not cached.modern
    for line in ("RUN --mount=type=secret,id=x true", "RUN <<EOF", "COPY --chmod=1 a b", "run --network=none x"):
        assert parse(f"FROM a\n{line}\n").modern


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("COPY a b/ /x", ("a", "b")),
        ('COPY ["a b", "./c", "/x"]', ("a b", "c")),
        ("COPY --chown=1:2 requirements.txt /x\nADD http://x/y ./z /x", ("requirements.txt", "z")),
        ("COPY --from=other a /x", ()),
        ("RUN true", ()),
        ("COPY . /x", (".",)),
        ("COPY / /x", (".",)),
        ("COPY src/. ./a//b.txt /x/", ("src", "a/b.txt")),
        ("COPY $WHAT /x", None),
        ("COPY ../a /x", None),
        ("COPY 'a /x", None),
        ("ONBUILD COPY a /x", None),
    ],
)
def test_what_is_copied_is_told_or_everything_counts(text: str, sources: tuple[str, ...] | None) -> None:
    assert parse(f"FROM a\n{text}\n").sources() == sources


def test_paths_match_what_is_copied() -> None:
    assert matches("a/b/c", ("a",))
    assert matches("a/b/c", ("a/*",))
    assert not matches("ab", ("a",))
    assert matches("anything", (".",))
    assert matches("anything", None)


def _key(top: Path, text: str) -> str:
    parsed = parse(text)
    plan = Blueprint("Dockerfile", context=top, dockerfile=text)
    return context.key_of(plan, parsed.plain({}), context.entries(top), parsed.sources())


def test_key_follows_what_is_copied_and_nothing_else(tmp_path: Path) -> None:
    tree = grow(tmp_path / "p", {"a": "1", "b": "1", "ignored/x": "1", ".dockerignore": "ignored\n"})
    text = "FROM x\nCOPY a ignored /\n"
    first = _key(tree, text)
    (tree / "b").write_text("2")
    (tree / "ignored" / "x").write_text("2")
    assert _key(tree, text) == first
    (tree / "a").chmod(0o755)
    second = _key(tree, text)
    (tree / "a").write_text("2")
    assert len({first, second, _key(tree, text), _key(tree, text + "RUN x\n")}) == 4


def test_key_follows_what_links_lead_to(tmp_path: Path) -> None:
    tree = grow(tmp_path / "p", {"deps/real": "1"})
    (tree / "a").symlink_to("deps/real")
    first = _key(tree, "FROM x\nCOPY a /\n")
    (tree / "deps" / "real").write_text("2")
    assert _key(tree, "FROM x\nCOPY a /\n") != first


def test_a_repository_cannot_put_its_own_text_in_the_place_of_ours(tmp_path: Path) -> None:
    """Of two members of an archive with one name the builder takes the later one."""
    tree = grow(tmp_path / "p", {context.NAME: "FROM evil\n", "a": "1"})
    into = io.BytesIO()
    context.pack(context.entries(tree), "FROM mine\n", into)
    into.seek(0)
    with tarfile.open(fileobj=into) as tar:
        assert sorted(tar.getnames()) == [context.NAME, "a"]
        text = tar.extractfile(context.NAME)
        assert text is not None
        assert text.read() == b"FROM mine\n"


def test_archive_holds_files_and_links_as_they_are(tmp_path: Path) -> None:
    tree = grow(tmp_path / "p", {"a": "1", ".dockerignore": f"{'*' * 50}\n!a\n"})
    (tree / "link").symlink_to("/etc/passwd")
    into = io.BytesIO()
    context.pack(context.entries(tree), "FROM x\n", into)
    into.seek(0)
    with tarfile.open(fileobj=into) as tar:
        found = {info.name: info for info in tar}
    assert set(found) == {context.NAME, "a", "link", ".dockerignore"}
    assert found["link"].issym()
    assert {(info.uid, info.mtime) for info in found.values()} == {(0, 0)}


def test_context_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with (grow(tmp_path / "p", {"a": ""}) / "huge").open("wb") as file:
        file.truncate(context.MAX_BYTES + 1)
    with pytest.raises(BuildFailed, match="dockerignore"):
        context.entries(tmp_path / "p")
