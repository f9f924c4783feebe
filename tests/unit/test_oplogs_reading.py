"""Logs as blocks of lines: every byte is in a block or told, whatever the file."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.oplogs.journal import entries
from tools.oplogs.reading import Notes, Source, offsets, piece, sources, stream, undocked
from tools.tool import ToolError

TEXT = b"".join(b"2026-01-02 03:04:05 INFO line %d of the log\n" % number for number in range(3000))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.ZstdCompressor().compress,
}  # fmt: skip
logs = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=40).map(b"\n".join)


def one(path: Path) -> tuple[Source, Notes]:
    notes = Notes()
    (source,) = sources([path], notes)
    return source, notes


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=logs, block=st.integers(1, 60))
def test_parts_of_a_file_hold_every_line_once(tmp_path: Path, text: bytes, block: int) -> None:
    """However a file is cut, its lines come out whole, once and in order."""
    path = tmp_path / "log"
    path.write_bytes(text)
    source = Source(path=str(path), form="plain", flavour="text", size=len(text), mtime_ns=0)
    read = [piece(source, start, end, Notes()) for start, end in offsets(source, block)]
    whole = text if not text or text.endswith(b"\n") else text + b"\n"
    assert b"".join(lines for _, lines in read) == whole
    assert all(whole[at : at + len(lines)] == lines for at, lines in read)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lengths=st.lists(st.integers(0, 90), min_size=1, max_size=12), block=st.integers(5, 50), longest=st.integers(1, 20)
)
def test_long_lines_are_cut_and_counted(tmp_path: Path, lengths: list[int], block: int, longest: int) -> None:
    """What is left out of long lines and what is read make up the file."""
    text = b"".join(b"x" * length + b"\n" for length in lengths)
    path = tmp_path / "log"
    path.write_bytes(text)
    source = Source(path=str(path), form="plain", flavour="text", size=len(text), mtime_ns=0)
    notes = Notes()
    read = b"".join(piece(source, start, end, notes, longest)[1] for start, end in offsets(source, block))
    lost = sum(count for sentence, count in notes.counted() if "bytes of long lines" in sentence)
    assert len(read) + lost == len(text)
    assert read.count(b"\n") == len(lengths)


@pytest.mark.parametrize("ending", PACKERS)
def test_compressed_files_are_read_by_their_content(tmp_path: Path, ending: str) -> None:
    """The name does not matter; two members in one file are both read."""
    path = tmp_path / "app.log.1"
    path.write_bytes(PACKERS[ending](TEXT) + PACKERS[ending](TEXT))
    source, notes = one(path)
    assert b"".join(stream(source, notes)) == TEXT + TEXT
    assert notes.told() == ()


@pytest.mark.parametrize("ending", PACKERS)
def test_truncated_compressed_files_give_what_they_have(tmp_path: Path, ending: str) -> None:
    """A file that breaks off is read up to there, and that is said."""
    noise = b"".join(b"%d %d\n" % (number * 7919 % 104729, number) for number in range(60_000))
    whole = PACKERS[ending](noise)
    path = tmp_path / "log"
    path.write_bytes(whole[: len(whole) // 2])
    source, notes = one(path)
    read = b"".join(stream(source, notes))
    assert noise.startswith(read[:-1])
    assert ending in ("zst", "bz2", "xz") or len(read) > 1000
    assert any("breaks off" in sentence for sentence in notes.told()) or ending == "zst"


def test_a_hundred_megabytes_in_one_line_are_bounded(tmp_path: Path) -> None:
    """A compressed line without end costs no memory and is told."""
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"first\n" + b"x" * 30_000_000 + b"\nlast\n", 1))
    source, notes = one(path)
    blocks = list(stream(source, notes))
    text = b"".join(blocks)
    assert text.startswith(b"first\nxxx")
    assert text.endswith(b"x\nlast\n")
    assert len(text) < 1_000_000
    assert any("bytes of long lines left out" in sentence for sentence in notes.told())


def test_utf16_and_broken_utf8_are_text(tmp_path: Path) -> None:
    """Windows' encoding is turned into UTF-8; broken bytes stay in their line."""
    path = tmp_path / "a.log"
    path.write_bytes("Zeile äöü\nzwei\n".encode("utf-16"))
    source, notes = one(path)
    assert b"".join(stream(source, notes)).decode() == "Zeile äöü\nzwei\n"
    path = tmp_path / "b.log"
    path.write_bytes(b"ok \xff\xfe line\n" * 20)
    assert one(path)[0].form == "plain"


def test_binary_empty_and_special_files_are_left_out_and_told(tmp_path: Path) -> None:
    """What is no log is named; links are not followed; a hole of zeros makes no binary file."""
    (tmp_path / "image").write_bytes(bytes(range(256)) * 100)
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "hole").write_bytes(bytes(2000) + b"2026-01-01 00:00:00 after the hole\n" * 100)
    notes = Notes()
    assert [Path(source.path).name for source in sources([tmp_path], notes)] == ["hole"]
    told = " ".join(notes.told())
    assert "image is binary" in told
    assert "1 empty files" in told


def test_a_missing_path_is_an_error_of_the_user(tmp_path: Path) -> None:
    """A wrong name is no empty log."""
    with pytest.raises(ToolError, match="no such file"):
        sources([tmp_path / "nothing"], Notes())


def test_docker_lines_come_out_with_their_time() -> None:
    """Parts of one line are put together; what is no JSON stays."""
    lines = [
        {"log": "one\n", "stream": "stdout", "time": "2026-01-01T00:00:00Z"},
        {"log": "tw", "stream": "stdout", "time": "2026-01-01T00:00:01Z"},
        {"log": "o\n", "stream": "stdout", "time": "2026-01-01T00:00:02Z"},
    ]
    block = "".join(json.dumps(line) + "\n" for line in lines).encode() + b'{"log": cut\n'
    assert undocked(block) == b'2026-01-01T00:00:00Z one\n2026-01-01T00:00:01Z two\n{"log": cut\n'


@given(cut=st.integers(1, 50))
def test_journald_exports_are_read_with_binary_fields(cut: int) -> None:
    """Fields with newlines have a length before them; chunks may end anywhere."""
    message = b"two\nlines"
    text = (
        b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1767225600000000\n_HOSTNAME=web\nPRIORITY=3\nSYSLOG_IDENTIFIER=app\n_PID=7\n"
        b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n\n"
        b"__REALTIME_TIMESTAMP=1767225601000000\nMESSAGE=plain\n\n"
    )
    chunks = [text[at : at + cut] for at in range(0, len(text), cut)]
    assert b"".join(entries(chunks)) == (
        b"2026-01-01T00:00:00Z ERROR web app[7]: two\nlines\n2026-01-01T00:00:01Z - -: plain\n"
    )


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_journald_reader_takes_any_bytes(chunks: list[bytes]) -> None:
    """Hostile exports end without an error."""
    list(entries([chunk for chunk in chunks if chunk]))
