"""The HTTP interface of the service: `create_app` puts it together."""

from __future__ import annotations

from workflows.service.api.app import create_app

__all__ = ["create_app"]
