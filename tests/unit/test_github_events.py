"""Payloads as events: GitHub's own, strangers' texts in them, and what is no payload."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.github import comment_payload, commit, example, examples, payload, pull, pull_payload, run, run_payload
from workflows.github.events import command_of, event_of, lane_of
from workflows.github.values import AccessChanged, Commanded, HeadMoved, Nothing, RunEnded


def _event(name: str, body: dict[str, Any]) -> Any:
    return event_of(name, json.dumps(body).encode())


@pytest.mark.parametrize("version", ["api.github.com", "ghes-31", "ghes-35"])
def test_every_payload_that_github_published_is_understood(version: str) -> None:
    """None of them is "not understood", and each event that the bot is for is read where an installation sends it."""
    read: dict[str, set[str]] = {}
    for name, body in examples(version):
        event = _event(name, {**body, "installation": body.get("installation") or {"id": 7}})
        assert not (isinstance(event, Nothing) and "understood" in event.reason), (name, body.get("action"), event)
        if not isinstance(event, Nothing):
            read.setdefault(name, set()).add(event.type)
    assert read["workflow_run"] == {"run_ended"}
    assert read["pull_request"] == {"head_moved"}
    assert read.get("check_suite", {"commanded"}) == {"commanded"}
    assert read["installation"] == read["installation_repositories"] == {"access_changed"}


def test_a_run_of_github_is_read_whole() -> None:
    body = example("workflow_run", "completed")
    event = _event("workflow_run", body)
    assert isinstance(event, RunEnded)
    shape = body["workflow_run"]
    assert (event.run.id, event.run.head_sha) == (shape["id"], shape["head_sha"])
    assert (event.run.conclusion, event.run.attempt) == (shape["conclusion"] or "", shape["run_attempt"])
    assert str(event.place.name) == body["repository"]["full_name"]
    assert lane_of(event) == body["repository"]["id"]


def test_what_does_not_come_from_an_installation_is_left() -> None:
    """A repository's own webhook gives no token to read anything with."""
    body = {**example("workflow_run", "completed")}
    del body["installation"]
    assert _event("workflow_run", body) == Nothing(reason="it came from no installation of the App")


def test_own_payloads_come_back_as_they_were() -> None:
    """Run and pull request survive the way through a payload."""
    assert _event("workflow_run", run_payload(run())).run == run()
    moved = _event("pull_request", pull_payload(pull(draft=True), "synchronize"))
    assert isinstance(moved, HeadMoved)
    assert moved.pull_request == pull(draft=True)


def test_a_deleted_fork_is_still_a_fork() -> None:
    moved = _event("pull_request", pull_payload(pull(head_repository=None), "synchronize"))
    assert moved.pull_request.fork


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/patchwright diagnose", ("diagnose", "")),
        ("Thanks!\n\n/patchwright apply with care  \nmore", ("apply", "with care")),
        ("/patchwright stop\r\n/patchwright apply", ("stop", "")),
        ("please /patchwright diagnose", None),
        ("> /patchwright apply", None),
        ("    /patchwright apply", None),
        ("```\n/patchwright apply\n```", None),
        ("~~~sh\n/patchwright apply\n```\n/patchwright stop", None),
        ("```\nx\n```\n/patchwright explain", ("explain", "")),
        ("/patchwright applyall", None),
        ("/patchwright", None),
        ("/PATCHWRIGHT diagnose", None),
        ("/patchwright\ndiagnose", None),
        ("", None),
    ],
)
def test_commands_stand_alone_on_a_line(text: str, found: object) -> None:
    assert command_of(text) == found


@given(st.text())
def test_no_text_breaks_the_search_for_commands(text: str) -> None:
    found = command_of(text)
    assert found is None or found[0] in text


