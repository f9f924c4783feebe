"""A real vLLM on this machine's CPU, serving the miniature QwQ: what the contract tests and their recorder talk to."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from agent.vllm.serving import Machine, serve_command
from tests.fakes.tiny_scripts import NAME, rows
from tests.ports import free_ports

ROOT = Path(__file__).parents[1]
MAKER = ROOT / "tests" / "tiny_qwq.py"
INSTALL = "sh deploy/test-vllm.sh"
START_S, END_S = 600.0, 20.0
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}  # fmt: skip


class VllmMissing(Exception):
    """The environment of vLLM is not there, or its server does not start; the message says what to do."""


@dataclass(frozen=True)
class Served:
    """url: up to and with /v1; pid: of the server's process, which leads a group of its own."""

    url: str
    key: str
    pid: int

    def metric(self, name: str) -> float:
        """The sum of all rows of a counter or gauge, with or without the rest of a label list: `a_total{x="y"`."""
        text = httpx.get(self.url.removesuffix("/v1") + "/metrics", timeout=10).text
        rows = [line for line in text.splitlines() if line.startswith(name) and line[len(name)] in " {,"]
        return sum(float(row.rpartition(" ")[2]) for row in rows)


def environment() -> Path:
    """Where deploy/test-vllm.sh has put vLLM. Raises VllmMissing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = Path(os.environ.get("TEST_VLLM") or cache / "patchwright-tests" / "vllm")
    if not (place / ".ready").exists():
        raise VllmMissing(f"the tests need vLLM at {place}: run '{INSTALL}'")
    return place


def miniature(place: Path) -> Path:
    """The miniature beside its environment, made when its maker or its scripts are new (half a minute)."""
    scripts = rows()
    name = hashlib.sha256(MAKER.read_bytes() + scripts.encode()).hexdigest()[:16]
    made = place.parent / f"tiny-qwq-{name}"
    if made.exists():
        return made
    part = made.with_suffix(f".{os.getpid()}")
    argv = ["nice", "-n", "5", str(place / "bin" / "python"), str(MAKER), str(part)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads that wait for each other crawl on a busy machine
    done = subprocess.run(argv, input=scripts, capture_output=True, text=True, check=False, timeout=1200, env=alone)
    if done.returncode:
        raise VllmMissing(f"the miniature could not be made: {done.stderr[-2000:]}")
    try:
        part.rename(made)
    except OSError:  # another run was faster
        shutil.rmtree(part)
    return made


@contextmanager
def served(flags: Sequence[str], key: str = "") -> Iterator[Served]:
    """The miniature behind a free port of the loopback interface; its whole group of processes is ended afterwards.

    flags: as for `vllm serve`, without model, host and port. Its output is beside its environment. Raises VllmMissing.
    """
    place = environment()
    log = place.parent / "server.log"
    port = free_ports()
    argv = [
        "nice", "-n", "5", str(place / "bin" / "python"), "-W", "ignore", "-m",
        "vllm.entrypoints.openai.api_server", "--model", str(miniature(place)), "--host", "127.0.0.1",
        "--port", str(port), "--enforce-eager", *flags,
    ]  # fmt: skip
    variables = {**os.environ, **OFFLINE, "VLLM_CACHE_ROOT": str(place.parent / "vllm-cache")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env={**variables, **({"VLLM_API_KEY": key} if key else {})}, cwd=log.parent,
        )  # fmt: skip
    with _ended_with_us(process.pid):
        try:
            url = f"http://127.0.0.1:{port}/v1"
            _wait(process, url, key, log)
            yield Served(url, key, process.pid)
        finally:
            _end(process)


def our_flags() -> list[str]:
    """Those that `patchwright model serve` prints for one card of 80 GB, but for the port and the GPU's memory.

    Prompts are taken in one piece: on a CPU, this version dies of one that has a seed and comes in pieces.
    """
    argv = list(serve_command(Machine(1, 80), context=8192))[3:]
    for name in ("--port", "--gpu-memory-utilization"):
        place = argv.index(name)
        del argv[place : place + 2]
    return [*argv, "--max-num-batched-tokens", "16384"]


def doctor(url: str, key: str, folder: Path, name: str = NAME) -> dict[str, list[str]]:
    """Sign and detail of each line that `patchwright doctor` prints; it ends well, since a model is not needed."""
    variables = {
        **os.environ, "PATCHWRIGHT_MODEL_URL": url, "PATCHWRIGHT_MODEL_KEY": key, "PATCHWRIGHT_MODEL_NAME": name,
        "PATCHWRIGHT_HOME": str(folder / "home"), "PATCHWRIGHT_CACHE": str(folder / "cache"), "COLUMNS": "400",
    }  # fmt: skip
    command = [str(Path(sys.executable).parent / "patchwright"), "doctor"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=True)
    cells = [line.split(maxsplit=2) for line in done.stdout.splitlines() if len(line.split()) > 2]
    return {name: [sign, detail.strip()] for sign, name, detail in cells}


@contextmanager
def _ended_with_us(group: int) -> Iterator[None]:
    """While this lasts, a shell kills the group once this process is gone, even by SIGKILL: its input ends then."""
    script = ["sh", "-c", 'read _; kill -9 "-$1"', "sh", str(group)]
    with subprocess.Popen(script, stdin=subprocess.PIPE, start_new_session=True) as watch:
        try:
            yield
        finally:
            watch.kill()


def _wait(process: subprocess.Popen[bytes], url: str, key: str, log: Path) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/models", headers=headers, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise VllmMissing(f"vLLM did not start ({log}): {log.read_text(errors='replace')[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
