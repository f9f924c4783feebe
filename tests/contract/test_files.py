"""Every place where files of runs are kept behaves the same: directories, and a bucket on a real S3 server."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.artifacts import ArtifactMissing, Artifacts, Unsealed
from agent.record import append_row
from tests import s3
from workflows.exits import Refused
from workflows.sealing import Keys, Seal, keys
from workflows.service.files import Blobs, Carrier, DiskBlobs, Kept, Place, Resealer, kept_in
from workflows.service.ports import FilesAway
from workflows.settings import Settings

PLACE = Place("red", "20261128-120000-" + "0" * 32)
CANARY = "canary-3d41aa07"
KEYS = Keys((b"k" * 32,))


@pytest.fixture(scope="module")
def storage() -> Iterator[s3.Storage]:
    os.environ |= {"TEST_S3_ID": "any", "TEST_S3_SECRET": "one"}
    with s3.running() as made:
        yield made


@pytest.fixture(params=["disk", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "disk":
        return DiskBlobs(tmp_path / "runs")
    return bucket(request.getfixturevalue("storage"), tmp_path)


def bucket(storage: s3.Storage, tmp_path: Path) -> Blobs:
    return kept_in(Settings(home=tmp_path, **{**storage.settings, "artifacts": f"s3://runs{tmp_path}"}), tmp_path).blobs


async def test_what_is_put_is_got_listed_and_removed(blobs: Blobs) -> None:
    await blobs.reach()
    for name, data in {"a.json": b"1", "artifacts/ab/x": b"\0\xff" * 9, "artifacts/cd/y": b""}.items():
        await blobs.put(PLACE, name, data)
    await blobs.put(PLACE, "a.json", b"2")
    assert await blobs.get(PLACE, "a.json") == b"2"
    assert await blobs.get(PLACE, "artifacts/ab/x") == b"\0\xff" * 9
    assert await blobs.names(PLACE) == ("a.json", "artifacts/ab/x", "artifacts/cd/y")
    assert await blobs.names(PLACE, "artifacts") == ("artifacts/ab/x", "artifacts/cd/y")
    assert await blobs.names(Place("red", "another")) == ()
    assert 19 <= await blobs.size(PLACE) <= 3 * 4096  # blocks of a disk
    assert await blobs.size(Place("red", "another")) == 0
    for _ in range(2):
        await blobs.remove(PLACE, "a.json")
    with pytest.raises(FileNotFoundError):
        await blobs.get(PLACE, "a.json")


async def test_many_names_are_listed_whole(blobs: Blobs) -> None:
    """More than a page of S3."""
    wanted = tuple(f"artifacts/ab/{n:04}" for n in range(1100))
    await asyncio.gather(*(blobs.put(PLACE, name, b"x") for name in wanted))
    assert await blobs.names(PLACE) == wanted


@pytest.mark.parametrize("tenant", ["..", "a/b", "red", "ü€", "%2e", " "])
async def test_tenants_are_apart_whatever_they_are_called(tenant: str, storage: s3.Storage, tmp_path: Path) -> None:
    blobs = bucket(storage, tmp_path)
    await blobs.put(Place(tenant, "run"), "report.json", tenant.encode())
    await blobs.put(Place("other", "run"), "report.json", b"other")
    assert await blobs.get(Place(tenant, "run"), "report.json") == tenant.encode()
    assert await blobs.names(Place(tenant, "run")) == ("report.json",)


async def test_a_report_is_published_and_read_through_its_codec(blobs: Blobs) -> None:
    for kept in (Kept(blobs), Kept(blobs, KEYS)):
        await kept.publish(PLACE, {"report.json": b"{}", "patch.diff": b"+1"}, [])
        await kept.publish(PLACE, {"report.json": b"{ }"}, ["patch.diff"])
        assert await kept.read(PLACE, "report.json") == b"{ }"
        with pytest.raises(FileNotFoundError):
            await kept.read(PLACE, "patch.diff")


async def test_with_a_key_what_is_not_encrypted_or_is_anothers_is_refused(blobs: Blobs) -> None:
    """Plain files, changed ones, another run's, another tenant's, another name's, another key's."""
    kept = Kept(blobs, KEYS)
    other = Place("blue", PLACE.run)
    await kept.publish(PLACE, {"report.json": b"mine"}, [])
    sealed = await blobs.get(PLACE, "report.json.sealed")
    await blobs.put(PLACE, "report.md.sealed", sealed)
    await blobs.put(PLACE, "report.html.sealed", b"<b>mine</b>")
    await blobs.put(PLACE, "patch.diff.sealed", sealed[:-1] + bytes([sealed[-1] ^ 1]))
    await blobs.put(PLACE, "certificate.json.sealed", sealed[:20])
    for name in ("report.md", "report.html", "patch.diff", "certificate.json"):
        with pytest.raises(Unsealed):
            await kept.read(PLACE, name)
    await blobs.put(other, "report.json.sealed", sealed)
    with pytest.raises(Unsealed):
        await kept.read(other, "report.json")
    await blobs.put(PLACE, "report.json.sealed", sealed)
    with pytest.raises(Unsealed):
        await Kept(blobs, Keys((b"x" * 32,))).read(PLACE, "report.json")


async def test_an_old_key_reads_and_the_new_one_writes(blobs: Blobs) -> None:
    await Kept(blobs, KEYS).publish(PLACE, {"report.json": b"old"}, [])
    turned = Kept(blobs, Keys((b"n" * 32, *KEYS.all)))
    assert await turned.read(PLACE, "report.json") == b"old"
    await turned.publish(PLACE, {"report.json": b"new"}, [])
    assert await Kept(blobs, Keys((b"n" * 32,))).read(PLACE, "report.json") == b"new"
    with pytest.raises(Unsealed):
        await Kept(blobs, KEYS).read(PLACE, "report.json")


@pytest.mark.parametrize("known", [None, KEYS], ids=["plain", "sealed"])
async def test_an_attempt_goes_on_elsewhere_with_all_that_was_carried(
    known: Keys | None, storage: s3.Storage, tmp_path: Path
) -> None:
    """What was carried off is there on another machine, what was not is not; a dead attempt's late words are passed
    over.
    """
    kept = Kept(bucket(storage, tmp_path), known)
    codec = kept.codec(PLACE)
    first, second, third = (Carrier(kept, PLACE, tmp_path / f"m{n}" / PLACE.run, n) for n in (1, 2, 3))
    for carrier in (first, second, third):
        carrier.folder.mkdir(parents=True)
    await first.bring()
    digest = Artifacts(first.folder / "artifacts", codec).put(CANARY)
    append_row(first._record, {"key": "one", "text": CANARY}, codec)
    await first.carry()
    append_row(first._record, {"key": "lost", "text": CANARY}, codec)
    await second.bring()
    await first.carry()  # a zombie's
    assert Artifacts(second.folder / "artifacts", codec).text(digest) == CANARY
    append_row(second._record, {"key": "two", "text": ""}, codec)
    await second.carry()
    await third.bring()
    for _ in range(2):
        await third.carry()
    assert [row["key"] for row in await kept.rows(PLACE)] == ["one", "two"]
    assert third._record.read_bytes() == second._record.read_bytes()
    assert await kept.artifact(PLACE, digest) == CANARY.encode()
    third.tidy(ended=False)
    assert not third.folder.exists()
    seen = b"".join(storage.objects(str(tmp_path)[1:]).values())
    assert len(seen) > 100
    assert (CANARY.encode() in seen) == (known is None)


async def test_a_removed_run_leaves_nothing_in_the_storage(storage: s3.Storage, tmp_path: Path) -> None:
    """And nothing of another run goes, though its name begins the same."""
    kept = Kept(bucket(storage, tmp_path), KEYS)
    longer = Place(PLACE.tenant, PLACE.run + "0")
    for place in (PLACE, longer):
        await kept.publish(place, {"report.json": b"{}", "patch.diff": b"x"}, [])
        await kept.blobs.put(place, f"artifacts/ab/{'ab' * 32}.sealed", b"x")
    await kept.remove(PLACE)
    assert await kept.blobs.names(PLACE) == ()
    assert len(await kept.blobs.names(longer)) == 3


@pytest.mark.parametrize("before", [None, Keys((b"o" * 32,))], ids=["plain", "old key"])
async def test_what_was_kept_is_brought_under_the_present_key(
    before: Keys | None, blobs: Blobs, tmp_path: Path
) -> None:
    """All of a run, once; then the old key is needed no more, and what was changed meanwhile is not taken for good."""
    folder = tmp_path / "runs" / PLACE.run
    old = Kept(blobs, before)
    turned = Kept(blobs, Keys((*KEYS.all, *(before.all if before else ()))))
    codec, new = old.codec(PLACE), turned.codec(PLACE)
    assert new is not None
    for epoch in (1, 2):
        carrier = Carrier(old, PLACE, folder, epoch)
        await carrier.bring()
        digest = Artifacts(folder / "artifacts", codec).put(CANARY)
        append_row(carrier._record, {"key": f"attempt {epoch}", "text": CANARY}, codec)
        if blobs.here:
            with carrier._record.open("ab") as file:
                file.write(carrier._record.read_bytes()[:40] + b"\n")  # torn
        await carrier.carry()
    await old.publish(PLACE, {"report.json": b"{}", "patch.diff": CANARY.encode()}, [])
    assert await Resealer(turned, PLACE, new).all() == 4
    assert await Resealer(turned, PLACE, new).all() == 0
    present = Kept(blobs, KEYS)
    assert await present.read(PLACE, "patch.diff") == CANARY.encode()
    assert await present.artifact(PLACE, digest) == CANARY.encode()
    assert [row["key"] for row in await present.rows(PLACE)] == ["attempt 1", "attempt 2"]
    for name in await blobs.names(PLACE):
        assert CANARY.encode() not in await blobs.get(PLACE, name), name
    await blobs.put(PLACE, "report.json.sealed", b"{}")
    with pytest.raises(Unsealed):
        await Resealer(turned, PLACE, new).all()


async def test_an_artifact_that_was_swapped_is_missing(storage: s3.Storage, tmp_path: Path) -> None:
    """Its name is its hash, whoever wrote it; names that lead elsewhere are not brought."""
    kept = Kept(bucket(storage, tmp_path))
    digest = "ab" * 32
    await kept.blobs.put(PLACE, f"artifacts/ab/{digest}", b"something else")
    await kept.blobs.put(PLACE, "artifacts/ab/elsewhere", b"x")
    with pytest.raises(ArtifactMissing):
        await kept.artifact(PLACE, digest)
    with pytest.raises(ArtifactMissing):
        await kept.artifact(PLACE, "../../etc/passwd")
    carrier = Carrier(kept, PLACE, tmp_path / "m" / PLACE.run, 1)
    await carrier.bring()
    assert [path.name for path in (carrier.folder / "artifacts").rglob("*") if path.is_file()] == [digest]


async def test_storage_that_is_away_is_said(tmp_path: Path) -> None:
    with s3.running() as made:
        blobs = bucket(made, tmp_path)
        await blobs.put(PLACE, "x", b"1")
        wrong = kept_in(Settings(home=tmp_path, **{**made.settings, "artifacts": "s3://no-such-bucket"}), tmp_path)
        with pytest.raises(FilesAway, match="storage of artifacts"):
            await wrong.blobs.reach()
    with pytest.raises(FilesAway):
        await blobs.get(PLACE, "x")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"artifacts_id": "env:TEST_S3_ID"}, "belong together"),
        ({"artifacts_id": "env:TEST_NONE", "artifacts_secret": "env:TEST_NONE"}, "env:TEST_NONE is empty"),
        ({"artifacts_id": "file:/nonexistent", "artifacts_secret": "file:/nonexistent"}, "no such file"),
        ({"artifacts_key": "file:/nonexistent"}, "no such file"),
        ({"artifacts_key": "env:TEST_S3_ID"}, "32 bytes"),
        ({"artifacts_old_key": "env:TEST_S3_ID"}, "without"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said(given: dict[str, str], said: str, tmp_path: Path) -> None:
    os.environ |= {"TEST_S3_ID": "any"}
    settings = Settings.model_validate({"home": tmp_path, "artifacts": "s3://runs", **given})
    with pytest.raises(Refused, match=said):
        kept_in(settings, tmp_path)


def test_keys_are_read_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(base64.b64encode(b"1" * 32) + b"\n")
    (tmp_path / "old").write_bytes(base64.b64encode(b"2" * 32))
    named = Settings(home=tmp_path, artifacts_key=f"file:{tmp_path}/key", artifacts_old_key=f"file:{tmp_path}/old")
    assert keys(named) == Keys((b"1" * 32, b"2" * 32))
    assert keys(Settings(home=tmp_path)) is None


def test_equal_texts_are_sealed_differently() -> None:
    seal = Seal(KEYS, "red", "run")
    assert seal.seal("a", b"text") != seal.seal("a", b"text")
    assert CANARY.encode() not in seal.seal("a", CANARY.encode())