def test_programs_command_nothing() -> None:
    """Two bots that answer each other would never stop."""
    body = comment_payload(1, "/patchwright diagnose")
    assert isinstance(_event("issue_comment", body), Commanded)
    robot = {**body, "comment": {**body["comment"], "user": {"login": "x[bot]", "type": "Bot"}}}
    assert isinstance(_event("issue_comment", robot), Nothing)
    app = {**body, "comment": {**body["comment"], "performed_via_github_app": {"id": 1}}}
    assert isinstance(_event("issue_comment", app), Nothing)


def test_edited_comments_command_nothing() -> None:
    """Who may edit others' comments could put a command into an owner's mouth."""
    body = {**comment_payload(1, "/patchwright apply"), "action": "edited"}
    assert isinstance(_event("issue_comment", body), Nothing)


def test_an_issues_text_comes_with_the_command() -> None:
    event = _event("issue_comment", comment_payload(5, "/patchwright diagnose", pull=False))
    assert (event.subject, event.issue, event.text) == (5, True, "It is broken\n\nTotals are wrong.")
    labelled = payload("labeled", issue={"number": 5, "title": "T"}, label={"name": "patchwright"})
    event = _event("issues", labelled)
    assert (event.verb, event.by, event.text) == ("diagnose", "ada", "T")
    other = payload("labeled", issue={"number": 5, "title": "T"}, label={"name": "bug"})
    assert isinstance(_event("issues", other), Nothing)


def test_buttons_say_whose_they_are() -> None:
    check = {"id": 3, "head_sha": commit(1), "external_id": "42/1/abc"}
    body = payload("requested_action", check_run=check, requested_action={"identifier": "apply"})
    event = _event("check_run", body)
    assert (event.verb, event.check, event.head_sha, event.argument) == ("apply", 3, commit(1), "42/1/abc")
    foreign = payload("requested_action", check_run=check, requested_action={"identifier": "deploy"})
    assert isinstance(_event("check_run", foreign), Nothing)
    assert _event("check_run", payload("rerequested", check_run=check)).verb == "diagnose"


def test_access_is_told_for_all_or_for_some() -> None:
    gone = _event("installation", example("installation", "deleted"))
    assert isinstance(gone, AccessChanged)
    assert (gone.gone, gone.repositories) == (True, ())
    back = _event("installation", example("installation", "unsuspend"))
    assert not back.gone
    some = _event("installation_repositories", example("installation_repositories", "removed"))
    assert some.gone
    assert some.repositories


@pytest.mark.parametrize(
    "change",
    [
        {"repository": {"id": 42, "full_name": "../../etc"}},
        {"repository": {"id": "x", "full_name": "ada/shop"}},
        {"repository": None},
        {"workflow_run": {"id": 1, "head_sha": "--upload-pack=x"}},
        {"workflow_run": []},
        {"installation": {"id": None}},
    ],
)
def test_names_that_could_be_options_or_paths_never_get_in(change: dict[str, Any]) -> None:
    assert isinstance(_event("workflow_run", {**run_payload(run()), **change}), Nothing)


def test_a_branch_that_git_would_not_take_has_no_name() -> None:
    event = _event("workflow_run", run_payload(run(head_branch="--output=/etc/passwd")))
    assert event.run.head_branch == ""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_an_event_or_nothing(value: object) -> None:
    body = json.dumps(
        {**payload("completed"), "workflow_run": value, "pull_request": value, "check_run": value}
    ).encode()
    for name in ("workflow_run", "pull_request", "check_run", "issue_comment", "installation"):
        assert event_of(name, body).type


def test_a_payload_of_one_event_under_the_name_of_another_is_nothing() -> None:
    """The event's name is not signed."""
    bodies = {
        "workflow_run": run_payload(run()), "pull_request": pull_payload(pull(), "opened"),
        "issue_comment": comment_payload(1, "/patchwright apply"),
    }  # fmt: skip
    for name, body in bodies.items():
        for other in ("workflow_run", "pull_request", "issue_comment", "check_run", "check_suite", "issues"):
            if other != name:
                assert isinstance(_event(other, body), Nothing)
