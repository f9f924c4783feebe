from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import pytest

from agent.certificate import read
from agent.domain import Report
from tests.fakes.report import FIX, hostile, verified, without_patch
from workflows.report.render import SCHEMA, as_json, certificate_text, schema_text, write_report
from workflows.report.view import diff_rows, timeline


def test_published_schema_is_current() -> None:
    """Run `patchwright schema > workflows/report/schema.json` after a change of the report."""
    assert SCHEMA.read_text() == schema_text()


def test_all_files_of_a_verified_patch(tmp_path: Path) -> None:
    files = write_report(verified(), FIX, tmp_path / "new" / "out")
    assert [path.name for path in files] == [
        "report.json",
        "report.md",
        "report.html",
        "patch.diff",
        "certificate.json",
    ]
    assert sorted(path.name for path in files) == sorted(path.name for path in (tmp_path / "new" / "out").iterdir())


def test_patch_and_certificate_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    write_report(verified(), FIX, tmp_path)
    write_report(without_patch(), None, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json", "report.md"]


def test_the_patch_is_written_byte_for_byte(tmp_path: Path) -> None:
    """A diff of a file that is not UTF-8 keeps its bytes, so that its digest is the certificate's subject."""
    data = FIX.encode().replace(b"self.billed_to = day", b"name = 'caf\xe9'\r")
    write_report(verified(), data.decode("utf-8", "surrogateescape"), tmp_path)
    assert hashlib.sha256((tmp_path / "patch.diff").read_bytes()).digest() == hashlib.sha256(data).digest()


def test_report_json_reads_back() -> None:
    assert Report.model_validate_json(as_json(verified())) == verified()


@pytest.mark.parametrize("text", ["\udce9\x00\x1b", "</script>", "\u2028"])
def test_report_json_is_json_whatever_is_in_it(text: str, tmp_path: Path) -> None:
    write_report(hostile(text), text, tmp_path)
    assert json.loads((tmp_path / "report.json").read_bytes())["schema_version"] == 1


def test_the_certificate_keeps_its_form() -> None:
    """The embedded statement is what was issued: reading it back gives the same values."""
    assert json.loads(certificate_text(verified())) == verified().certificate
    with pytest.raises(ValueError, match="not a certificate"):
        read(certificate_text(verified()))


def test_diff_rows_carry_line_numbers() -> None:
    rows = diff_rows(FIX)
    added = [row for row in rows if row.kind == "add"]
    assert [(row.old, row.new, row.text.strip()) for row in added] == [(None, 54, "+            self.billed_to = day")]
    assert [row.kind for row in rows[:4]] == ["file", "file", "file", "hunk"]


def test_removed_lines_that_look_like_headers_are_removed_lines() -> None:
    rows = diff_rows("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- old\n+++ new\n same\n")
    assert [row.kind for row in rows] == ["file", "file", "hunk", "del", "add", "same"]


def test_a_huge_diff_is_cut_and_says_so() -> None:
    rows = diff_rows("@@ -1 +1 @@\n" + "+x\n" * 9000)
    assert len(rows) == 5001
    assert "more lines" in rows[-1].text


def test_timeline_bars_follow_each_other() -> None:
    bars = timeline(verified())
    assert [bar.node for bar in bars] == ["prepare", "reproduce", "localize", "search", "verify"]
    assert all(abs(one.start + one.width - two.start) < 0.1 for one, two in itertools.pairwise(bars))
