"""What the fetcher may do for a tenant: the hosts that it clones from now, and the secret that it shows them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import structlog

from sandbox.urls import Login, SourceInvalid, is_url
from workflows.references import ReferenceBroken, secret
from workflows.service.fetch import Hosts, UrlRefused, authority
from workflows.service.store.access import Access
from workflows.service.values import Credential
from workflows.settings import UPLOAD, Settings, split

AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?)(:[1-9][0-9]{0,4})?")
USER = "x-access-token"  # what GitHub wants beside a token, and others take


async def login(store: Access, settings: Settings, tenant: str, source: str) -> Login | None:
    """How to clone a source for a tenant; None: as anybody. Raises SourceInvalid, StoreDown.

    Asked again by the worker: what a tenant may clone from can have changed since it was submitted.
    """
    if source.startswith(UPLOAD) or not is_url(source):
        return None
    try:
        where = authority(source)
        Hosts(split(settings.git_hosts)).of(await store.git_hosts(tenant)).check(urlsplit(source).hostname or "")
    except UrlRefused as error:
        raise SourceInvalid(str(error)) from None
    known = await store.credential(tenant, where)
    return Login(where, known.username, lambda: _read(known)) if known else None


def _read(known: Credential) -> str:
    """The secret. Where it is kept is the operator's to know: the log says it. Raises SourceInvalid."""
    try:
        return secret(known.reference)
    except ReferenceBroken as error:
        structlog.get_logger().error(
            "a credential cannot be read", tenant=known.tenant, host=known.host, why=str(error)
        )
        raise SourceInvalid(f"the credential that your service has for {known.host} cannot be read") from None
