"""Files of runs encrypted at rest: AES-256-GCM, each bound to its tenant, its run and its name.

Each run has a key of its own, derived (HKDF-SHA256) from the key in the settings, so that random nonces never run out.
A file is MAGIC, the key's id, a nonce of 12 bytes, and what AES-GCM makes of the content. Digests stay names: who sees
the names can tell whether a run holds a text that they know.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agent.artifacts import Unsealed
from workflows.exits import USAGE, Refused
from workflows.references import ReferenceBroken, secret
from workflows.settings import PREFIX, Settings

MAGIC = b"PWSEAL1\n"
SUFFIX = ".sealed"
_ID, _NONCE = 8, 12


@dataclass(frozen=True)
class Keys:
    """all: those that open files, of 32 bytes each."""

    all: tuple[bytes, ...]

    @property
    def first(self) -> bytes:
        """The key of new files."""
        return self.all[0]


def keys(settings: Settings) -> Keys | None:
    """The keys that the settings name; None: nothing is encrypted. Raises Refused."""
    if not settings.artifacts_key:
        if settings.artifacts_old_key:
            raise Refused(f"{PREFIX}ARTIFACTS_OLD_KEY is set without {PREFIX}ARTIFACTS_KEY", USAGE)
        return None
    named = {"ARTIFACTS_KEY": settings.artifacts_key, "ARTIFACTS_OLD_KEY": settings.artifacts_old_key}
    return Keys(tuple(_key(f"{PREFIX}{name}", reference) for name, reference in named.items() if reference))


def _key(variable: str, reference: str) -> bytes:
    try:
        key = base64.b64decode(secret(reference), validate=True)
    except ReferenceBroken as error:
        raise Refused(f"{variable}: {error}", USAGE) from error
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != 32:
        raise Refused(f"{variable}: a key is 32 bytes as base64, as `openssl rand -base64 32` prints them", USAGE)
    return key


@dataclass(frozen=True)
class Seal:
    """The codec of one run's files."""

    keys: Keys
    tenant: str
    run: str
    suffix: str = SUFFIX

    def seal(self, name: str, data: bytes) -> bytes:
        """See Codec."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher(self.keys.first).encrypt(nonce, data, self._about(name))
        return MAGIC + _id(self.keys.first) + nonce + sealed

    def open(self, name: str, sealed: bytes) -> bytes:
        """See Codec."""
        if not sealed.startswith(MAGIC):
            raise Unsealed("the file is not encrypted, and only encrypted ones are trusted here")
        head = len(MAGIC)
        wanted, nonce = sealed[head : head + _ID], sealed[head + _ID : head + _ID + _NONCE]
        key = next((known for known in self.keys.all if _id(known) == wanted), None)
        if key is None:
            raise Unsealed("the file is encrypted with a key that the settings do not name")
        try:
            return self._cipher(key).decrypt(nonce, sealed[head + _ID + _NONCE :], self._about(name))
        except (InvalidTag, ValueError) as error:
            raise Unsealed("the file was changed, or is another one's") from error

    def current(self, sealed: bytes) -> bool:
        """Whether it claims to be sealed with the key of new files."""
        return sealed.startswith(MAGIC + _id(self.keys.first))

    def known(self, sealed: bytes) -> bool:
        """Whether it claims to be sealed with one of the keys."""
        return any(sealed.startswith(MAGIC + _id(key)) for key in self.keys.all)

    def _about(self, name: str) -> bytes:
        """What a file is bound to. No part can hold the NUL between them."""
        return f"{self.tenant}\0{self.run}\0{name}".encode("utf-8", "surrogateescape")

    def _cipher(self, key: bytes) -> AESGCM:
        return AESGCM(_derived(key, self.tenant, self.run))


@functools.lru_cache(maxsize=256)
def _derived(key: bytes, tenant: str, run: str) -> bytes:
    about = f"patchwright artifacts\0{tenant}\0{run}".encode("utf-8", "surrogateescape")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=about).derive(key)


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"patchwright key id\0" + key).digest()[:_ID]


def codec_of(known: Keys | None, tenant: str, run: str) -> Seal | None:
    """How the files of a run are written; None: as they are."""
    return Seal(known, tenant, run) if known else None
