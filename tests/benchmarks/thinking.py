"""What we cost beside the model: overhead per turn, and prompt tokens per solved task, against mini-swe-agent.

    python tests/benchmarks/thinking.py [--tasks 10]

The same bug, the same scripted server and the same path to the mend for both, in turns and in one run: look at the
file, edit it, run the test, end. The server notes when each request is there. Overhead of a turn is the time from one
request to the next without what the scripted model and the tool of that turn took; ours are whole diagnoses by the
installed command. Prompt tokens are those of all requests of a task, as Qwen's chat template shows them, counted alike.

mini-swe-agent comes from PyPI into an environment of its own. It has one configuration for a person at a terminal
(mini.yaml) and one for repairs without one (swebench.yaml), which wants the patch written and looked at before the end.
Exits with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from agent.nodes.think import SPECS  # noqa: E402
from tests.acceptance.repositories import repository  # noqa: E402
from tests.acceptance.test_reasoner import NEW, OLD, TESTS, WRONG  # noqa: E402
from tests.benchmarks.measuring import row  # noqa: E402
from tests.fakes.model_server import MODEL, Answer, ModelServer, said  # noqa: E402

PEER = "mini-swe-agent==2.4.6"
TURN_MS, SCHEMAS = 10.0, 1500
MODEL_S = 0.02
TEST = "tests/test_spans.py::test_overlapping"
ISSUE = f"Spans that overlap or touch are not merged: {TEST} fails."
EDIT = f"python3 - <<'EOF'\nfrom pathlib import Path\np = Path('spans.py')\np.write_text(p.read_text().replace('''{OLD}''', '''{NEW}'''))\nEOF"  # noqa: E501
OURS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("read", {"path": "spans.py"}), ("edit", {"path": "spans.py", "old": OLD, "new": NEW}), ("run_tests", {}),
)  # fmt: skip
STEPS = ("nl -ba spans.py | sed -n '1,150p'", EDIT, f"{sys.executable} -m pytest -q {TEST}")
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
THEIRS: dict[str, tuple[str, ...]] = {
    "mini.yaml": (*STEPS, SUBMIT),
    "benchmarks/swebench.yaml": (
        *STEPS, "git diff -- spans.py > patch.txt", "cat patch.txt", f"{SUBMIT} && cat patch.txt",
    ),
}  # fmt: skip
THOUGHT = "Let me do the next step."
END = "SUMMARY: spans that overlap or touch are merged\nCAUSE: they were only sorted [none]"

MANUAL = """

# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""


@dataclass
class Seen:
    """A request: when it was there, and what it said."""

    at: float
    body: Mapping[str, Any]

    @property
    def acts(self) -> bool:
        """Whether it is part of the way to a patch."""
        return bool(self.body.get("tools"))

    @property
    def turn(self) -> int:
        """How many turns of the model came before."""
        return sum(message["role"] == "assistant" for message in self.body["messages"])


@dataclass
class Script:
    """Answers each request by how far its task has come. answers: the server's, to which it adds itself again."""

    answers: list[Answer | Callable[[Mapping[str, Any]], Answer]]
    seen: list[Seen] = field(default_factory=list)

    def __call__(self, body: Mapping[str, Any]) -> Answer:
        now = Seen(time.perf_counter(), body)
        self.seen.append(now)
        self.answers.append(self)
        time.sleep(MODEL_S)
        if body.get("stream"):
            return _ours(now)
        unattended = "<pr_description>" in str(body["messages"])
        command = THEIRS["benchmarks/swebench.yaml" if unattended else "mini.yaml"][now.turn]
        function = {"name": "bash", "arguments": json.dumps({"command": command})}
        call = {"id": f"call-{now.turn}", "type": "function", "function": function}
        message = {"role": "assistant", "content": THOUGHT, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        made = {"id": "c", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]}
        return Answer(body={**made, "usage": usage})


def _ours(seen: Seen) -> Answer:
    """The next step; where there are no tools, an explanation that cites what it was shown."""
    if seen.acts:
        calls = OURS[seen.turn : seen.turn + 1]
        return said(THOUGHT if calls else END, calls=calls, size=4000)
    cited = re.search(r"^(?:- )?([\w-]+-[0-9a-f]{6}):", str(seen.body["messages"][1]["content"]), re.MULTILINE)
    known = cited[1] if cited else "none"
    return said(f"CAUSE: they were only sorted [{known}]\nFIX: they are merged [{known}]\nRISK: none [{known}]")


@dataclass(frozen=True)
class Solved:
    """One solved task. turns: milliseconds of our own between its requests; prompts: what its requests showed; besides:
    what other questions showed.
    """

    turns: list[float]
    prompts: list[str]
    besides: list[str]


def peer_python() -> Path:
    """The interpreter of the peer's own environment, made when it is not there."""
    folder = ROOT / ".cache" / "bench" / PEER.replace("==", "-")
    python, made = folder / "bin" / "python", folder / "made"
    if not made.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", python, PEER], check=True)
        made.touch()
    return python


