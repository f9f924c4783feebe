"""The index of a log that several ask for at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.oplogs.opening import opened


def test_a_log_that_nobody_has_read_is_read_by_several_at_once(tmp_path: Path) -> None:
    """As looks into two incidents of one service do: each has its whole index, and nothing half-made is left."""
    log = tmp_path / "app.log"
    log.write_text("".join(f"2026-03-02T09:00:{n % 60:02}Z INFO order placed id={n}\n" for n in range(20_000)))

    def lines(_: int) -> int:
        index = opened([log], cache=tmp_path / "logs", workers=1)
        try:
            return index.lines
        finally:
            index.close()

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lines, range(3))) == [20_000] * 3
    assert [path.suffix for path in (tmp_path / "logs").iterdir()] == [".db"]
