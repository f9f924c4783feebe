"""A real Prometheus with figures that were written before it began (Debian: prometheus)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.ports import free_ports
from tests.waiting import until

Points = Sequence[tuple[int, float]]


def exposition(figures: Mapping[str, Points]) -> str:
    """OpenMetrics: series (`name{labels}`) → points, grouped by name."""
    families: dict[str, list[str]] = {}
    for series, points in figures.items():
        name = series.partition("{")[0]
        families.setdefault(name, []).extend(f"{series} {value} {at}" for at, value in points)
    rows: list[str] = []
    for name, samples in families.items():
        counter = name.endswith("_total")
        rows += [f"# TYPE {name.removesuffix('_total')} {'counter' if counter else 'gauge'}", *samples]
    return "\n".join([*rows, "# EOF", ""])


@contextmanager
def running(folder: Path, figures: Mapping[str, Points]) -> Iterator[str]:
    """Its address."""
    promtool, prometheus = shutil.which("promtool"), shutil.which("prometheus")
    assert promtool, "promtool is missing: sh deploy/test-parts.sh"
    assert prometheus, "prometheus is missing: sh deploy/test-parts.sh"
    (folder / "figures.txt").write_text(exposition(figures))
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "figures.txt", folder / "data"],
        check=True, capture_output=True,
    )  # fmt: skip
    address = f"127.0.0.1:{free_ports()}"
    arguments = [
        prometheus, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}", "--storage.tsdb.retention.time=100y",
    ]  # fmt: skip
    log_file = folder / "prometheus.log"
    with log_file.open("w") as log, subprocess.Popen(arguments, stdout=log, stderr=log) as process:
        try:
            until(lambda: process.poll() is not None or _ready(f"http://{address}"), log_file.read_text)
            assert process.poll() is None, log_file.read_text()[-2000:]
            yield f"http://{address}"
        finally:
            process.kill()


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/-/ready").is_success
    except httpx.TransportError:
        return False
