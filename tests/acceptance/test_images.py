"""Images at the command: built from a repository's Dockerfile when its user says so, listed, and removed again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import git, write
from tests.engines import built_for, docker_image, engine_holds, remove_built

JS = {
    "package.json": '{"name": "cart", "version": "1.0.0", "scripts": {"test": "node --test"}}\n',
    "cart.js": "exports.total = (prices) => prices.reduce((sum, price) => sum - price, 0);\n",
    "cart.test.js": (
        'const test = require("node:test");\nconst assert = require("node:assert");\n'
        'const { total } = require("./cart.js");\n'
        'test("the image is the one that was built", () => { assert.strictEqual(process.env.FROM_BUILD, "yes"); });\n'
        'test("all prices count", () => { assert.strictEqual(total([1, 2, 3]), 6); });\n'
    ),
}
FIX = """--- a/cart.js
+++ b/cart.js
@@ -1 +1 @@
-exports.total = (prices) => prices.reduce((sum, price) => sum - price, 0);
+exports.total = (prices) => prices.reduce((sum, price) => sum + price, 0);
"""


@pytest.fixture
def own(patchwright: Patchwright) -> Iterator[Patchwright]:
    """The command with a cache of its own, from which images are removed after the test."""
    patchwright.cache = patchwright.folder / "cache"
    yield patchwright
    remove_built(patchwright.cache)


def _repository(folder: Path, files: dict[str, str]) -> Path:
    repo = write(folder, files)
    git(repo, "init", "-q", ".")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "cart")
    return repo


def test_repository_is_diagnosed_in_its_own_image_which_can_be_listed_and_removed(
    own: Patchwright,
) -> None:
    """The user says `auto`; the devcontainer.json says which Dockerfile; the tests see what it set."""
    container = '{\n  // ours\n  "build": {"dockerfile": "Dockerfile", "context": "..", "args": {"SAID": "yes",}},\n}\n'
    dockerfile = f"FROM {docker_image()}\nARG SAID\nCOPY cart.js /opt/\nENV FROM_BUILD=$SAID\n"
    described = {".devcontainer/devcontainer.json": container, ".devcontainer/Dockerfile": dockerfile}
    repo = _repository(own.folder / "cart", {**JS, **described})
    patch = own.folder / "fix.diff"
    patch.write_text(FIX)
    ended = own.diagnose(repo, "--dockerfile", "auto", "--patch", patch, image=docker_image())
    assert ended.outcome == "verified_patch", ended.text
    assert "built from .devcontainer/Dockerfile: " in (ended.folder / "report.json").read_text()
    assert [path.suffix for path in (own.cache / "images").glob("*.log")] == [".log"]
    assert engine_holds(*own.runs()) == []
    (ours,) = built_for(own.cache)
    assert _name(ours) in _list(own)
    assert "environment" in _list(own)
    kept = own.run("images", "prune")
    assert "images: 0 removed" in kept.out
    gone = own.run("images", "prune", "--all")
    assert _name(ours) in gone.out
    assert _name(ours) not in _list(own)
    assert "environment" not in _list(own)
    assert built_for(own.cache) == []


def _name(image: dict[str, Any]) -> str:
    return str(image["RepoTags"][0])


def _list(patchwright: Patchwright) -> str:
    ended = patchwright.run("images", "list", wrap=("env", "COLUMNS=300"))
    assert ended.code == 0, ended.text
    return ended.out


def test_repository_does_not_choose_its_image_by_itself(own: Patchwright) -> None:
    """Its words are told to the user, who may say that they count; nothing is built, nothing pulled."""
    files = {**JS, ".patchwright.yml": "image: 127.0.0.1:9/theirs:1\n", "Dockerfile": "FROM 127.0.0.1:9/theirs:1\n"}
    repo = _repository(own.folder / "cart", files)
    ended = own.diagnose(repo, "--goal", "triage", image=docker_image())
    assert ended.outcome in ("diagnosed", "inconclusive"), ended.text
    assert "--dockerfile auto" in (ended.folder / "report.json").read_text()
    assert built_for(own.cache) == []
    allowed = own.diagnose(repo, "--dockerfile", "auto", "--goal", "triage", image=docker_image())
    assert allowed.code == 69
    assert "127.0.0.1:9/theirs:1" in allowed.err


def test_dockerfile_that_fails_is_a_broken_environment_with_its_output(own: Patchwright) -> None:
    text = f"FROM {docker_image()}\nRUN echo the compiler is on holiday >&2; exit 7\n"
    repo = _repository(own.folder / "cart", {**JS, "Dockerfile": text})
    ended = own.diagnose(repo, "--dockerfile", "Dockerfile", image=docker_image())
    assert ended.outcome == "environment_broken", ended.text
    assert "docker build -f Dockerfile" in ended.out
    artifacts = (path for run in own.runs() for path in (own.home / "runs" / run).rglob("*"))
    assert any(b"the compiler is on holiday" in path.read_bytes() for path in artifacts if path.is_file())


def test_named_image_is_used_and_other_sandboxes_say_that_they_have_none(own: Patchwright) -> None:
    repo = _repository(own.folder / "cart", JS)
    ended = own.diagnose(repo, "--image", docker_image(), "--goal", "triage")
    assert '"docker"' in (ended.folder / "report.json").read_text()
    assert docker_image() in _list(own)
    plain = own.diagnose(repo, "--image", "some:image", "--sandbox", "bubblewrap", "--goal", "triage")
    assert "some:image is not used" in (plain.folder / "report.json").read_text()


def test_image_that_suits_is_replaced_when_it_cannot_be_had(own: Patchwright) -> None:
    """No image is named: sources are taken with the Python image, and Node's cannot be pulled."""
    repo = _repository(own.folder / "cart", JS)
    client = docker.from_env(version="auto").api
    client.tag(docker_image(), "patchwright-test-python", "3.12")
    bases: dict[str, Any] = {
        "image_python": "patchwright-test-python:{version}", "image_node": "127.0.0.1:9/none:{version}",
    }  # fmt: skip
    try:
        ended = own.diagnose(repo, "--sandbox", "docker", "--goal", "triage", **bases)
    finally:
        client.remove_image("patchwright-test-python:3.12")
        client.close()
    text = (ended.folder / "report.json").read_text()
    assert "127.0.0.1:9/none:22" in text
    assert "patchwright-test-python:3.12 is used instead" in text


def test_images_without_an_engine_are_left_out(own: Patchwright) -> None:
    for command in ("list", "prune"):
        ended = own.run("images", command, wrap=("env", f"DOCKER_HOST=unix://{own.tmp}/absent.sock"))
        assert ended.code == 0
        assert "no Docker engine answers" in ended.err
