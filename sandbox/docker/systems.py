"""What an image holds for building and testing: found out in a sandbox of it, where a strange image can do no harm."""

from __future__ import annotations

from sandbox.bubblewrap_args import ENV
from sandbox.docker.images import Image
from sandbox.docker.lending import PLACE
from sandbox.protocol import Sandbox, SandboxUnavailable, System

_MOST = 50
# Prints version and path of each interpreter, the default first, and the names of other toolchains' programs.
_LOOK = r"""
import glob, os, re, shutil, subprocess, sys
names = [name for name in [sys.executable] if not name.startswith(sys.argv[1])]
for folder in os.environ["PATH"].split(":"):
    names += sorted(name for name in glob.glob(folder + "/python3.*") if re.search(r"/python3\.\d+$", name))
seen = set()
for name in names:
    real = os.path.realpath(name)
    if real not in seen:
        seen.add(real)
        code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
        done = subprocess.run([real, "-I", "-S", "-c", code], stdout=subprocess.PIPE, universal_newlines=True)
        if done.returncode == 0:
            print("python", done.stdout.strip(), real)
for name in ("node", "npm", "yarn", "pnpm", "cargo", "go", "cmake", "make"):
    if shutil.which(name):
        print("program", name, "-")
"""


async def look(sandbox: Sandbox, image: Image, python: str) -> System:
    """The system of an image, seen from a sandbox of it with the interpreter that its runner has.

    Raises SandboxUnavailable when it cannot be told.
    """
    result = await sandbox.exec([python, "-I", "-c", _LOOK, PLACE])
    rows = [line.split(" ", 2) for line in result.stdout.text.splitlines()[:_MOST] if line.count(" ") >= 2]
    pythons = tuple((path, version) for kind, text, path in rows if kind == "python" and (version := _numbers(text)))
    if not pythons and not (python.startswith(PLACE) and result.ok):
        raise SandboxUnavailable(f"the image {image.reference} has no working python3: {result.stderr.text[:300]}")
    programs = tuple(name for kind, name, _ in rows if kind == "program")
    path = dict(image.env).get("PATH", ENV["PATH"])
    return System(image.identity, path, pythons, programs, image.reference)


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(map(int, parts)) if len(parts) == 3 and all(part.isdigit() for part in parts) else ()
