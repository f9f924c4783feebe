from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from workflows import inputs
from workflows.exits import Refused


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_sources_are_urls_or_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").mkdir()
    assert inputs.source_of("a b") == str(tmp_path / "a b")
    for url in ("https://example.org/x.git", "git@example.org:x/y.git", "ssh://example.org/x"):
        assert inputs.source_of(url) == url


@pytest.mark.parametrize("source", ["missing", "file.txt", "nul\0byte"])
def test_other_sources_are_refused(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").touch()
    with pytest.raises(Refused):
        inputs.source_of(source)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("\ufefflog é".encode(), "log é"),
        ("log é".encode("utf-16"), "log é"),
        (b"caf\xe9 failed", "caf\ufffd failed"),
    ],
)
def test_logs_come_in_any_encoding(data: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(data)
    assert inputs.text_of("--log", str(tmp_path / "log")) == text


def test_a_log_that_is_too_large_keeps_head_and_tail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sparse file of 80 MiB: its first and last words stay, and both the text and the user are told."""
    with (tmp_path / "log").open("wb") as file:
        file.write(b"first")
        file.truncate(80 << 20)
        file.seek(0, 2)
        file.write(b"last")
    text = inputs.text_of("--log", str(tmp_path / "log")) or ""
    assert text.startswith("first")
    assert text.endswith("last")
    assert len(text) <= inputs.KEPT_BYTES + (1 << 17)
    assert "bytes left out ...]" in text
    assert "left out" in capsys.readouterr().err


@pytest.mark.parametrize("data", [b"", b" \n\t"])
def test_an_empty_standard_input_is_refused(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    with pytest.raises(Refused, match="nothing came on standard input"):
        inputs.text_of("--log", "-")


def test_a_patch_must_be_a_diff_within_the_tree(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("no diff")
    (tmp_path / "out").write_text("--- a/x\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n")
    for name in ("words", "out"):
        with pytest.raises(Refused, match=name):
            inputs.patches_of([str(tmp_path / name)])


@pytest.mark.parametrize("text", ["", " ", "--upload-pack=x"])
def test_a_revision_is_no_option(text: str) -> None:
    with pytest.raises(Refused, match="not a revision"):
        inputs.revision("--good", text)


def test_guard_rules_are_known_by_name() -> None:
    assert inputs.allowed(["skip", "skip"], ("skip", "sleep")) == ("skip",)
    with pytest.raises(Refused, match="rules are skip, sleep"):
        inputs.allowed(["everything"], ("skip", "sleep"))
