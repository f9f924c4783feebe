"""Routes about runs that wait for a person: what is taken, what is refused, and what anybody who watches sees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.asking import Question
from tests.service import Site, site

LACKING = Question(id="q1", subject="information", question="Which tests fail?", detail="a log")
GUARD = Question(id="q1", subject="guard", question="May a patch change conftest.py?", detail="a diff")


@pytest.fixture
def place(tmp_path: Path) -> Site:
    return site(tmp_path)


async def asking(place: Site, question: Question) -> str:
    """The path of a run that waits."""
    run = await place.submitted("red", ask=True)
    place.store.add(run, "started")
    place.store.ask(run, question)
    return f"/v1/diagnoses/{run}"


async def test_a_run_that_waits_says_so_everywhere(place: Site) -> None:
    """Its state, its links, the list of those that wait, its events."""
    run = await asking(place, GUARD)
    async with place.client() as http:
        known = (await http.get(run)).json()
        assert (known["state"], known["ask"], known["links"]["approvals"]) == (
            "waiting_for_approval", True, f"{run}/approvals",
        )  # fmt: skip
        listed = (await http.get("/v1/diagnoses", params={"state": "waiting_for_approval"})).json()["runs"]
        assert [one["id"] for one in listed] == [known["id"]]
        (asked,) = (await http.get(f"{run}/approvals")).json()["approvals"]
        assert (asked["question"], asked["detail"], asked["decision"]) == (GUARD.question, "a diff", None)
        answer = await http.post(f"{run}/approvals/q1", json={"decision": "deny", "note": "not\0 ours"})
        assert (answer.status_code, answer.json()["note"]) == (200, "not\ufffd ours")
        place.store.add(known["id"], "finished")
        stream = (await http.get(f"{run}/events")).text
    events = [json.loads(row[6:]) for row in stream.splitlines() if row.startswith("data: ")]
    assert [event["kind"] for event in events if event["kind"].startswith("approval")] == [
        "approval_requested", "approval_decided",
    ]  # fmt: skip
    assert "q1: deny: not\ufffd ours" in {event["text"] for event in events}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""), ({"text": ""}, ""), ({"tests": []}, ""), ({"tests": ["a\nb"]}, "body.tests.0"),
        ({"rev": "-x"}, "body.rev"), ({"python": "/usr/bin/python"}, "body.python"), ({"text": 1}, "body.text"),
        ({"goal": "triage"}, "body.?"), ({"install": ["make"]}, "install"),
    ],
)  # fmt: skip
async def test_a_message_is_checked_like_a_submission(body: dict[str, Any], field: str, place: Site) -> None:
    run = await asking(place, LACKING)
    async with place.client() as http:
        answer = await http.post(f"{run}/messages", json=body)
        assert answer.status_code == 422, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert (await http.get(run)).json()["state"] == "waiting_for_approval"


async def test_what_the_operator_permits_may_be_told(tmp_path: Path) -> None:
    place = site(tmp_path, permit="install")
    run = await asking(place, LACKING)
    async with place.client() as http:
        assert (await http.post(f"{run}/messages", json={"install": ["make"]})).status_code == 200
    (more,) = place.store._told.values()
    assert more.install == ("make",)


@pytest.mark.parametrize("body", [{}, {"decision": "perhaps"}, {"decision": "approve", "note": "x" * 2001}, []])
async def test_a_decision_is_one_of_two(body: Any, place: Site) -> None:
    run = await asking(place, GUARD)
    async with place.client() as http:
        assert (await http.post(f"{run}/approvals/q1", json=body)).status_code == 422
        for name in ("q2", "Q1", "../q1", "q" * 30):
            answer = await http.post(f"{run}/approvals/{name}", json={"decision": "approve"})
            assert answer.status_code in (404, 422)
        assert (await http.get(run)).json()["state"] == "waiting_for_approval"


async def test_an_answer_that_nobody_waits_for_is_a_conflict(place: Site) -> None:
    """Of the other kind, too late, or of a run that asked nothing."""
    lacking, guard = await asking(place, LACKING), await asking(place, GUARD)
    idle = f"/v1/diagnoses/{await place.submitted()}"
    async with place.client() as http:
        wrong = [
            await http.post(f"{lacking}/approvals/q1", json={"decision": "approve"}),
            await http.post(f"{guard}/messages", json={"text": "x"}),
            await http.post(f"{idle}/messages", json={"text": "x"}),
        ]
        await http.post(f"{guard}/cancel")
        wrong.append(await http.post(f"{guard}/approvals/q1", json={"decision": "approve"}))
    told = [(one.status_code, one.json()["type"]) for one in wrong]
    assert told == [(409, "urn:patchwright:problem:not-waiting")] * 4
