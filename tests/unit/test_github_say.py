"""What is said, as a pure function of what is known: when, in which words, and with nothing of a stranger's alive."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.fakes.report import FIX, hostile, verified
from tests.github import commit
from tests.publishing import DIFF, FIXED, HEAD, LINKS, PATH, RUN, TEXT, case, job, matter, result, settled
from workflows.github.configuration import BotConfiguration
from workflows.github.ledger import Result
from workflows.github.publish.comment import MOST, marker
from workflows.github.publish.fixes import Unfit, branch_of, fix_of, forbidden_paths
from workflows.github.publish.matter import Links
from workflows.github.publish.say import speech_of
from workflows.github.values import ChangedFile, Published

HOSTILE: list[str] = json.loads((Path(__file__).parent / "hostile_words.json").read_text(encoding="utf-8"))
LOUD = BotConfiguration(silent=False)
BRANCHES = BotConfiguration(fix_branch=True)


def said(*args: Any, **more: Any) -> str:
    speech = speech_of(matter(*args, **more))
    assert speech.comment is not None
    return speech.comment


def test_a_verified_fix_is_told_with_its_proof() -> None:
    """State, cause, culprit, the log's line, code, both sides of the matrix, diff, how to apply, certificate, cost."""
    text = said(settled(), wanted=BRANCHES)
    assert text.startswith(marker(matter().place, 1))
    for wanted in (
        "**Patchwright: Verified fix**", "**Cause:**", "5ebdf1c00000", "/job/9#step:4:31", f"{PATH}#L53",
        "With the patch",
        "stable-fail (5 runs)", "stable-pass (5 runs)", "+            self.billed_to = day", "/patchwright apply",
        f"{LINKS.service}/v1/diagnoses/{RUN}/certificate", "patchwright verify certificate.json", "Cost: 10 s",
        "search-90ffee", "Doubt: change_plan acts differently on 2 of 40 inputs.",
    ):  # fmt: skip
        assert wanted in text


def test_nothing_is_called_verified_without_a_certificate() -> None:
    """The outcome's word alone is none: the report must have the verdict, the certificate and the diff."""
    report = verified()
    for poorer in (
        Result(report=report.model_copy(update={"certificate": None}), diff=FIX), Result(report=report),
        Result(report=report.model_copy(update={"verdict": None}), diff=FIX), result("verified_patch"),
    ):  # fmt: skip
        speech = speech_of(matter(settled(), results={RUN: poorer}, wanted=LOUD))
        assert speech.state == "inconclusive"
        assert "With the patch" not in (speech.comment or "")
        assert speech.reviews == ()
    assert speech_of(matter(settled(), results={}, wanted=LOUD)).state == "inconclusive"


WORDS: tuple[tuple[dict[str, Any], str, bool], ...] = (
    ({}, "looking", True),
    ({"state": "diagnosing", "diagnosis": RUN}, "looking", True),
    ({"state": "settled", "decision": {"kind": "not_this_change", "reason": "r"}}, "not_this_change", True),
    ({"state": "settled", "decision": {"kind": "flaky", "reason": "r"}}, "flaky", True),
    ({"state": "settled", "decision": {"kind": "infrastructure", "reason": "r"}}, "infrastructure", True),
    ({"state": "settled", "decision": {"kind": "dependencies", "reason": "r"}}, "dependencies", True),
    ({"state": "settled", "decision": {"kind": "expired", "reason": "r"}}, "expired", False),
    ({"state": "settled", "decision": {"kind": "unreadable", "reason": "r"}}, "unreadable", False),
    ({"state": "settled", "note": "the diagnosis failed"}, "inconclusive", False),
    ({"state": "stopped", "by": "ada"}, "stopped", False),
    ({"state": "dismissed", "by": "ada"}, "dismissed", False),
)


