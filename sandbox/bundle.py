"""The resident runner's modules as one thing to hand to an interpreter inside."""

from __future__ import annotations

import functools
import importlib.resources
import importlib.util
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

# The same where there is no descriptor to inherit, only stdin: it carries the modules, compiled and as text for an
# interpreter of another version, and then the frames. Counter files (watch=NAME:PATH:KEY) are opened where they are.
STREAM_BOOT = f"""import marshal,posix,sys
{_LOAD}
def take(count):
    data = b''
    while len(data) < count:
        more = posix.read(0, count - len(data))
        if not more:
            posix._exit(0)
        data += more
    return data
head = take(12)
ready, text = (take(int.from_bytes(head[at:at + 4], 'big')) for at in (4, 8))
posix.dup2(0, 3)
posix.dup2(1, 4)
seen = set()
for word in sys.argv[1:]:
    if word.startswith('watch='):
        name, path, key = word[6:].split(':')
        if name not in seen and posix.access(path, 4):
            sys.argv.append('%s=%d:%s' % (name, posix.open(path, 0), key))
            seen.add(name)
    elif word.startswith('make='):
        posix.mkdir(word[5:])
sys.argv += ['sock=3', 'out=4']
if head[:4] == sys.modules['_frozen_importlib_external'].MAGIC_NUMBER:
    load(marshal.loads(ready))
    {_START}
else:
    exec(text)
"""


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


@functools.lru_cache(maxsize=1)
def stream() -> bytes:
    """What STREAM_BOOT reads from stdin before the first frame."""
    text = script().encode()
    lengths = len(compiled()).to_bytes(4, "big") + len(text).to_bytes(4, "big")
    return importlib.util.MAGIC_NUMBER + lengths + compiled() + text
