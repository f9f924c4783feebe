"""The resident runner's modules as one thing to hand to an interpreter inside."""

from __future__ import annotations

import functools
import importlib.resources
import marshal
from types import CodeType

_PACKAGE = "sandbox.inside.runner"
_MODULES = (
    "wire",
    "command",
    "starting",
    "processes",
    "limits",
    "files",
    "hub",
    "loop",
)  # each imports only earlier ones

# Makes the modules under their own names, without the packages above them.
_LOAD = f"""
def load(modules):
    for name, code in modules:
        module = type(sys)(name)
        sys.modules[name] = module
        exec(code, module.__dict__)
sys.modules[{_PACKAGE!r}] = type(sys)({_PACKAGE!r})
"""
_START = f"sys.modules['{_PACKAGE}.loop'].main()"

# Reads the compiled modules from the descriptor that is the first argument: compiling takes longer than all the rest.
BOOT = f"import marshal,posix,sys\n{_LOAD}\nload(marshal.loads(posix.pread(int(sys.argv[1]),1<<22,0)))\n{_START}"


def _sources() -> list[tuple[str, str]]:
    folder = importlib.resources.files("sandbox").joinpath("inside", "runner")
    return [(f"{_PACKAGE}.{name}", folder.joinpath(f"{name}.py").read_text(encoding="utf-8")) for name in _MODULES]


def _compile(name: str, source: str) -> CodeType:
    code = compile(source, name, "exec", dont_inherit=True, optimize=2)
    assert isinstance(code, CodeType)  # noqa: S101 - tells the type checker what "exec" without flags gives
    return code


@functools.lru_cache(maxsize=1)
def compiled() -> bytes:
    """The modules for BOOT, for an interpreter of this one's version."""
    return marshal.dumps([(name, _compile(name, source)) for name, source in _sources()])


def script() -> str:
    """The runner as one script, for an interpreter of any version from 3.8 on."""
    return f"import sys\n{_LOAD}\nload({_sources()!r})\n{_START}\n"
