"""`patchwright logs` as a user starts it: what changed, which lines, on odd and hostile logs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.acceptance.command import Patchwright
from tests.unit.test_oplogs_index import incident


@pytest.fixture
def command(tmp_path: Path) -> Patchwright:
    """With a cache of its own: this command needs no environments."""
    return Patchwright(tmp_path / "home", tmp_path / "cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An hour of a service's logs, rotated once, with secrets, something binary and a terminal's control sequences."""
    logs = tmp_path / "logs"
    logs.mkdir()
    lines = incident()
    (logs / "app.log.1.gz").write_bytes(gzip.compress("\n".join(lines[:3000]).encode() + b"\n"))
    odd = b"2026-01-02 04:04:01 ERROR mail to jane@example.org failed, password=hunter22 \x1b[31mred\xff\n"
    (logs / "app.log").write_bytes("\n".join(lines[3000:]).encode() + b"\n" + odd + b"cut off")
    (logs / "core").write_bytes(bytes(range(256)) * 50)
    return logs


def test_what_changed_at_the_onset(command: Patchwright, folder: Path) -> None:
    """The new error first, the vanished template, the trace, and what was left out; the logs stay as they are."""
    before = {path: path.read_bytes() for path in folder.iterdir()}
    ended = command.run("logs", folder, "--onset", "2026-01-02T03:44:00")
    assert ended.code == 0
    changed = ended.out.split("Changed at")[1].split("Most frequent")[0]
    assert changed.index("new") < changed.index("cannot add <*>") < changed.index("vanished")
    assert "java java.lang.IllegalStateException" in ended.out
    assert "core is binary" in ended.out
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_json_and_lines_are_masked_and_clean(command: Patchwright, folder: Path) -> None:
    """No secret, no address, no control sequence in text or JSON; the second question is answered from the index."""
    shown = command.run("logs", folder, "-e", "mail to", "-C", "2")
    assert "***@*** failed, password=***" in shown.out
    assert "cut off" in shown.out
    told = command.run("logs", folder, "--grep", "mail to", "--json")
    (hit,) = json.loads(told.out)["hits"]
    assert "hunter22" not in told.out + shown.out
    assert "\x1b" not in shown.out
    assert hit["file"].endswith("app.log")
    whole = json.loads(command.run("logs", folder, "--json").out)
    assert whole["lines"] == len(incident()) + 2
    assert "jane" not in json.dumps(whole)


def test_lines_of_a_large_log_are_found_in_the_file_itself(command: Patchwright, tmp_path: Path) -> None:
    """Number, time, template and what stands around; secrets are masked there too."""
    lines = [
        f"2026-01-02 03:{n // 60 % 60:02}:{n % 60:02} INFO web.Server: served /cart in {n} ms" for n in range(300_000)
    ]
    lines[200_000] = "2026-01-02 03:04:05 ERROR mail to jane@example.org failed, password=hunter22"
    path = tmp_path / "large.log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = command.run("logs", path, "--grep", r"mail\s+to\b.*=[^0-9]+22$", "-C", "1", "--json")
    (hit,) = json.loads(told.out)["hits"]
    assert hit["line"] == 200_001
    assert hit["before"] == [lines[199_999]]
    assert hit["after"] == [lines[200_001]]
    assert "hunter22" not in told.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nowhere",), 65, "no such file"),
        (("--grep", "("), 65, "cannot be used"),
        (("--onset", "soon"), 65, "no time"),
        (("--field", "x"), 65, "no field"),
        (("--template", "zzzz"), 65, "no template"),
        (("--zone", "Mars"), 65, "no zone"),
    ],
)
def test_wrong_questions_are_answered_clearly(
    command: Patchwright, folder: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """One line that says what is wrong."""
    paths = () if arguments == ("nowhere",) else (folder,)
    ended = command.run("logs", *paths, *arguments)
    assert (ended.code, said in ended.err) == (code, True), ended.err
