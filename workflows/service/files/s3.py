"""S3-compatible storage: PREFIX/t-TENANT/RUN/NAME in one bucket, through object_store.

Its calls are made in threads of ours: those of its own asynchronous ones can still be at work when Python ends, which
aborts the process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from workflows.exits import USAGE, Refused
from workflows.references import ReferenceBroken, secret
from workflows.service.files.blobs import Place
from workflows.service.ports import FilesAway
from workflows.settings import PREFIX, Settings


class S3Blobs:
    """`Blobs` in a bucket."""

    here = False

    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def put(self, place: Place, name: str, data: bytes) -> None:
        """See the protocol."""
        with _answering():
            await asyncio.to_thread(obstore.put, self._store, _key(place, name), data)

    async def get(self, place: Place, name: str) -> bytes:
        """See the protocol."""
        with _answering():
            return await asyncio.to_thread(self._got, _key(place, name))

    async def names(self, place: Place, below: str = "") -> tuple[str, ...]:
        """See the protocol."""
        top = _key(place, "")
        with _answering():
            found = await asyncio.to_thread(self._listed, _key(place, below).rstrip("/"))
        return tuple(sorted(path.removeprefix(top) for path, _ in found))

    async def size(self, place: Place) -> int:
        """See the protocol."""
        with _answering():
            return sum(size for _, size in await asyncio.to_thread(self._listed, _key(place, "").rstrip("/")))

    async def remove(self, place: Place, name: str) -> None:
        """See the protocol."""
        with _answering(), contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(obstore.delete, self._store, _key(place, name))

    async def reach(self) -> None:
        """See the protocol."""
        with _answering():
            await asyncio.to_thread(obstore.list_with_delimiter, self._store, prefix="reach")

    def _got(self, key: str) -> bytes:
        return bytes(obstore.get(self._store, key).bytes())

    def _listed(self, prefix: str) -> list[tuple[str, int]]:
        return [(one["path"], one["size"]) for page in obstore.list(self._store, prefix=prefix) for one in page]


def _key(place: Place, name: str) -> str:
    # "t-": a tenant may be called "..".
    return f"t-{quote(place.tenant, safe='')}/{place.run}/{name}"


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Turn what the storage refuses into FilesAway. Its own words may name the bucket: they go to the log alone."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError, ValueError) as error:
        why = " ".join(str(error).split())[:300]
        raise FilesAway(f"the storage of artifacts does not answer: {type(error).__name__}: {why}") from error


def bucket(settings: Settings) -> S3Blobs:
    """The bucket that the settings name. Raises Refused."""
    url = urlsplit(settings.artifacts)
    given: dict[str, Any] = {"region": settings.artifacts_region}
    if settings.artifacts_endpoint:
        given["endpoint"] = settings.artifacts_endpoint.rstrip("/")
    if bool(settings.artifacts_id) != bool(settings.artifacts_secret):
        raise Refused(f"{PREFIX}ARTIFACTS_ID and {PREFIX}ARTIFACTS_SECRET belong together: set both or none", USAGE)
    if settings.artifacts_id:
        try:
            given["access_key_id"] = secret(settings.artifacts_id)
            given["secret_access_key"] = secret(settings.artifacts_secret)
        except ReferenceBroken as error:
            raise Refused(f"the credentials of {PREFIX}ARTIFACTS: {error}", USAGE) from error
    plain = settings.artifacts_endpoint.startswith("http://")
    try:
        store = S3Store(
            url.netloc, prefix=url.path.strip("/") or None, config=given,  # type: ignore[arg-type]
            client_options={"allow_http": plain, "timeout": "30s", "connect_timeout": "5s"},
            retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=30)},
        )  # fmt: skip
    except (BaseError, ValueError) as error:
        raise Refused(f"{PREFIX}ARTIFACTS cannot be used: {' '.join(str(error).split())[:300]}", USAGE) from error
    return S3Blobs(store)
