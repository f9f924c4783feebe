"""From an exception to what a user reads and the exit code: one line, never a traceback unless it is asked for.

Refused, SandboxError, ToolError, CertificateInvalid, SettingsInvalid, RunUnknown   the user's: message, 65 or 69
OSError                                                                             the machine's: message, 74
everything else                                                                     a bug: where its traceback lies, 70
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

from workflows.exits import BAD_INPUT, INTERNAL, IO_FAILED, UNAVAILABLE, Refused
from workflows.text import brief


def explain(error: Exception) -> tuple[str, int] | None:
    """The message and exit code of an error that is not a bug."""
    if isinstance(error, Refused):
        return error.message, error.code
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", IO_FAILED
    for kinds, code in () if isinstance(error, ImportError) else _ours():
        if isinstance(error, kinds):
            return str(error.args[0]) if error.args else type(error).__name__, code
    return None


def _ours() -> tuple[tuple[tuple[type[Exception], ...], int], ...]:
    """Errors with a message for users, and their exit code; the first that fits counts."""
    from agent.certificate import CertificateInvalid
    from sandbox.protocol import SandboxError, SandboxGone, SandboxUnavailable
    from tools.tool import ToolError
    from workflows.service.ports import StoreDown
    from workflows.settings import SettingsInvalid
    from workflows.wiring import ReplayDiverged, RunBusy, RunUnknown

    user = (SandboxError, ToolError, CertificateInvalid, SettingsInvalid, RunBusy, RunUnknown, ReplayDiverged)
    return ((SandboxUnavailable, SandboxGone, StoreDown), UNAVAILABLE), (user, BAD_INPUT)


def tell(error: Exception, *, debug: bool) -> int:
    """Print what happened on standard error and return the exit code."""
    known = explain(error)
    if debug:
        traceback.print_exception(error)
    if known is not None:
        _print(f"patchwright: {known[0]}")
        return known[1]
    kept = "" if debug else f"; its traceback is in {_keep(error)}"
    _print(f"patchwright: this is a bug: {type(error).__name__}: {error}{kept}")
    return INTERNAL


def _print(message: str) -> None:
    print(brief(message, 4000), file=sys.stderr)


def _keep(error: Exception) -> Path:
    with tempfile.NamedTemporaryFile(
        "w", prefix="patchwright-bug-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as log:
        log.writelines(traceback.format_exception(error))
    return Path(log.name)
