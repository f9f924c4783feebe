"""The wire between host and resident runner: length-prefixed frames, the host's half (see inside/runner.py).

A frame is a header (payload length, kind, id; network byte order) and its payload. What comes from a runner is checked:
it shares a sandbox with hostile code, so a frame that makes no sense means that the sandbox is lost.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from sandbox.protocol import ExecResult, Limit, Output, Quota

HEADER = struct.Struct(">IBI")
MAX_PAYLOAD = 1 << 20
_RUN = struct.Struct(">BddQIQQQII")
_EXIT = struct.Struct(">iiddQIQQ")
_LIMITS: tuple[Limit, ...] = ("wall", "cpu", "memory", "processes", "output", "disk", "open_files")


class Kind(IntEnum):
    """What a frame is; below 16 from the host, above from the runner."""

    RUN = 1
    INPUT = 2
    END_INPUT = 3
    KILL = 4
    CREDIT = 5
    READ = 6
    WRITE = 7
    READY = 16
    LIVE = 17
    KEPT = 18
    EXIT = 19
    DATA = 20
    DONE = 21
    TAKEN = 22
    FATAL = 23


class Flag(IntFlag):
    """How a command is run: all output live, a program that is spoken to, something on stdin."""

    STREAM = 1
    INTERACTIVE = 2
    STDIN = 4


class Garbage(Exception):
    """A frame that no honest runner sends."""


def frame(kind: Kind, number: int, payload: bytes = b"") -> bytes:
    """One encoded frame."""
    return HEADER.pack(len(payload), kind, number) + payload


def encode_run(argv: Sequence[str], cwd: str, env: Mapping[str, str], quota: Quota, flags: Flag) -> bytes:
    """Payload of RUN; raises ValueError for an empty command and for NUL bytes, which no argument can hold."""
    if not argv:
        raise ValueError("an empty command")
    words = [cwd, *argv, *(f"{name}={value}" for name, value in env.items())]
    encoded = [os.fsencode(word) for word in words]
    if any(b"\0" in word for word in encoded):
        raise ValueError("a command, directory or variable with a NUL byte in it")
    if any("=" in name or not name for name in env):
        raise ValueError("a variable without a name, or with = in it")
    head = _RUN.pack(
        flags,
        quota.wall_s,
        quota.cpu_s or 0.0,
        quota.memory_bytes,
        min(quota.processes, 1 << 31),
        quota.output_bytes,
        quota.flood_bytes,
        quota.disk_bytes,
        min(quota.open_files, 1 << 31),
        len(argv),
    )
    return head + b"".join(word + b"\0" for word in encoded)


def encode_kill(limit: Limit | None = None) -> bytes:
    """Payload of KILL, naming the limit it is for."""
    return struct.pack(">I", 1 << _LIMITS.index(limit) if limit else 0)


def encode_count(count: int) -> bytes:
    """Payload of CREDIT."""
    return struct.pack(">I", count)


def decode_count(payload: bytes) -> int:
    """Payload of TAKEN, DONE (an errno) and READY (the runner's pid inside)."""
    if len(payload) != 4:
        raise Garbage(f"a number of {len(payload)} bytes")
    return int.from_bytes(payload, "big")


def encode_read(path: str, max_bytes: int) -> bytes:
    """Payload of READ; raises ValueError for NUL bytes."""
    return struct.pack(">Q", max_bytes) + encode_path(path)


def encode_path(path: str) -> bytes:
    """Payload of WRITE; raises ValueError for NUL bytes."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("a path with a NUL byte in it")
    return encoded


@dataclass(slots=True)
class Kept:
    """Collects the kept output of one command as it arrives; `limit` is the most that an honest runner sends."""

    limit: int
    parts: dict[tuple[int, int], bytearray] = field(default_factory=dict)

    def add(self, payload: bytes) -> None:
        """Take the payload of a KEPT frame: stream (0, 1), part (0 head, 1 tail), bytes."""
        key = (payload[0], payload[1]) if len(payload) > 2 else (9, 9)
        if max(key) > 1:
            raise Garbage("kept output of an unknown stream")
        part = self.parts.setdefault(key, bytearray())
        part += payload[2:]
        if len(part) > self.limit:
            raise Garbage("more kept output than was asked for")

    def result(self, payload: bytes) -> ExecResult:
        """The finished command, from the payload of an EXIT frame."""
        if len(payload) != _EXIT.size:
            raise Garbage("an end of the wrong size")
        code, signal, wall, cpu, memory, bits, out, err = _EXIT.unpack(payload)
        return ExecResult(
            exit_code=None if signal else code,
            signal=signal or None,
            stdout=self._output(0, out),
            stderr=self._output(1, err),
            wall_s=wall,
            cpu_s=cpu,
            peak_memory_bytes=memory,
            exceeded=tuple(name for at, name in enumerate(_LIMITS) if bits >> at & 1),
        )

    def _output(self, stream: int, total: int) -> Output:
        head, tail = (bytes(self.parts.get((stream, part), b"")) for part in (0, 1))
        return Output(head, tail, max(total, len(head) + len(tail)))
