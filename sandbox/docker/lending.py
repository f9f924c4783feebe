"""This machine's own Python for images that have none: shown read-only, for the runner, not for the repository.

That works for an interpreter in a directory of its own, in images whose C library is not older than this machine's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sandbox.docker.specification import OWN, Shape
from sandbox.interpreters import own_interpreter
from sandbox.protocol import Mount
from sandbox.toolchains import movable

PLACE = "/patchwright/python"


@dataclass(frozen=True, slots=True)
class Loan:
    """An interpreter of this machine. program: what starts it inside."""

    program: str
    mount: Mount


def loan() -> Loan | None:
    """Our own interpreter; None when it is the system's, which cannot be shown elsewhere, or may not be looked at."""
    try:
        own = own_interpreter()
    except PermissionError:
        return None
    if not movable(own.prefix):
        return None
    return Loan(f"{PLACE}/{own.path.relative_to(own.prefix)}", Mount(own.prefix, PLACE))


def lent(shape: Shape) -> Shape | None:
    """The same container with this machine's Python, or None when there is none to lend, or it is there already."""
    found = loan()
    if shape.python != OWN or found is None:
        return None
    return replace(shape, python=found.program, mounts=(*shape.mounts, found.mount))
