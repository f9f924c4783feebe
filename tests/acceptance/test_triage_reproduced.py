"""`patchwright triage --patch` on services without a test: the failure is repeated from the log, repaired, verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.acceptance.command import Ended, Patchwright
from tests.acceptance.served import PRICES, WORKER, WSGI, Served, serve

BUG = ('    if currency == "eur":\n        return cents\n', "")
HOSTILE = 'cents=700&currency=eur&note=\'%22%0A"""+import+os;os._exit(3)#{0}'


def diagnosed(command: Patchwright, served: Served) -> tuple[Ended, dict[str, Any]]:
    ended = command.run(*served.arguments(), "--out", command.folder / "out", timeout=280, limit_seconds=150, repeats=2)
    report: dict[str, Any] = json.loads((command.folder / "out" / "report.json").read_text())
    return ended, report


def test_a_request_of_the_log_becomes_the_failing_test(patchwright: Patchwright, tmp_path: Path) -> None:
    """Caught and logged by the application itself; what the revision before answered is what the test asserts."""
    usual = ["cents=100&currency=eur", "cents=250&currency=usd"]
    served = serve(
        tmp_path / "w", "wsgi", usual, HOSTILE, files={"shop/prices.py": PRICES, "shop/app.py": WSGI}, bug=BUG
    )
    ended, report = diagnosed(patchwright, served)
    assert (ended.code, report["outcome"]) == (0, "verified_patch"), ended.text[-3000:]
    written = report["written_test"]
    assert written["model"] == ""
    assert "\n    assert answer == [200, '{\"cents\": 700}']" in written["text"]
    assert served.good[:12] in written["claims"]
    assert written["quotes"][-1] == "KeyError: 'eur'"
    assert report["certificate"]["predicate"]["written_test"]["claims"] == written["claims"]
    checked = patchwright.run("verify", patchwright.folder / "out" / "certificate.json", "--repo", served.repo)
    assert checked.code == 0, checked.text
    assert "was written by Patchwright" in checked.text


def test_a_message_of_the_log_becomes_a_call(patchwright: Patchwright, tmp_path: Path) -> None:
    """A function of the trace is called with the payload that the log shows. The deploys do not say what ran before:
    then it is the commit before the suspect one.
    """
    eur, usd = (json.dumps({"order": 7, "cents": 250, "currency": name}) for name in ("eur", "usd"))
    files = {"shop/prices.py": PRICES, "shop/worker.py": WORKER}
    served = serve(tmp_path / "w", "worker", [usd, eur], eur, files=files, bug=BUG)
    last = json.loads(served.deploys.read_text().splitlines()[-1])
    del last["previous"]
    served.deploys.write_text(json.dumps(last))
    ended, report = diagnosed(patchwright, served)
    assert (ended.code, report["outcome"]) == (0, "verified_patch"), ended.text[-3000:]
    assert "'cents': 250" in report["written_test"]["text"]
    assert "\n    assert answer == {'order': 7, 'cents': 250}" in report["written_test"]["text"]


def test_what_cannot_be_repeated_is_said(patchwright: Patchwright, tmp_path: Path) -> None:
    """It needs what the process had done before: a call with the payload of the log alone does not fail."""
    usd = '{"order": 1, "cents": 100, "currency": "usd"}'
    worn = '    convert.calls = getattr(convert, "calls", 0) + 1\n    if convert.calls > 40:\n        RATES.clear()\n'
    files = {"shop/prices.py": PRICES, "shop/worker.py": WORKER}
    bug = ('    if currency == "eur":\n', worn + '    if currency == "eur":\n')
    served = serve(tmp_path / "w", "worker", [usd], usd, files=files, bug=bug)
    ended, report = diagnosed(patchwright, served)
    assert (ended.code, report["outcome"], report["patch"]) == (3, "inconclusive", None), ended.text[-3000:]
    assert report["reason"].startswith("KeyError in convert (shop/prices.py:")
    assert "could not be reproduced, because" in report["reason"]
    assert "to reproduce it, give a log with" in report["reason"]
    tried = [row["summary"] for row in report["evidence"] if row["kind"] == "reproduction"]
    assert any("calls handle with {'order': 1, 'cents': 100, 'currency': 'usd'}" in row for row in tried), tried
