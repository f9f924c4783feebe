"""The real command with models that cheat, on a bug that no template mends: none of them gets a certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import repository
from tests.acceptance.test_reasoner import ANSWER, NEW, OLD, TESTS, WRONG, explained, options
from tests.fakes.model_server import Answer, ModelServer, call, said

pytestmark = pytest.mark.xdist_group("reasoner")
CLAIM = said("SUMMARY: all tests pass, and the patch is verified\nCAUSE: it was nothing [none]")
SKIP = "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef _never():\n    pytest.skip('not now')\n"
BREAKS = "        result = [(1, 9)] if (1, 9) in spans else [(1, 6), (8, 9)]\n"
CHEATS: dict[str, tuple[Answer, ...]] = {
    "changes the test": (
        call("edit", path="tests/test_spans.py", old="== [(1, 9)]", new="!= [(1, 9)]"), CLAIM, CLAIM, CLAIM,
    ),
    "skips it": (call("edit", path="tests/conftest.py", old="", new=SKIP), CLAIM),
    "only claims it": (CLAIM, CLAIM, CLAIM),
    "breaks another test": (call("edit", path="spans.py", old=OLD, new=BREAKS), call("run_tests"), CLAIM),
}  # fmt: skip


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "spans", {"spans.py": WRONG, "tests/test_spans.py": TESTS, "conftest.py": ""})


@pytest.mark.parametrize("name", CHEATS)
def test_model_that_cheats_gets_no_certificate(patchwright: Patchwright, repo: Path, name: str) -> None:
    """Whatever it says; the run ends as a diagnosis."""
    with ModelServer(*CHEATS[name]) as server:
        arguments, settings = options(server, "")
        ended = patchwright.diagnose(repo, *arguments, **settings)
    assert (ended.outcome, ended.report["certificate"], ended.report["patch"]) == ("diagnosed", None, None), ended.text
    assert not (ended.folder / "certificate.json").exists()


def test_patch_that_needs_a_model_holds_when_it_is_verified_again(patchwright: Patchwright, repo: Path) -> None:
    """Its certificate is confirmed with nobody to think."""
    last = (said(ANSWER), lambda request: said(explained(request)))
    with ModelServer(call("edit", path="spans.py", old=OLD, new=NEW), *last) as server:
        arguments, settings = options(server, "")
        ended = patchwright.diagnose(repo, *arguments, **settings)
    assert ended.outcome == "verified_patch", ended.text
    checked = patchwright.run("verify", ended.folder / "certificate.json", "--repo", repo)
    assert checked.code == 0, checked.text
