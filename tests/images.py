"""An image for the tests of Docker sandboxes, made from this machine's own Python and tools: no registry is needed."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from uv import find_uv_bin

REPOSITORY = "patchwright-test"
INSTALL = "sh deploy/test-parts.sh"
PROGRAMS = (
    "sh bash env printenv true false cat echo ls rm rmdir mkdir mkfifo ln cp mv chmod head tail wc yes sleep pwd kill",
    "setsid uname sort touch grep sed tar gzip find id dd test [ timeout git stat od tr basename dirname awk node",
)
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DIRECTORIES = ("tmp", "proc", "sys", "dev", "etc", "run", "workspace", "environment", "var", "var/tmp", "root")


def reference(*, go: bool = False) -> str:
    """The image's name; it changes with what goes into it."""
    prefix = Path(sys.base_prefix)
    facts = [str(go), str(prefix), str((prefix / "bin" / _python()).stat().st_mtime_ns), *PROGRAMS]
    facts.append(hashlib.sha256(Path(__file__).read_bytes()).hexdigest())
    return f"{REPOSITORY}:{hashlib.sha256(' '.join(facts).encode()).hexdigest()[:16]}"


def ensure(api: Any, *, go: bool = False) -> str:
    """Import the image unless the engine has it; returns its name. Takes a few seconds the first time.

    go: with this machine's Go, which is as large as all the rest.
    """
    name = reference(go=go)
    if api.images(name=name):
        return name
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(file.name, "w") as tar:
            _fill(tar)
            if go:
                _fill_go(tar)
        api.import_image_from_file(
            file.name, repository=REPOSITORY, tag=name.split(":")[1],
            changes=[f"ENV PATH={Path(sys.base_prefix, 'bin')}:/usr/local/bin:/usr/bin:/bin"],
        )  # fmt: skip
    return name


def _python() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _fill(tar: tarfile.TarFile) -> None:
    for name in _DIRECTORIES:
        _add(tar, tarfile.TarInfo(name), directory=0o1777 if name.endswith("tmp") else 0o755)
    for name in _LINKS:
        link = Path("/", name)
        if link.is_symlink():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(link)  # noqa: PTH115
            tar.addfile(info)
    prefix = Path(sys.base_prefix)
    own = prefix != Path("/usr")  # a directory of Python's own; Debian's shares its with everything else
    programs = [Path(found) for name in " ".join(PROGRAMS).split() if (found := shutil.which(name))]
    modules = [*prefix.glob(f"lib/{_python()}/lib-dynload/*.so"), *(prefix.glob("lib/*.so*") if own else ())]
    done = {Path("/", name) for name in (*_DIRECTORIES, *_LINKS)}
    for path in (*programs, *_libraries((*programs, prefix / "bin" / _python(), *modules, Path(find_uv_bin())))):
        if not (own and path.is_relative_to(prefix)):
            _add_file(tar, path, done)
    for text, name in ((_passwd(), "etc/passwd"), ("root:x:0:\n", "etc/group")):
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    parts = ("",) if own else ("bin/python3", f"bin/{_python()}", f"lib/{_python()}")
    for path in (prefix / part for part in parts):
        _lead_to(tar, path, done)
        tar.add(path, str(path).lstrip("/"), filter=_wanted)
    for name in ("acorn", "acorn-walk", "cjs-module-lexer", "undici", "minimatch"):  # what Debian's node reads there
        if (path := Path("/usr/share/nodejs", name)).is_dir():
            _lead_to(tar, path, done)
            tar.add(path, str(path).lstrip("/"))


def _lead_to(tar: tarfile.TarFile, path: Path, done: set[Path]) -> None:
    """Directories that lead to a path, once: a rootless engine makes those that are not named for root alone."""
    for parent in reversed(path.parents[:-1]):
        if parent not in done and not parent.is_relative_to(sys.base_prefix):
            done.add(parent)
            _add(tar, tarfile.TarInfo(str(parent).lstrip("/")), directory=0o755)


def _fill_go(tar: tarfile.TarFile) -> None:
    found = shutil.which("go")
    if found is None:
        raise FileNotFoundError(f"the tests need Go: {INSTALL}")
    link, root = Path(found).parent.resolve() / "go", Path(found).resolve().parents[1]
    tar.add(link, str(link).lstrip("/"))
    for top in (root, Path("/usr/share", root.name)):
        if top.is_dir():
            tar.add(top, str(top).lstrip("/"), filter=_of_go)


def _of_go(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The tools and the library, without their tests, the compiler's sources and other builds of the library."""
    unwanted = "testdata" in info.name or info.name.endswith("_test.go") or "/src/cmd/" in info.name
    return None if unwanted or "/pkg/linux_amd64_" in info.name else info


def _passwd() -> str:
    return "root:x:0:0:root:/root:/bin/sh\npatchwright:x:1000:1000::/tmp/home:/bin/sh\n"


def _add(tar: tarfile.TarFile, info: tarfile.TarInfo, *, directory: int) -> None:
    info.type, info.mode = tarfile.DIRTYPE, directory
    tar.addfile(info)


def _wanted(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The interpreter and its library, without what nobody tests."""
    parts = Path(info.name).parts
    unwanted = {"site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "share", "include"}
    if unwanted & set(parts) or info.name.endswith(".a") or info.name.endswith(".pyc"):
        return None
    info.uid = info.gid = 0
    return info


def _add_file(tar: tarfile.TarFile, path: Path, done: set[Path]) -> None:
    """A file under its own name; a link too, with what it points to. Directories that are links here stay links."""
    path = path.parent.resolve() / path.name
    if path in done:
        return
    done.add(path)
    _lead_to(tar, path, done)
    tar.add(path, str(path).lstrip("/"), recursive=False)
    if path.is_symlink():
        _add_file(tar, path.parent / os.readlink(path), done)  # noqa: PTH115


def _libraries(files: Iterable[Path]) -> Iterator[Path]:
    """Shared libraries that these files load."""
    done = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        for word in line.split():
            if word.startswith("/") and not word.endswith(":"):
                yield Path(word)
