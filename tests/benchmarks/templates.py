"""How right templates, times and levels are on logs of many programs, their truth known from their source.

    python tests/benchmarks/templates.py FOLDER [--totals] [--lines 2000] [--texts 120] [--wrong SYSTEM]

FOLDER holds Python distributions, one a system, as `pip download --no-deps PACKAGE` leaves them. Each becomes a log
under a header of its own (tests/benchmarks/logging_statements.py). Accuracy: the share of lines grouped exactly as
the statements that wrote them, on the messages and on whole lines; "shuffled": on half of them, in another order.
F1: of groups, whatever their size. Drain3 takes part where it is
installed. --totals: means alone, for systems that nothing was fitted to. --wrong: groups that are wrong, of one system.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.logging_statements import HEADERS, Line, corpus, statements  # noqa: E402
from tests.benchmarks.oplogs import MASKS, drain, from_raw, grouping_accuracy, ours  # noqa: E402
from tools.oplogs.heads import said  # noqa: E402
from tools.oplogs.stamps import Clock  # noqa: E402

COLUMNS = ("messages", "F1", "raw", "shuffled", "time", "level", "drain3", "+masks", "F1+masks")
BLOCK = 1_000  # lines


def groups_of(keys: Sequence[str]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for place, key in enumerate(keys):
        found[key].add(place)
    return {key: frozenset(places) for key, places in found.items()}


def f1(predicted: Sequence[str], labels: Sequence[str]) -> float:
    """Of groups: harmonic mean of precision and recall."""
    found, true = set(groups_of(predicted).values()), set(groups_of(labels).values())
    return 2 * len(found & true) / (len(found) + len(true))


def shuffled(messages: Sequence[str], labels: Sequence[str]) -> float:
    """Accuracy on the first half of the messages in another order."""
    order = list(range(len(messages)))
    random.Random(5).shuffle(order)  # noqa: S311 - an order, no secrets
    half = order[: len(order) // 2]
    return grouping_accuracy(ours([messages[place] for place in half]), [labels[place] for place in half])


def scored(lines: Sequence[Line]) -> dict[str, float]:
    """A row of the table."""
    messages, labels = [line.message for line in lines], [line.label for line in lines]
    mined = ours(messages)
    row = {
        "messages": grouping_accuracy(mined, labels),
        "F1": f1(mined, labels),
        "raw": grouping_accuracy(from_raw([line.text for line in lines]), labels),
        "shuffled": shuffled(messages, labels),
        "time": statistics.mean(timed(lines)),
        "level": statistics.mean(said(line.text).level == line.level for line in lines),
    }
    for name, masks in (("drain3", ()), ("+masks", MASKS)):
        miner = drain(masks)
        if miner:
            grouped = miner(messages)
            row[name] = grouping_accuracy(grouped, labels)
            row[f"F1{name}"] = f1(grouped, labels)
    return row


def timed(lines: Sequence[Line]) -> list[bool]:
    """Per line whether its time is read right."""
    clock = Clock(zone=0, latest=float(lines[-1].time + 60))
    right = []
    for at in range(0, len(lines), BLOCK):
        block = lines[at : at + BLOCK]
        times = clock.times([line.text.encode() for line in block])
        right += [time == line.time for time, line in zip(times, block, strict=True)]
    return right


def wrong(lines: Sequence[Line]) -> None:
    """Print statements that are torn apart, or together with others, and heads that are misread."""
    predicted = ours([line.message for line in lines])
    for label, places in groups_of([line.label for line in lines]).items():
        keys = {predicted[place] for place in places}
        together = {line.label for line, key in zip(lines, predicted, strict=True) if key in keys} - {label}
        if len(keys) > 1 or together:
            print(f"{len(places):5} {label!r}\n" + "".join(f"      torn {key!r}\n" for key in sorted(keys)[:4]), end="")
            print("".join(f"      with {other!r}\n" for other in sorted(together)[:3]), end="")
    for line, right in zip(lines, timed(lines), strict=True):
        told = said(line.text)
        if not right or told.level != line.level or told.text.strip() != line.message:
            print(f"head {line.text[:160]!r}: time {right}, level {told.level!r}, {told.text[:60]!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=2_000)
    parser.add_argument("--texts", type=int, default=120)
    parser.add_argument("--totals", action="store_true")
    parser.add_argument("--wrong", default="")
    asked = parser.parse_args()
    rows: list[dict[str, float]] = []
    archives = sorted(path for path in asked.folder.iterdir() if path.suffix in (".whl", ".zip", ".gz"))
    print(f"{'system':20}{'header':10}{'texts':>6}" + "".join(f"{column:>10}" for column in COLUMNS))
    for place, archive in enumerate(archives):
        name = archive.name.partition("-")[0]
        header = list(HEADERS)[place % len(HEADERS)]
        spoken = statements(archive)
        lines = corpus(spoken, header, lines=asked.lines, texts=asked.texts, seed=place)
        if asked.wrong:
            if asked.wrong in (name, "all"):
                wrong(lines)
            continue
        rows.append(scored(lines))
        if not asked.totals:
            print(f"{name:20}{header:10}{len(spoken):6}" + _row(rows[-1]))
    if rows:
        print(f"{'mean of ' + str(len(rows)):36}" + _row({c: statistics.mean(r[c] for r in rows) for c in rows[0]}))
    return 0


def _row(row: dict[str, float]) -> str:
    return "".join(f"{row[column]:10.3f}" if column in row else " " * 10 for column in COLUMNS)


if __name__ == "__main__":
    sys.exit(main())
