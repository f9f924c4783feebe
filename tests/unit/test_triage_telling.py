"""How a note reads for somebody tired: what its confidence means, what comes first, and nothing that says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_triage import git
from tools.history import History
from tools.triage.acting import actions
from tools.triage.ledger import Ledger
from tools.triage.page import page
from tools.triage.telling import markdown
from tools.triage.values import Action, Note, Sentence, Suspected

CITED = ("E1",)


def _suspect(commit: str, score: float) -> Suspected:
    return Suspected(
        commit=commit, subject=f"subject {commit}", author="Ann", kind="code", service="", deployed=0, score=score,
        grounding=0, points=(), files=(), excerpt="", evidence=CITED,
    )  # fmt: skip


def _note(confidence: float, cause: str = "change") -> Note:
    return Note.model_validate(
        {
            "cause": cause, "confidence": confidence, "onset": 0, "service": "web", "summary": (), "timeline": (),
            "suspects": (_suspect("aaaa", 4), _suspect("bbbb", 0)), "symptoms": (), "blast": (),
            "actions": (Action(kind="watch", sentence=Sentence(text="Watch web.", cites=CITED)),),
            "decide": (Sentence(text="Look at the disk.", cites=CITED),), "evidence": (), "reproduction": "",
            "revision": "", "good": "", "citations": "",
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("note", "said", "first"),
    [
        (_note(0.9), "a change of the code (sure enough to act on, confidence 0.90)", "What to do"),
        (_note(0.6), "a change of the code (probable, confidence 0.60)", "What to do"),
        (_note(0.4), "a change of the code (only a suspicion, confidence 0.40)", "To decide"),
        (_note(0.8, "healthy"), "healthy: nothing happened (confidence 0.80)", "What to do"),
        (_note(0.2, "inconclusive"), "inconclusive (confidence 0.20)", "To decide"),
    ],
)
def test_what_is_not_sure_is_decided_before_anything_is_done(note: Note, said: str, first: str) -> None:
    """In both forms; a suspect for which nothing speaks is only in the JSON."""
    for text in ("\n".join(markdown(note)), page(note)):
        assert said in text
        assert min(("What to do", "To decide"), key=text.index) == first
        assert "subject aaaa" in text
        assert "subject bbbb" not in text


@pytest.mark.parametrize("sure", [True, False])
async def test_what_ran_before_is_another_way_back(tmp_path: Path, *, sure: bool) -> None:
    """The revert that was tried, or the deploy before it; one instance first where it is only suspected."""
    git(tmp_path, "init", "-q")
    for text in ("1\n", "2\n"):
        (tmp_path / "a.py").write_text(text)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", text)
    lead = _suspect(git(tmp_path, "rev-parse", "HEAD"), 4)
    first, *_ = await actions(
        History(tmp_path / ".git"), tmp_path, lead, (), runbooks=None, ledger=Ledger(), running={"": "v1.4"}, sure=sure
    )
    assert first.command == f"git revert --no-edit {lead.commit}"
    assert "deploy v1.4 again, which ran before" in first.sentence.text
    assert first.sentence.text.startswith("Roll back" if sure else "Only suspected: roll back")
    assert ("On one instance first" in first.sentence.text) != sure
