"""Uploads: what is unpacked, what is refused, and that a refusal leaves nothing."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import subprocess
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service import tarball
from workflows.service.members import ArchiveRefused, Bounds
from workflows.service.unpack import unpack

BOUNDS = Bounds(total_bytes=1 << 20, files=50)


def _tar(*members: tuple[str, dict[str, object], bytes], mode: str = "w") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode, format=tarfile.GNU_FORMAT) as tar:  # type: ignore[call-overload]
        for name, fields, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> bytes:
    return _tar((name, {"type": kind, "linkname": target}, b""))


def _zip(*members: tuple[str, int, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, mode, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = method
            archive.writestr(info, content)
    return data.getvalue()


def _pax(size: int) -> bytes:
    """A tar whose header claims to be `size` bytes long."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, size
    return info.tobuf(tarfile.GNU_FORMAT)


def _many_in_table(count: int) -> bytes:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_000, 65_000, 46 * count, 0, 0)
    return b"PK\x03\x04" + end


FILE = stat.S_IFREG | 0o644
HUGE = b"\0" * (1 << 16)
REFUSED: dict[str, tuple[bytes, str]] = {
    "up": (_tar(("../x", {}, b"1")), "`..`"),
    "up inside": (_tar(("a/../../x", {}, b"1")), "`..`"),
    "absolute": (_tar(("/etc/x", {}, b"1")), "absolute"),
    "backslash": (_tar(("a\\..\\x", {}, b"1")), "backslash"),
    "drive": (_tar(("C:/x", {}, b"1")), "absolute"),
    "newline": (_tar(("a\nb", {}, b"1")), "control"),
    "long": (_tar(("x" * 300, {}, b"1")), "too long"),
    "deep": (_tar(("a/" * 150 + "x", {}, b"1")), "too long or too deep"),
    "link up": (_link("a", "../x"), "leads outside"),
    "link absolute": (_link("a", "/etc/passwd"), "leads outside"),
    "link over links": (
        _tar(
            ("d/e", {"type": tarfile.DIRTYPE}, b""),
            ("l", {"type": tarfile.SYMTYPE, "linkname": "d/e"}, b""),
            ("m", {"type": tarfile.SYMTYPE, "linkname": "l/../../.."}, b""),
        ),
        "leads outside",
    ),
    "link then file below it": (
        _tar(("a", {"type": tarfile.SYMTYPE, "linkname": "."}, b""), ("a/x", {}, b"1")),
        "where something else is",
    ),
    "link below a link that leads out": (
        _tar(
            ("a/b/c/l", {"type": tarfile.SYMTYPE, "linkname": "../../.."}, b""),
            ("c", {"type": tarfile.SYMTYPE, "linkname": "a/b/c/l/../.."}, b""),
            ("c/evil", {"type": tarfile.SYMTYPE, "linkname": "x"}, b""),
            ("c/newdir/deep/evil", {"type": tarfile.SYMTYPE, "linkname": "x"}, b""),
        ),
        "where something else is",
    ),
    "link below a file": (
        _tar(("a", {}, b"1"), ("a/l", {"type": tarfile.SYMTYPE, "linkname": "x"}, b"")),
        "where something else is",
    ),
    "hard link out": (_link("a", "../../etc/passwd", tarfile.LNKTYPE), "`..`"),
    "hard link to nothing": (_link("a", "b", tarfile.LNKTYPE), "hard link"),
    "device": (_tar(("a", {"type": tarfile.CHRTYPE}, b"")), "device"),
    "pipe": (_tar(("a", {"type": tarfile.FIFOTYPE}, b"")), "device"),
    "setuid": (_tar(("a", {"mode": 0o4755}, b"1")), "setuid"),
    "setgid": (_tar(("a", {"mode": 0o2755}, b"1")), "setuid"),
    "twice": (_tar(("a", {}, b"1"), ("./a", {}, b"2")), "twice"),
    "file and directory": (_tar(("a", {}, b"1"), ("a/b", {}, b"2")), "file and as a directory"),
    "directory and file": (_tar(("a/b", {}, b"1"), ("a", {}, b"2")), "file and as a directory"),
    "too many": (_tar(*((f"f{n}", {}, b"") for n in range(60))), "more than 50"),
    "too many directories": (_tar(*((f"d{n}/f", {}, b"") for n in range(40))), "more than 50"),
    "too large": (_tar(("a", {}, b"x" * (1 << 20)), ("b", {}, b"x")), "larger than 1 MiB"),
    "bomb": (gzip.compress(_tar(("a", {}, b"\0" * (4 << 20)))), "larger than 1 MiB"),
    "nothing": (_tar(), "not an archive"),
    "cut off": (gzip.compress(_tar(("a", {}, b"xy" * 9000)))[:-30], "cut off"),
    "not gzip": (b"\x1f\x8b\x08" + b"x" * 100, "damaged"),
    "truncated tar": (_tar(("a", {}, b"x" * 9000))[:2000], "damaged"),
    "endless header": (_pax(8 << 30) + HUGE, "header of more than 1 MiB"),
    "chain of headers": (b"".join(_pax(0) for _ in range(3000)), "damaged"),
    "text": (b"hello", "not an archive"),
    "empty": (b"", "not an archive"),
    "zip up": (_zip(("../x", FILE, b"1")), "`..`"),
    "zip absolute": (_zip(("/x", FILE, b"1")), "absolute"),
    "zip link": (_zip(("a", stat.S_IFLNK | 0o777, b"../../etc")), "leads outside"),
    "zip link below a file": (
        _zip(("a", FILE, b"1"), ("a/l", stat.S_IFLNK | 0o777, b"x")),
        "where something else is",
    ),
    "zip device": (_zip(("a", stat.S_IFCHR | 0o644, b"")), "device"),
    "zip setuid": (_zip(("a", FILE | stat.S_ISUID, b"1")), "setuid"),
    "zip twice": (_zip(("a", FILE, b"1"), ("a//", FILE, b"")), "twice|file and as a directory"),
    "zip bomb": (_zip(("a", FILE, b"\0" * (4 << 20))), "larger than 1 MiB"),
    "zip method": (_zip(("a", FILE, b"1" * 100), method=zipfile.ZIP_LZMA), "compressed in a way"),
    "zip table": (_many_in_table(10_000_000), "more than 50"),
    "zip cut off": (_zip(("a", FILE, b"1" * 1000))[:60], "table of contents"),
    "bundle on others": (b"# v2 git bundle\n-" + b"a" * 40 + b" x\n\n", "not in it"),
    "bundle filtered": (b"# v3 git bundle\n@filter=blob:none\n\n", "leaves objects out"),
    "bundle broken": (b"# v2 git bundle\n" + b"a" * 40 + b" refs/heads/main\n\nPACKxxxx", "damaged"),
    "bundle without end": (b"# v2 git bundle\n" + b"x" * 90_000, "header cannot be read"),
    "bundle of nothing": (b"# v2 git bundle\n\n", "no branch"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_dangerous_or_damaged_is_refused_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(ArchiveRefused, match=reason):
        await unpack(io.BytesIO(data), tmp_path / "service" / "up", BOUNDS)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["service", "service/up"]


async def test_a_ratio_beyond_reason_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(_tar(("a", {}, b"\0" * (80 << 20))))
    with pytest.raises(ArchiveRefused, match="200 times"):
        await unpack(io.BytesIO(bomb), tmp_path, Bounds(total_bytes=1 << 30, files=10))


async def test_headers_never_fill_the_memory(tmp_path: Path) -> None:
    long = gzip.compress(_pax(1 << 30) + b"\0" * (60 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveRefused):
            await unpack(io.BytesIO(long), tmp_path, Bounds(total_bytes=1 << 30, files=10))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
async def test_files_links_and_modes_arrive(mode: str, tmp_path: Path) -> None:
    data = _tar(
        (".", {"type": tarfile.DIRTYPE}, b""),
        ("./run.sh", {"mode": 0o755}, b"#!/bin/sh\n"),
        ("sub", {"type": tarfile.DIRTYPE, "mode": 0o2755}, b""),
        ("sub/data", {"mode": 0o000}, b"x" * 100_000),
        ("sub/link", {"type": tarfile.SYMTYPE, "linkname": "../run.sh"}, b""),
        ("twin", {"type": tarfile.LNKTYPE, "linkname": "run.sh"}, b""),
        ("\udcfflatin", {}, b"1"),
        mode=mode,
    )
    top = tmp_path / await unpack(io.BytesIO(data), tmp_path, BOUNDS)
    assert stat.S_IMODE((top / "run.sh").stat().st_mode) == 0o700
    assert (top / "sub" / "data").read_bytes() == b"x" * 100_000
    assert (top / "sub" / "link").read_bytes() == (top / "twin").read_bytes() == b"#!/bin/sh\n"
    assert (top / "\udcfflatin").exists()


async def test_a_zip_arrives_and_a_lone_directory_is_the_source(tmp_path: Path) -> None:
    data = _zip(("p-1.0/a.py", FILE | 0o100, b"1"), ("p-1.0/d/", stat.S_IFDIR | 0o755, b""), ("p-1.0/x", 0, b"2"),
                ("p-1.0/l", stat.S_IFLNK | 0o777, b"d"))  # fmt: skip
    where = await unpack(io.BytesIO(data), tmp_path, BOUNDS)
    assert where.endswith("/p-1.0")
    assert (tmp_path / where / "a.py").stat().st_mode & stat.S_IXUSR
    assert (tmp_path / where / "l").resolve().name == "d"


async def test_a_gzip_of_several_members_is_one_tar(tmp_path: Path) -> None:
    plain = tarball({"a": b"1" * 5000, "b": b"2"}, mode="w")
    data = gzip.compress(plain[:3000]) + gzip.compress(plain[3000:]) + b"\0" * 512
    where = await unpack(io.BytesIO(data), tmp_path, BOUNDS)
    assert (tmp_path / where / "b").read_bytes() == b"2"


def _git(folder: Path, *arguments: str) -> str:
    name = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=trunk")
    done = subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


async def test_a_bundle_becomes_a_bare_repository_of_ours(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    _git(source, "init", "-q")
    (source / "a.py").write_text("x = 1\n")
    _git(source, "add", ".")
    _git(source, "commit", "-qm", "one")
    _git(source, "tag", "v1")
    _git(source, "bundle", "create", "-q", "../all.bundle", "--all")
    with (tmp_path / "all.bundle").open("rb") as bundle:
        where = tmp_path / "up" / await unpack(bundle, tmp_path / "up", BOUNDS)
    assert _git(where, "rev-parse", "HEAD", "v1") == _git(source, "rev-parse", "HEAD", "v1")
    assert _git(where, "symbolic-ref", "HEAD") == "refs/heads/trunk"
    assert not list(where.glob("*.pack"))


MAKERS: list[Callable[[], bytes]] = [
    lambda: tarball({"a/b": b"1" * 3000, "c": b""}),
    lambda: tarball({"a/b": b"1" * 3000, "c": b""}, mode="w"),
    lambda: _zip(("a/b", FILE, b"1" * 3000), ("c", FILE, b"")),
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    maker=st.sampled_from(MAKERS),
    damage=st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=8)), max_size=6),
    cut=st.none() | st.integers(0, 4000),
)
async def test_damage_of_any_kind_is_refused_or_harmless(
    maker: Callable[[], bytes], damage: list[tuple[int, bytes]], cut: int | None, tmp_path: Path
) -> None:
    data = bytearray(maker())
    for at, content in damage:
        data[at % len(data) : at % len(data) + len(content)] = content
    stream: IO[bytes] = io.BytesIO(bytes(data[:cut]))
    before = len(list(tmp_path.iterdir()))
    try:
        await unpack(stream, tmp_path, BOUNDS)  # type: ignore[arg-type]
    except ArchiveRefused:
        assert len(list(tmp_path.iterdir())) == before