@pytest.mark.parametrize(("fields", "word", "useful"), WORDS)
def test_silence_where_there_is_nothing_useful(fields: dict[str, Any], word: str, useful: bool) -> None:
    """A first comment needs something to say, unless the owners want to hear everything."""
    quiet = speech_of(matter(case(**fields)))
    assert (quiet.state, quiet.comment is not None) == (word, useful)
    assert bool(quiet.checks) == useful
    assert speech_of(matter(case(**fields), wanted=LOUD)).comment is not None
    known = Published(comment=7, head_sha=HEAD, state="looking")
    assert speech_of(matter(case(**fields), published=known)).comment is not None  # what stands is kept true


@pytest.mark.parametrize(
    ("outcome", "word"),
    [("diagnosed", "cause"), ("already_failing", "already_failing"), ("flaky", "flaky"),
     ("not_reproduced", "inconclusive"), ("environment_broken", "inconclusive"), ("inconclusive", "inconclusive")],
)  # fmt: skip
def test_outcomes_have_their_words(outcome: str, word: str) -> None:
    assert speech_of(matter(settled(outcome), results={RUN: result(outcome)})).state == word


def test_a_comment_that_was_wrong_says_so_for_as_long_as_its_commit_is_the_newest() -> None:
    flaky = case(state="settled", decision={"kind": "flaky", "reason": "it passes and fails"})
    known = Published(comment=7, head_sha=HEAD, state="not_this_change")
    first = speech_of(matter(flaky, published=known))
    assert 'Corrected: this comment said "Not this change" before.' in (first.comment or "")
    later = known.model_copy(update={"state": first.state, "corrected": first.corrected})
    assert speech_of(matter(flaky, published=later)).comment == first.comment
    moved = speech_of(matter(flaky, published=known.model_copy(update={"head_sha": commit(1)})))
    assert "Corrected" not in (moved.comment or "")


def test_a_new_head_supersedes_and_a_green_one_closes() -> None:
    old = Published(comment=7, head_sha=commit(5), state="fix")
    assert "Superseded" in said(settled(head=commit(5)), published=old)
    passed = settled(head=commit(5)).model_copy(update={"state": "closed", "note": "it passes at 123"})
    text = said(passed, published=old)
    assert "It passes again" in text
    assert "it passes at 123" in text
    merged = settled().model_copy(update={"state": "closed", "note": "merged"})
    here = Published(comment=7, head_sha=HEAD, state="fix")
    assert speech_of(matter(merged, published=here, open=False)).comment is None  # the fix stays readable
    looking = here.model_copy(update={"state": "looking"})
    assert "Closed" in said(merged, published=looking, open=False)


def test_people_who_deleted_the_comment_or_said_stop_are_left_alone() -> None:
    assert speech_of(matter(settled(), published=Published(gone=True))).comment is None
    stopped = speech_of(matter(case(state="stopped", by="ada")))
    assert stopped.comment is None
    assert stopped.silenced
    silenced = Published(silenced=True)
    assert speech_of(matter(settled(), published=silenced)).comment is None
    assert speech_of(matter(settled(), published=silenced)).checks == {}
    assert speech_of(matter(settled(by="ada"), published=silenced)).comment is not None
    assert speech_of(matter(settled(), wanted=BotConfiguration(enabled=False))).comment is None
    assert speech_of(matter(settled(), open=False)).comment is None


def test_branches_get_no_comment_and_many_failures_one() -> None:
    assert speech_of(replace(matter(settled(subject=0)), subject=0)).comment is None
    cases = tuple(settled(signature=f"{at:016x}") for at in range(30))
    speech = speech_of(matter(*cases))
    assert speech.comment is not None
    assert len(speech.comment) <= MOST
    assert "more failures are told" in speech.comment
    assert len(speech.checks) == 20


