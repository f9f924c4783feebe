"""Real bugs that search alone does not mend, with a scripted model: it mends them, and one that cheats gets nowhere.

    python tests/benchmarks/reasoner_bugs.py [NAME...] [--seconds N]

Search has its turn alone, with the usual limits and N seconds. Then each conversation of reasoner_bugs.toml is played
by an OpenAI-compatible server to the installed command, hypotheses with citations first. What is honest must end as a
verified patch, the model's, whose certificate `patchwright verify` confirms; what edits the test, skips it, asks for
it, swallows its error, only claims success or breaks other tests must end without a certificate. This measures the
graph, the tools and the rules, not a model. Needs the package registry (archives, environments).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import real_bugs  # noqa: E402
from tests.fakes.model_server import MODEL, Answer, ModelServer, said  # noqa: E402

CACHE = ROOT / ".cache" / "real-bugs"
COMMAND = Path(sys.executable).with_name("patchwright")
CANDIDATES, SECONDS, AT_ONCE = 200, 150, 16
_RUN = re.compile(r"^(?:- )?(test-run-[0-9a-f]{6}): .*?(failed \d+ of \d+ times)", re.MULTILINE)


@dataclass(frozen=True)
class Script:
    """One conversation. steps: (tool, arguments), in order."""

    bug: str
    name: str
    honest: bool
    cause: str
    place: str
    summary: str
    steps: tuple[tuple[str, Mapping[str, Any]], ...]

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The next turn: a call, or the answer in the form that the request asks for."""
        messages = body["messages"]
        prompt = str(messages[1]["content"])
        seen = _RUN.search(prompt)
        cited, words = (seen[1], seen[2]) if seen else ("none", "")
        if body.get("tools"):
            turn = sum(message["role"] == "assistant" for message in messages)
            calls = self.steps[turn : turn + 1]
            end = f"SUMMARY: {self.summary}\nCAUSE: {self.cause} [{cited}]"
            return said("" if calls else end, thinking="One thing after the other.", calls=calls)
        if "Suppose that it is wrong" in prompt:
            return said("NOTHING", thinking="What could not be so?")
        if "different hypotheses" in prompt:
            claim = f'HYPOTHESIS: {self.cause}\nAT: {self.place}:1\nBECAUSE: [{cited}] "{words}"'
            other = f'HYPOTHESIS: the test is given the wrong value\nAT: tests:1\nBECAUSE: [{cited}] "{words}"'
            return said(f"{claim}\n\n{other}", thinking="It may be this or that.")
        return said(f"CAUSE: {self.cause} [{cited}].\nFIX: {self.summary} [{cited}].\nRISK: None is known [{cited}].")


def scripts() -> tuple[Script, ...]:
    """All conversations."""
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["script"]
    found = []
    for row in rows:
        steps = tuple((step["tool"], step["arguments"]) for step in row.pop("step", ()))
        found.append(Script(**row, steps=steps))
    return tuple(found)


def forever(server: ModelServer, script: Script) -> Callable[[Mapping[str, Any]], Answer]:
    """An answer that is there for every request."""

    def answer(body: Mapping[str, Any]) -> Answer:
        server.answers.append(answer)
        return script.answer(body)

    return answer


def command(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a home of its own."""
    env = {**os.environ, "PATCHWRIGHT_HOME": str(home), "PATCHWRIGHT_ROUNDS": "1", "PATCHWRIGHT_MODEL_SAMPLES": "2"}
    words = [str(COMMAND), *map(str, arguments)]
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=1200)


def alone(script: Script, tree: Path, work: Path, seconds: int) -> str:
    """What search does about the bug without a model; of cheats it is not asked."""
    if not script.honest:
        return "-"
    (bug,) = real_bugs.select(real_bugs.load(), [script.bug])
    tests = [word for test in bug.failing for word in ("--test", test)]
    out = work / "alone"
    command(work / "home", "diagnose", tree, "--out", out, "--quiet", *tests, "--limit-seconds", seconds)
    path = out / "report.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["outcome"]) if path.exists() else "failed"


def run(script: Script, seconds: int) -> bool:
    """Play one conversation, print its row; whether it ended as it must."""
    (bug,) = real_bugs.select(real_bugs.load(), [script.bug])
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reasoner-bug-") as scratch, ModelServer() as server:
        work = Path(scratch)
        tree, home, out = real_bugs.prepare(bug, CACHE, work / "tree"), work / "home", work / "out"
        without = alone(script, tree, work, seconds)
        server.answers.extend(forever(server, script) for _ in range(AT_ONCE))
        tests = [word for test in bug.failing for word in ("--test", test)]
        model = ("--model-url", server.url, "--model", MODEL)
        limits = ("--candidates", CANDIDATES, "--limit-seconds", 2 * SECONDS)
        done = command(home, "diagnose", tree, "--out", out, "--quiet", *tests, *model, *limits)
        path = out / "report.json"
        if not path.exists():
            print(f"{script.name:20} {bug.id:38} exit {done.returncode}: {done.stderr.strip()[-300:]}", flush=True)
            return False
        report = json.loads(path.read_text(encoding="utf-8"))
        certificate = out / "certificate.json"
        holds = certificate.exists() and not command(home, "verify", certificate, "--repo", tree).returncode
    own = str(report["patch_description"] or "").startswith(script.summary)  # hunks that are not needed are dropped
    proven = report["outcome"] == "verified_patch" and own and holds
    well = proven if script.honest else report["outcome"] != "verified_patch" and not report["certificate"]
    why = "; ".join(verdict["reason"] for verdict in report["rejected"]) or str(report.get("reason") or "")
    print(
        f"{script.name:20} {bug.id:38} {without:15} {report['outcome']:15} {'confirmed' if holds else '-':10} "
        f"{len(server.requests):5} {report['cost']['tokens']:7} {time.monotonic() - began:6.1f} "
        f"{'as it must' if well else 'NOT AS IT MUST'}{'' if proven else f': {why[:160]}'}",
        flush=True,
    )
    return well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of names of conversations or bugs (default: all)")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="for search alone")
    given = parser.parse_args()
    names = given.names
    chosen = [s for s in scripts() if not names or any(name in f"{s.name} {s.bug}" for name in names)]
    print(
        f"{'conversation':20} {'bug':38} {'search alone':15} {'with the model':15} {'verified again':10} turns tokens s"
    )
    ended = [run(script, given.seconds) for script in chosen]
    print(f"{sum(ended)} of {len(ended)} ended as they must")
    return int(not all(ended))


if __name__ == "__main__":
    sys.exit(main())
