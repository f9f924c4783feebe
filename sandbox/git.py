"""git on the host, and only ever on a repository of our own making.

What a repository brings along (configuration, hooks, attributes, filters) is not looked at here: our own have a
configuration of ours, attributes that switch every conversion off, and no hooks. git on somebody else's repository runs
in a sandbox (sandbox.source_git).
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from sandbox.protocol import SandboxError
from sandbox.redact import redact

# For git inside a sandbox too: nothing of a hostile configuration that names a program.
HARDENING = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.sshCommand", "false"),
    ("core.askPass", "false"),
    ("core.alternateRefsCommand", "true"),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("safe.directory", "*"),
)
ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ASKPASS": "false",
    "LC_ALL": "C.UTF-8",
}


class GitFailed(SandboxError):
    """git ended with an error; the message is its own, without credentials."""


def configured(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Settings as variables, which overrule every configuration file and reach the processes that git starts."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for at, (key, value) in enumerate(settings):
        env |= {f"GIT_CONFIG_KEY_{at}": key, f"GIT_CONFIG_VALUE_{at}": value}
    return env


def git_program() -> str:
    """The path of git; raises GitFailed when there is none."""
    found = shutil.which("git")
    if found is None:
        raise GitFailed("git is not installed (or not on PATH); Patchwright needs it to take a snapshot")
    return found


async def run_git(
    repository: Path,
    *arguments: str,
    stdin: bytes | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> bytes:
    """Run git on our repository and return its stdout. Raises GitFailed; cancelling kills it."""
    program = git_program()
    variables = {
        **ENV,
        **configured(HARDENING),
        "HOME": "/nonexistent",
        "PATH": f"{Path(program).parent}:/usr/bin:/bin",
    }
    process = await asyncio.create_subprocess_exec(
        program,
        f"--git-dir={repository}",
        *arguments,
        stdin=asyncio.subprocess.PIPE if isinstance(stdin, bytes) else (stdin or asyncio.subprocess.DEVNULL),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**variables, **(env or {})},
        cwd=cwd or repository.parent,
    )
    try:
        out, err = await process.communicate(stdin if isinstance(stdin, bytes) else None)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise GitFailed(redact(err.decode(errors="replace").strip()[-2_000:]) or f"git {arguments[0]} failed")
    return out