def peer_run(python: Path, *arguments: str, given: str = "", home: Path) -> Any:
    """What the peer's half prints."""
    script = ROOT / "tests" / "benchmarks" / "thinking_peer.py"
    env = {**os.environ, "HOME": str(home), "MSWEA_GLOBAL_CONFIG_DIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, script, *arguments], input=given, capture_output=True, text=True, check=False, env=env
    )
    if done.returncode:
        raise SystemExit(f"the peer failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def bug(folder: Path) -> Path:
    return repository(folder, {"spans.py": WRONG, "tests/test_spans.py": TESTS, "conftest.py": ""})


def ours(folder: Path, server: ModelServer, script: Script) -> Solved:
    """One diagnosis by the installed command."""
    repo, issue, home = bug(folder / "spans"), folder / "issue.txt", folder / "home"
    issue.write_text(ISSUE)
    places = {
        "HOME": home,
        "CACHE": ROOT / ".cache" / "test-environments",
        "MODEL_SAMPLES": 1,
        "ROUNDS": 1,
        "REPEATS": 2,
    }
    env = {**os.environ, **{f"PATCHWRIGHT_{name}": str(value) for name, value in places.items()}}
    command = [Path(sys.executable).with_name("patchwright"), "diagnose", repo, "--test", TEST, "--issue", issue,
               "--model-url", server.url, "--model", MODEL, "--candidates", "1", "--quiet"]  # fmt: skip
    begun = len(script.seen)
    done = subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"patchwright did not solve it:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    (record,) = (home / "runs").glob("*/record.jsonl")
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    tools = [float(line["result"]["sandbox_s"]) for line in rows if line["method"] == "use"]
    return solved(script.seen[begun:], tools)


def theirs(folder: Path, server: ModelServer, script: Script, configuration: str, tasks: int) -> list[Solved]:
    """So many tasks by the peer, in one process."""
    folders = [bug(folder / f"spans{number}") for number in range(tasks)]
    begun = len(script.seen)
    given = ("solve", configuration, server.url, MODEL, ISSUE, *map(str, folders))
    spent = peer_run(peer_python(), *given, home=folder)
    for repo in folders:
        assert NEW in (repo / "spans.py").read_text(), "the peer did not mend it"
    seen, found = script.seen[begun:], []
    for tools in spent:
        count = len(tools)
        found.append(solved(seen[:count], tools[:-1]))
        seen = seen[count:]
    return found


def solved(seen: Sequence[Seen], tools: Sequence[float]) -> Solved:
    """The requests of one task, with the seconds of the tool call after each but the last that acts."""
    acting = [one for one in seen if one.acts]
    assert [one.turn for one in acting] == list(range(len(tools) + 1)), "the path was left"
    gaps = [after.at - before.at for before, after in itertools.pairwise(acting)]
    turns = [(gap - MODEL_S - tool) * 1000 for gap, tool in zip(gaps, tools, strict=True)]
    return Solved(turns, [shown(one.body) for one in acting], [shown(one.body) for one in seen if not one.acts])


def shown(body: Mapping[str, Any]) -> str:
    """The prompt as Qwen's chat template makes it of messages and tools."""
    tools = "\n".join(json.dumps(tool) for tool in body.get("tools", ()))
    manual = MANUAL.format(tools=tools) if tools else ""
    parts = []
    for message in body["messages"]:
        text = str(message.get("content") or "") + (manual if message["role"] == "system" else "")
        for call in message.get("tool_calls") or ():
            text += f"\n<tool_call>\n{json.dumps(call['function'])}\n</tool_call>"
        parts.append(f"<|im_start|>{message['role']}\n{text}<|im_end|>\n")
    return "".join(parts)


def measure(tasks: int) -> int:
    """All in turns; a table, and a line for each aim."""
    found: dict[str, list[Solved]] = {"Patchwright": [], **{name: [] for name in THEIRS}}
    with tempfile.TemporaryDirectory(prefix="patchwright-bench-") as scratch, ModelServer() as server:
        script = Script(server.answers)
        server.answers.append(script)
        for batch in range(2):
            folder = Path(scratch) / str(batch)
            found["Patchwright"] += [ours(folder / f"ours{n}", server, script) for n in range(tasks // 2)]
            for name in THEIRS:
                found[name] += theirs(folder / Path(name).stem, server, script, name, tasks // 2)
        tokens = {name: counted(some[-1].prompts, Path(scratch)) for name, some in found.items()}
        besides = sum(counted(found["Patchwright"][-1].besides, Path(scratch)))
        schemas = sum(
            counted([json.dumps({"type": "function", "function": tool.model_dump()}) for tool in SPECS], Path(scratch))
        )
    print(f"our own time per turn of the model, {tasks // 2 * 2} tasks:")
    medians = {name: row(label(name), [ms for one in some for ms in one.turns]) for name, some in found.items()}
    print("prompt tokens of a solved task:")
    for name, counts in tokens.items():
        extra = f"; {besides:,} more to explain the patch" if name == "Patchwright" and besides else ""
        print(f"  {label(name):<44} {sum(counts):7,} in {len(counts)} turns, the first {counts[0]:,}{extra}")
    print(f"schemas of all {len(SPECS)} tools: {schemas:,} tokens")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    mine = "Patchwright"
    aims = (
        (medians[mine], TURN_MS, "our own time per turn in ms"),
        (medians[mine], min(medians[name] for name in THEIRS), "the same, no more than the peer's"),
        (schemas, SCHEMAS, "tokens of the schemas of all tools"),
        (sum(tokens[mine]), min(sum(tokens[name]) for name in THEIRS), "prompt tokens, no more than the peer's"),
    )  # fmt: skip
    for value, aim, what in aims:
        print(f"aim: {what}: {value:,.1f} of {aim:,.1f}, {'met' if value <= aim else 'MISSED'}")
    return int(any(value > aim for value, aim, _ in aims))


def label(name: str) -> str:
    return f"{PEER}, {Path(name).name}" if name in THEIRS else name


def counted(prompts: Sequence[str], home: Path) -> list[int]:
    """Tokens of each prompt."""
    return [int(count) for count in peer_run(peer_python(), "count", given=json.dumps(prompts), home=home)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tasks", type=int, default=10)
    return measure(max(2, parser.parse_args().tasks))


if __name__ == "__main__":
    sys.exit(main())
