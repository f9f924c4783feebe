"""How a real vLLM is started: without any flag that the adapter likes, and with all that `model serve` prints."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

from agent.model import Reply
from agent.vllm.adapter import VllmModel
from agent.vllm.serving import Machine, serve_command, small_command
from agent.vllm.traits import Memory
from agent.vllm.transport import Patience, Transport
from tests.fakes import tiny_scripts as scripts
from tests.fakes.tiny_scripts import NAME
from tests.vllm_server import Served, doctor, environment, miniature, served

REMEDIES = {
    "window": "--max-model-len 32768", "tools": "--enable-auto-tool-choice --tool-call-parser hermes",
    "thinking": "--reasoning-parser deepseek_r1", "prefix": "--enable-prefix-caching --enable-prompt-tokens-details",
}  # fmt: skip
FLAGS = """
import json, sys
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser
for argv in json.load(sys.stdin):
    args = make_arg_parser(FlexibleArgumentParser()).parse_args(argv)
    validate_parsed_serve_args(args)
    model = AsyncEngineArgs.from_cli_args(args).create_model_config()
    print(json.dumps([model.max_model_len, model.hf_config.rope_parameters["rope_type"]]))
"""
"""Reads command lines as `vllm serve` does."""


def test_doctor_names_every_flag_that_a_bare_server_lacks(tmp_path: Path) -> None:
    """Started with nothing but a name and a small window; it is of use nevertheless."""
    flags = ["--served-model-name", NAME, "--max-model-len", "4096", "--max-num-batched-tokens", "8192"]
    with served(flags) as bare:
        found = doctor(bare.url, "", tmp_path)
        got = asyncio.run(_unprobed(bare))
    assert {name: row[1].partition("mend it with: ")[2] for name, row in found.items() if name in REMEDIES} == REMEDIES
    assert (got.thinking, got.text) == ("They greet me.", "Hello there, how can I help?")


async def _unprobed(server: Served) -> Reply:
    """The adapter finds out by itself what the server lacks."""
    made_ = VllmModel(Transport(server.url, "", Patience(attempts=1, silence_s=120)), NAME, Memory(None))
    try:
        return await made_.reply(scripts.HELLO)
    finally:
        await made_.close()


def test_flags_of_model_serve_are_understood() -> None:
    """By the real parser and its checks: QwQ on one and on several cards, long contexts, the small model."""
    known = [(Machine(1, 24), None), (Machine(2, 80), None), (Machine(4, 80), 65_536), (Machine(8, 80), 131_072)]
    commands = [*(serve_command(machine, context=size) for machine, size in known), small_command()]
    place = environment()
    argvs = [["--model", str(miniature(place)), *command[3:]] for command in commands]
    done = subprocess.run(
        [str(place / "bin" / "python"), "-c", FLAGS], input=json.dumps(argvs), capture_output=True, text=True,
        timeout=300, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert found == [[9216, "default"], [32_768, "default"], [65_536, "yarn"], [131_072, "yarn"], [16_384, "default"]]
