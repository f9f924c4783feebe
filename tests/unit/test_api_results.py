"""What the API tells of runs: lists, ETags, live events, reports and what belongs to them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from agent.artifacts import Artifacts
from agent.domain import Report
from tests.fakes.report import FIX, hostile, verified, without_patch
from tests.service import Site, site
from tests.waiting import PATIENCE_S, turns, until_async
from workflows.report.render import write_report
from workflows.service.api.results import preferred
from workflows.service.values import Event


@pytest.fixture
def place(tmp_path: Path) -> Site:
    return site(tmp_path)


async def _finished(place: Site, report: Report) -> str:
    run = await place.submitted()
    place.store.add(run, "started")
    write_report(report, report.patch, place.folder / run)
    place.store.add(run, "finished")
    place.store.change(run, outcome=report.outcome)
    return run


async def _get(place: Site, path: str, **headers: str) -> httpx.Response:
    async with place.client() as http:
        return await http.get(f"/v1/diagnoses{path}", headers={n.replace("_", "-"): v for n, v in headers.items()})


async def test_a_list_is_walked_by_cursor_and_filtered(place: Site) -> None:
    runs = [await place.submitted() for _ in range(5)]
    await place.submitted("blue")
    place.store.add(runs[0], "cancelled")
    seen, cursor = [], ""
    while True:
        part = (await _get(place, f"?limit=2{cursor}")).json()
        seen += [run["id"] for run in part["runs"]]
        if part["next"] is None:
            break
        cursor = f"&cursor={part['next']}"
    assert seen == runs[::-1]
    assert [run["id"] for run in (await _get(place, "?state=cancelled&state=failed")).json()["runs"]] == [runs[0]]
    assert (await _get(place, "?outcome=verified_patch")).json() == {"runs": [], "next": None}
    for query in ("limit=0", "limit=201", "state=odd", "outcome=odd", "cursor=odd", "cursor=%00"):
        assert (await _get(place, f"?{query}")).status_code == 422


async def test_a_run_is_sent_again_only_when_it_changed(place: Site) -> None:
    run = await place.submitted()
    first = await _get(place, f"/{run}")
    tag = first.headers["etag"]
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = await _get(place, f"/{run}", If_None_Match=header)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    place.store.add(run, "started")
    assert (await _get(place, f"/{run}", If_None_Match=tag)).json()["state"] == "running"


async def test_a_run_shows_nothing_of_the_service_inside(tmp_path: Path) -> None:
    place = site(tmp_path, model_url="http://inside.example:8000/v1")
    run = await place.submitted(log="password=s3cret")
    text = (await _get(place, f"/{run}")).text
    assert all(word not in text for word in ("inside.example", "s3cret", "tenant", "version"))
    assert place.store.submissions[run].request.reasoner is not None


async def test_cancelling_twice_is_the_same_as_once(place: Site) -> None:
    run = await place.submitted()
    async with place.client() as http:
        first, again = [await http.post(f"/v1/diagnoses/{run}/cancel") for _ in range(2)]
    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert again.json() == first.json()
    busy = await place.submitted()
    place.store.add(busy, "started")
    async with place.client() as http:
        asked = (await http.post(f"/v1/diagnoses/{busy}/cancel")).json()
    assert (asked["state"], asked["cancelling"]) == ("running", True)


def _events(text: str) -> list[Event]:
    return [Event.model_validate_json(line[6:]) for line in text.split("\n") if line.startswith("data: ")]


async def test_events_come_live_and_end_with_the_last_one(place: Site) -> None:
    run = await place.submitted()
    watching = asyncio.create_task(_get(place, f"/{run}/events"))
    await asyncio.sleep(0.5)  # longer than many heartbeats
    place.store.add(run, "started")
    place.store.add(run, "progress", "prepare", "a\nb\u2028c")
    await turns()
    place.store.add(run, "finished")
    answer = await asyncio.wait_for(watching, PATIENCE_S)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = _events(answer.text)
    assert [(event.seq, event.kind) for event in events] == [
        (1, "queued"), (2, "started"), (3, "progress"), (4, "finished"),
    ]  # fmt: skip
    assert events[2].text == "a\nb\u2028c"
    assert answer.text.count(": still here") >= 2
    assert "id: 4\n" in answer.text
    assert "event: finished\n" in answer.text


async def test_events_go_on_after_the_last_one_that_a_client_has(place: Site) -> None:
    run = await place.submitted()
    for text in "abc":
        place.store.add(run, "progress", "n", text)
    place.store.add(run, "finished")
    assert [event.seq for event in _events((await _get(place, f"/{run}/events", Last_Event_ID="3")).text)] == [4, 5]
    assert (await _get(place, f"/{run}/events", Last_Event_ID="5")).status_code == 204
    assert (await _get(place, f"/{run}/events", Last_Event_ID="99")).status_code == 204
    for wrong in ("-1", "x", "1" * 40):
        assert (await _get(place, f"/{run}/events", Last_Event_ID=wrong)).status_code == 422


async def test_a_client_ahead_of_a_running_run_misses_nothing(place: Site) -> None:
    run = await place.submitted()
    watching = asyncio.create_task(_get(place, f"/{run}/events", Last_Event_ID="77"))
    await until_async(lambda: place.store._bells[run])
    place.store.add(run, "finished")
    assert [event.seq for event in _events((await watching).text)] == [2]


async def test_a_database_that_goes_away_cuts_the_stream_without_a_last_event(place: Site) -> None:
    run = await place.submitted()
    watching = asyncio.create_task(_get(place, f"/{run}/events"))
    await until_async(lambda: place.store._bells[run])
    await turns()
    place.store.down = True
    answer = await asyncio.wait_for(watching, PATIENCE_S)
    assert [event.kind for event in _events(answer.text)] == ["queued"]
    assert "reconnect" in answer.text


async def test_a_revoked_token_ends_the_streams_that_it_opened(place: Site) -> None:
    """Also of a run that goes on and on; the events stay there for who may read them."""
    run = await place.submitted()
    token, secret = await place.store.issue("red", "spare", frozenset({"read"}))
    async with place.client(secret=secret) as http:
        watching = asyncio.create_task(http.get(f"/v1/diagnoses/{run}/events"))
        await asyncio.sleep(0.12)  # longer than two heartbeats
        place.store.add(run, "started")
        assert not watching.done()
        assert await place.store.revoke("red", token.id)
        ended = await asyncio.wait_for(watching, 5)
        assert (await http.get(f"/v1/diagnoses/{run}/events")).status_code == 401
    place.store.add(run, "finished")
    assert ": the token does not hold any more" in ended.text
    assert not any(event.last for event in _events(ended.text))
    rest = await _get(place, f"/{run}/events", Last_Event_ID=str(len(_events(ended.text))))
    assert [event.kind for event in _events(rest.text)][-1] == "finished"


async def test_who_stops_watching_is_forgotten(place: Site) -> None:
    run = await place.submitted()
    watching = asyncio.create_task(_get(place, f"/{run}/events"))
    await until_async(lambda: place.store._bells[run])
    assert len(place.store._bells[run]) == 1
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert place.store._bells[run] == []


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/markdown;q=0.5, application/json;q=0.4", "text/markdown"),
        ("text/*", "text/markdown"),
        ("application/json;q=0, */*", "text/markdown"),
        ("text/html;q=nan", None),
        ("text/html;q=", None),
        ("image/png", None),
        ("", None),
        (",;,=;q", None),
    ],
)
def test_the_preferred_form_is_chosen(accept: str, media: str | None) -> None:
    assert preferred(accept, ("application/json", "text/markdown", "text/html")) == media


async def test_a_report_comes_in_three_forms(place: Site) -> None:
    run = await _finished(place, verified())
    plain, words, page = [
        await _get(place, f"/{run}/report", Accept=media)
        for media in ("application/json", "text/markdown", "text/html")
    ]
    assert Report.model_validate_json(plain.content) == verified()
    assert words.headers["content-type"].startswith("text/markdown")
    assert page.text.lower().startswith("<!doctype html>")
    assert (await _get(place, f"/{run}/report", Accept="image/png")).status_code == 406


async def test_a_hostile_report_as_a_page_may_do_nothing(place: Site) -> None:
    run = await _finished(place, hostile("<script>alert(1)</script>"))
    page = await _get(place, f"/{run}/report", Accept="text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "unsafe" not in policy
    style = page.text.split("<style>")[1].split("</style>")[0]
    digest = hashlib.sha256(style.encode()).digest()
    assert base64.b64encode(digest).decode() in policy
    assert "<script" not in page.text


async def test_patch_and_certificate_are_given_byte_for_byte(place: Site) -> None:
    run = await _finished(place, verified())
    patch = await _get(place, f"/{run}/patch")
    assert (patch.text, patch.headers["content-type"]) == (FIX, "text/x-diff")
    assert (await _get(place, f"/{run}/certificate")).json() == verified().certificate
    bare = await _finished(place, without_patch())
    for part in ("patch", "certificate"):
        missing = await _get(place, f"/{bare}/{part}")
        assert (missing.status_code, missing.json()["type"]) == (404, "urn:patchwright:problem:no-result")


async def test_what_is_not_there_yet_is_said(place: Site) -> None:
    run = await place.submitted()
    assert "not finished" in (await _get(place, f"/{run}/report")).json()["detail"]
    place.store.add(run, "failed")
    assert "failed" in (await _get(place, f"/{run}/report")).json()["detail"]


async def test_evidence_is_given_with_its_text(place: Site) -> None:
    report = verified()
    run = await _finished(place, report)
    digest = Artifacts(place.folder / run / "artifacts").put("seen\x1b[31m this\x00")
    cited = report.evidence[0].model_copy(update={"artifact": digest})
    gone = report.evidence[0].model_copy(update={"id": "gone", "artifact": "0" * 64})
    write_report(report.model_copy(update={"evidence": (cited, gone)}), report.patch, place.folder / run)
    shown = (await _get(place, f"/{run}/evidence/{cited.id}")).json()
    assert (shown["text"], shown["evidence"]["id"]) == ("seen this\\x00", cited.id)
    assert (await _get(place, f"/{run}/evidence/gone")).json()["text"] is None
    for name in ("nothing", "..%2f..%2freport.json", "%00", "x" * 300):
        assert (await _get(place, f"/{run}/evidence/{name}")).status_code in {404, 422}


async def test_a_transcript_is_text(place: Site) -> None:
    run = await _finished(place, verified())
    empty = await _get(place, f"/{run}/transcript")
    assert (empty.status_code, empty.text) == (200, "")
    row = {"method": "halt", "key": "halt a 1", "branch": "a", "result": "enough"}
    turn = {
        "method": "model",
        "key": "model a 0",
        "branch": "a",
        "step": 0,
        "new": [],
        "error": {"kind": "away", "message": "<b>"},
    }
    (place.folder / run / "record.jsonl").write_text("\n".join(map(json.dumps, (row, turn))) + "\n")
    said = await _get(place, f"/{run}/transcript")
    assert "away: <b>" in said.text
    assert said.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        "/..%2f..%2fetc/report",
        "/../../etc/passwd",
        "/%2e%2e/report",
        "/.part-x/report",
        "/a%00b/report",
        "/" + "a" * 65,
    ],
)
async def test_ids_that_are_paths_lead_nowhere(path: str, place: Site) -> None:
    answer = await _get(place, path)
    assert answer.status_code in {404, 422}
    assert "root:" not in answer.text


async def test_feedback_is_kept(place: Site) -> None:
    run = await place.submitted()
    async with place.client() as http:
        answer = await http.post(f"/v1/diagnoses/{run}/feedback", json={"verdict": "partly", "comment": "half\x00"})
        wrong = await http.post(f"/v1/diagnoses/{run}/feedback", json={"verdict": "maybe"})
        plain = await http.post(f"/v1/diagnoses/{run}/feedback", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (wrong.status_code, plain.status_code) == (422, 415)
    assert place.store.opinions[0][1].comment == "half\ufffd"


async def test_small_routes_take_small_bodies(place: Site) -> None:
    async def large() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    async with place.client() as http:
        kind = {"Content-Type": "application/json"}
        answer = await http.post("/v1/tokens", content=large(), headers=kind)
    assert answer.status_code == 413
