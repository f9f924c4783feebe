"""The application: what is served, and what stands around every request."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from workflows.service.api import approvals, events, health, openapi, problems, results, runs, tokens
from workflows.service.api.access import Parts
from workflows.service.api.around import Allowance, Around
from workflows.service.api.metrics import Metrics
from workflows.service.api.oidc import Issuer, trust
from workflows.service.api.rates import Rates
from workflows.service.fetch import Hosts, Resolve, Resolver
from workflows.service.files import Kept, kept_in
from workflows.service.ports import Store
from workflows.service.values import Principal
from workflows.settings import Settings, host_variables, split

# The library's own spans and logs hold URLs and messages of errors, as strangers sent them; `around` makes ours.
OURS: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
ROUTERS = (runs.router, events.router, approvals.router, results.router, tokens.router, tokens.secrets, health.router)


def create_app(
    store: Store, *, settings: Settings, folder: Path, anonymous: Principal | None = None,
    resolve: Resolve | None = None, allowance: Allowance | None = None,
    heartbeat_s: float = 15.0, kept: Kept | None = None, metrics: Metrics | None = None,
) -> FastAPI:  # fmt: skip
    """The API over a store.

    folder: of runs, `folder/ID/` with their files; anonymous: who asks without a token, None to refuse; resolve: finds
    addresses of hosts; heartbeat_s: seconds between signs of life of a stream without events; kept: where files of
    runs are, None for what the settings say; metrics: what is counted.
    """
    metrics = metrics or Metrics()
    trusted = trust(settings)
    app = _routed()
    proxied = any(name.lower() in ("https_proxy", "all_proxy") and value for name, value in host_variables().items())
    app.state.parts = Parts(
        store=store, settings=settings, kept=kept or kept_in(settings, folder), anonymous=anonymous,
        hosts=Hosts(split(settings.git_hosts), settings.private_hosts, proxied),
        resolve=resolve or Resolver(), metrics=metrics, rates=Rates(settings.requests_per_minute),
        heartbeat_s=heartbeat_s, issuer=Issuer(trusted) if trusted else None,
    )  # fmt: skip
    limits = allowance or Allowance(form_bytes=(settings.upload_mb << 20) + (24 << 20))
    app.add_middleware(Around, allowance=limits, metrics=metrics)
    return app


def _routed() -> FastAPI:
    """The routes and how their errors are answered, without anything behind them."""
    app = FastAPI(
        title=openapi.TITLE, version=openapi.VERSION, docs_url=None, redoc_url=None, redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name, telemetry=OURS,
    )  # fmt: skip
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    return app


def published() -> str:
    """The OpenAPI document as it is checked in."""
    return openapi.text(_routed())