def test_the_tone_and_an_explanation_change_how_much_is_said() -> None:
    lengths = [len(said(settled(), wanted=BotConfiguration(tone=tone))) for tone in ("brief", "usual")]
    assert lengths[0] < lengths[1]
    assert len(said(settled(wish="explain"), wanted=BotConfiguration(tone="brief"))) > lengths[0]


def test_check_runs_have_notes_and_at_most_three_buttons() -> None:
    check = speech_of(matter(settled(), wanted=BRANCHES)).checks[settled().key]
    assert [button.identifier for button in check.buttons] == ["apply", "rerun", "dismiss"]
    assert (check.status, check.conclusion, check.external) == ("completed", "neutral", settled().key)
    assert [(note.path, note.start, note.end) for note in check.notes] == [(PATH, 53, 54)]
    fork = speech_of(matter(settled(fork=True), wanted=BRANCHES)).checks[settled().key]
    assert [button.identifier for button in fork.buttons] == ["rerun", "dismiss"]
    running = speech_of(matter(case())).checks[case().key]
    assert (running.status, running.conclusion, running.buttons) == ("in_progress", "", ())
    old = settled(head=commit(5)).model_copy(update={"state": "superseded"})
    known = Published(checks={old.key: 4})
    assert speech_of(matter(old, published=known)).checks[old.key].status == "completed"


def test_suggestions_are_all_of_the_fix_or_none() -> None:
    review = speech_of(matter(settled(), changed=DIFF)).reviews[0]
    assert [(one.start, one.end) for one in review.lines] == [(53, 53)]
    assert review.lines[0].body == (
        "```suggestion\n            self._bill(self.billed_to, day)\n            self.billed_to = day\n```"
    )
    elsewhere = (ChangedFile(path=PATH, status="modified", patch="@@ -1,5 +1,5 @@\n x\n"),)
    assert speech_of(matter(settled(), changed=elsewhere)).reviews == ()
    assert speech_of(matter(settled(), changed=())).reviews == ()
    assert speech_of(matter(settled(), changed=DIFF, wanted=BotConfiguration(suggestions=False))).reviews == ()
    assert speech_of(matter(settled(), changed=DIFF, published=Published(reviews=(review.key,)))).reviews == ()
    bidi = Result(report=verified(), diff=FIX.replace("self.billed_to = day\n", "self.billed_to = day # \u202e\n"))
    assert speech_of(matter(settled(), results={RUN: bidi}, changed=DIFF)).reviews == ()


def test_a_suggestion_with_backticks_stays_one_block() -> None:
    ticks = Result(report=verified(), diff=FIX.replace("self.billed_to = day\n", "x = '```'\n"))
    body = speech_of(matter(settled(), results={RUN: ticks}, changed=DIFF)).reviews[0].lines[0].body
    parsed = MarkdownIt("commonmark").parse(body)
    assert [token.type for token in parsed] == ["fence"]


# Strangers' texts -----------------------------------------------------------------------------------------------------


def tokens(document: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(document)


def poisoned(text: str) -> str:
    decision = {
        "reason": text, "tests": (text, text), "error": text, "history": (text,), "since": commit(9),
        "jobs": (job(name=text), job(10, text).model_copy(update={"url": text})),
    }  # fmt: skip
    bad = settled(decision=decision, note=text, by=text, fix_branch=text)
    diff = FIX.replace("self.billed_to = day", f"x = {text!r}")
    return said(bad, results={RUN: Result(report=hostile(text), diff=diff)}, wanted=BotConfiguration(tone="thorough"))


def shown(document: str) -> tuple[list[str], set[str], str]:
    """(types of blocks, addresses that are linked to, words that are neither code nor links)."""
    parsed = tokens(document)
    inline = [child for token in parsed for child in token.children or ()]
    links = {str(child.attrGet("href")) for child in inline if child.type == "link_open"}
    words = " ".join(child.content for child in inline if child.type == "text")
    assert not {"image", "em", "s_open"} & {child.type for child in inline}
    return [token.type for token in parsed], links, words


@pytest.mark.parametrize("text", HOSTILE)
def test_a_strangers_text_is_shown_and_does_nothing(text: str) -> None:
    """The comment has the blocks and links that it has with a harmless word, and mentions and closes nothing."""
    document = poisoned(text)
    blocks, links, words = shown(document)
    assert blocks == shown(poisoned("word"))[0]
    assert all(link.startswith(("https://github.com/ada/shop/", f"{LINKS.service}/v1/")) for link in links)
    assert not re.search(r"@\w|#\d|GH-\d|https?://|www\.", words)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\ud800-\udfff]", document)
    assert document.count("<!--") - sum(t.content.count("<!--") for t in _code(document)) == 1
    assert document.encode()


