"""Paths of tracebacks and logs as paths of the workspace: local ones, and those of other machines; paths of tests."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sandbox.protocol import WORKSPACE

_FOREIGN_PARTS = frozenset(
    ("site-packages", "dist-packages", "node_modules", ".venv", ".tox", ".nox", ".eggs", ".cargo", "rustc", "rustlib"),
)
_RUNTIMES = ("/usr/", "/opt/", "/environment/", "node:", "internal/", "<", "webpack:", "/root/.", "/rust", "native ")
# Where hosted CI checks out: everything up to the repository's own top.
_CHECKOUTS = re.compile(
    r"^(?:/home/runner/work/[^/]+/[^/]+/|/__w/[^/]+/[^/]+/|/github/workspace/|/builds/[^/]+/[^/]+/|/drone/src/|"
    r"/Users/runner/work/[^/]+/[^/]+/|[A-Za-z]:/a/[^/]+/[^/]+/|/home/circleci/(?:project|repo)/|/root/(?:project|repo)/|"
    r"/workspace/|/go/src/[^/]+/[^/]+/[^/]+/|/home/travis/build/[^/]+/[^/]+/|/opt/atlassian/pipelines/agent/build/)"
)


class Paths:
    """Turns the paths of a text into paths of the workspace.

    root: where the workspace was when the text was printed; files: the workspace's files, where they are known: a path
    from another machine is then the file with the longest common tail; cwd: what relative paths start from.
    """

    def __init__(self, root: str = WORKSPACE, files: Iterable[str] = (), cwd: str = ".") -> None:
        self._root = root.rstrip("/") + "/"
        self._cwd = [part for part in cwd.split("/") if part not in ("", ".")]
        self._files = frozenset(files)
        self._by_name: dict[str, list[str]] = {}
        for file in self._files:
            self._by_name.setdefault(file.rpartition("/")[2], []).append(file)

    @property
    def knows_files(self) -> bool:
        """Whether the workspace's files are known."""
        return bool(self._files)

    def place(self, raw: str) -> tuple[str, bool]:
        """(path relative to the workspace, True), or (the path as it is, False) where it is not of the workspace."""
        path = raw.strip().removeprefix("file://").replace("\\", "/")
        local = path.startswith(self._root) or not _is_absolute(path)
        relative = path.removeprefix(self._root) if path.startswith(self._root) else self._below(path)
        if local and (not self._files or relative in self._files):
            return relative, not _foreign(path.removeprefix(self._root))
        known = self._known(path)
        if known is not None:
            return known, True
        stripped = _CHECKOUTS.sub("", path)
        if not self._files and stripped != path:
            return stripped, not _foreign(stripped)
        return (relative if local else path), False

    def _below(self, path: str) -> str:
        parts = list(self._cwd)
        for part in path.split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return "/".join(parts)

    def _known(self, path: str) -> str | None:
        """The one file of the workspace that ends like `path`, if there is exactly one longest."""
        if not self._files or _foreign(path):
            return None
        parts = [part for part in path.split("/") if part not in ("", ".", "..")]
        for start in range(max(0, len(parts) - 12), len(parts)):
            tail = "/".join(parts[start:])
            if tail in self._files:
                return tail
        alike = self._by_name.get(parts[-1], []) if parts else []
        for length in (4, 3, 2, 1):
            ending = [file for file in alike if f"/{file}".endswith("/" + "/".join(parts[-length:]))]
            if ending:
                return ending[0] if len(ending) == 1 else None
        return None


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "<", "node:", "internal/", "webpack:")) or bool(re.match(r"^[A-Za-z]:/", path))


def _foreign(path: str) -> bool:
    """Whether a path is of a dependency or a runtime."""
    return path.startswith(_RUNTIMES) or not _FOREIGN_PARTS.isdisjoint(path.split("/")[:-1])


def is_test_file(path: str) -> bool:
    """Whether a path looks like a test by the conventions of pytest, Jest, Go and Rust."""
    name = path.rpartition("/")[2]
    parts = path.split("/")[:-1]
    by_name = name.startswith("test_") or name.endswith(("_test.py", "_test.go", ".test.js", ".test.ts", ".spec.js"))
    return by_name or name == "conftest.py" or any(part in ("tests", "test", "testing", "__tests__") for part in parts)


def is_doctest(test: str) -> bool:
    """Whether a test's id is pytest's for a doctest of a Python file: `shop.py::shop.cart.total`, `shop.py::shop`."""
    file, _, name = test.partition("::")
    stem = file.rpartition("/")[2].removesuffix(".py")
    return file.endswith(".py") and "::" not in name and ("." in name.partition("[")[0] or name == stem)
