"""The `vllm serve` command that suits a machine: QwQ-32B in bf16 or AWQ over one or several cards, or a small model.

Sizes, from the model card and measured: bf16 weights 65 GB, AWQ 18 GB, 262 kB of cache per token.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

MODEL, QUANTIZED, SMALL = "Qwen/QwQ-32B", "Qwen/QwQ-32B-AWQ", "Qwen/Qwen3-1.7B"
WEIGHTS_GB = {MODEL: 65.0, QUANTIZED: 18.0}
TOKEN_GB = 262e-6
SHARE, WORKSPACE_GB = 0.92, 1.5
NATIVE, LONGEST, LEAST = 32_768, 131_072, 8192


class TooSmall(ValueError):
    """The cards cannot hold the model; the message says what could."""


@dataclass(frozen=True)
class Machine:
    """cards: GPUs in one machine; card_gb: memory of each, in GB."""

    cards: int
    card_gb: float

    @property
    def usable_gb(self) -> float:
        return self.cards * (SHARE * self.card_gb - WORKSPACE_GB)

    def room(self, model: str) -> int:
        """Tokens of context that fit beside the weights, in steps of 1,024."""
        return int(max(0.0, self.usable_gb - WEIGHTS_GB[model]) / TOKEN_GB) // 1024 * 1024


def serve_command(machine: Machine, *, context: int | None = None, port: int = 8000) -> tuple[str, ...]:
    """The command for QwQ-32B. context: tokens wanted (default: 32,768 or what fits). Raises TooSmall."""
    wanted = context or LEAST
    model = next((name for name in (MODEL, QUANTIZED) if machine.room(name) >= wanted), None)
    if model is None:
        room = machine.room(QUANTIZED)
        hint = f"at most {room:,} tokens fit with AWQ" if room >= 1024 else "a small model is served with --small"
        raise TooSmall(f"{machine.cards} x {machine.card_gb:g} GB do not hold QwQ-32B with {wanted:,} tokens; {hint}")
    size = min(LONGEST, context or min(NATIVE, machine.room(model)))
    argv = [*_common(model, MODEL, size, port), "--gpu-memory-utilization", f"{SHARE:g}"]
    if machine.cards > 1:
        argv += ["--tensor-parallel-size", str(machine.cards)]
    if size > NATIVE:
        scaling = {"rope_theta": 1e6, "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": NATIVE}
        longer = {"max_position_embeddings": LONGEST, "rope_parameters": scaling}
        argv += ["--hf-overrides", json.dumps(longer)]
    return tuple(argv)


def small_command(*, context: int | None = None, port: int = 8000) -> tuple[str, ...]:
    """A small thinking model for a laptop: for plumbing, not for judgement."""
    return tuple(_common(SMALL, SMALL, context or NATIVE // 2, port))


def _common(model: str, served: str, size: int, port: int) -> list[str]:
    grammar = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})
    return [
        "vllm", "serve", model, "--served-model-name", served, "--port", str(port), "--max-model-len", str(size),
        "--reasoning-parser", "deepseek_r1" if served == MODEL else "qwen3",
        "--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--enable-prefix-caching",
        "--enable-prompt-tokens-details", "--structured-outputs-config", grammar, "--tool-strict-level", "parameter",
    ]  # fmt: skip
