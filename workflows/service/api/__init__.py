"""The HTTP interface of the service: `create_app` puts it together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflows.service.api.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    """FastAPI takes time to import, and a worker has no use for it."""
    if name != "create_app":
        raise AttributeError(name)
    from workflows.service.api.app import create_app  # noqa: PLC0415

    return create_app