def _code(document: str) -> list[Token]:
    parsed = tokens(document)
    return [t for token in parsed for t in (token, *(token.children or ())) if t.type in ("fence", "code_inline")]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_strangers_text_reaches_no_branch_name_nor_what_a_commit_refers_to(text: str) -> None:
    report = hostile(text).model_copy(update={"verdict": verified().verdict})
    fix = fix_of(settled(), Result(report=report, diff=FIX), {PATH: TEXT.encode()}, BotConfiguration())
    assert re.fullmatch(r"patchwright/fix-pr-1-[0-9a-f]{8}-a{8}", fix.branch)
    assert not re.search(r"@\w|#\d|GH-\d", fix.message)


def test_addresses_that_the_forge_gave_are_linked_to_only_where_they_are_its_own() -> None:
    links = Links("https://github.com")
    good = "https://github.com/a/b/actions/runs/1/job/2"
    assert links.fit(good) == good
    for bad in ("https://evil.example/", "javascript:x", f"{good})", f"{good}\nx", f"{good} x", "https://github.comx/"):
        assert links.fit(bad) == ""
    assert links.of_run(RUN, "patch") == ""


# Fixes ----------------------------------------------------------------------------------------------------------------


def test_a_fix_is_the_verified_patch_on_the_head() -> None:
    fix = fix_of(settled(), FIXED, {PATH: TEXT.encode()}, BotConfiguration())
    assert fix.parent == HEAD
    assert (fix.files[PATH] or "").count("self.billed_to = day") == 1
    assert fix.branch == branch_of(settled())
    with pytest.raises(Unfit, match="does not apply"):
        fix_of(settled(), FIXED, {PATH: b"something else\n"}, BotConfiguration())
    with pytest.raises(Unfit, match="does not apply"):
        fix_of(settled(), FIXED, {PATH: None}, BotConfiguration())


@pytest.mark.parametrize(
    "path", [".github/workflows/x.yml", ".GitHub/a", "CODEOWNERS", "docs/CodeOwners", ".patchwright.yml", ".gitmodules",
             "secret/key.py", "a/.github/b", ".gitlab-ci.yml"],
)  # fmt: skip
def test_protected_files_are_never_touched(path: str) -> None:
    diff = FIX.replace(PATH, path)
    wanted = BotConfiguration(fix_branch=True, protected=("secret/*",))
    assert forbidden_paths(diff, wanted) == (path,)
    with pytest.raises(Unfit, match="never changes"):
        fix_of(settled(), Result(report=verified(), diff=diff), {path: TEXT.encode()}, wanted)
    speech = speech_of(
        matter(settled(), results={RUN: Result(report=verified(), diff=diff)}, wanted=wanted, changed=DIFF)
    )
    assert "apply it by hand" in (speech.comment or "")
    assert "apply" not in [button.identifier for button in speech.checks[settled().key].buttons]
    assert speech.reviews == ()


def test_patches_that_leave_the_tree_are_no_fixes() -> None:
    diff = FIX.replace(f"a/{PATH}", "a/../../etc/passwd").replace(f"b/{PATH}", "b/../../etc/passwd")
    assert forbidden_paths(diff, BotConfiguration()) != ()
