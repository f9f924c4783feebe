"""A desk: what the tools of one branch of thought work on. A base tree, a draft of changes to it, a sandbox of both.

The draft lives here as texts, and is written into the sandbox as it grows; the base is never written. Paths that a
model names are hostile: they must lie in the tree, and no link may lead out of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.protocol import Quota, Sandbox, SandboxGone
from sandbox.recipe import TestCommand
from tools.history import History
from tools.patches import FileChange, PatchInvalid, inside
from tools.texts import Text, decode
from tools.tool import ToolError
from tools.values import Suspect

MAX_FILE = 2_000_000
MAX_PATH = 500


@dataclass
class Desk:
    """suspects, failing: what was found before; protected: files that no patch may touch; logs: texts by name;
    outputs: a directory for results that were too long to show; history and commit: None without a repository;
    writes: the framework of which one new test may be written, and nothing else edited ("" where code is mended);
    bisect: finds the first commit after a good one at which the failing tests fail, None without a history.
    """

    base: Path
    open_sandbox: Callable[[], AbstractAsyncContextManager[Sandbox]]
    test: TestCommand
    quota: Quota
    test_s: float
    outputs: Path
    suspects: tuple[Suspect, ...] = ()
    failing: tuple[str, ...] = ()
    protected: frozenset[str] = frozenset()
    logs: Mapping[str, str] = field(default_factory=dict)
    history: History | None = None
    commit: str | None = None
    writes: str = ""
    bisect: Callable[[str], Awaitable[str]] | None = None
    _draft: dict[str, Text] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _sandbox: Sandbox | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def sandbox(self) -> Sandbox:
        """The desk's sandbox with the draft in it, opened when it is first needed. Raises SandboxError."""
        if self._sandbox is None:
            sandbox = await self._stack.enter_async_context(self.open_sandbox())
            for path, text in self._draft.items():
                await sandbox.write_file(f"{sandbox.workspace}/{path}", text.text.encode(text.encoding))
            self._sandbox = sandbox
        return self._sandbox

    async def lost(self) -> None:
        """The sandbox died: the next call opens another one."""
        self._sandbox = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    def read(self, path: str) -> Text | None:
        """The text of a file with the draft's changes, None when there is none. Raises ToolError for other things."""
        name = self.checked(path)
        if name in self._draft:
            return self._draft[name]
        file = self.base / name
        try:
            if not file.resolve().is_relative_to(self.base.resolve()):
                raise ToolError(f"{name}: a link that leads out of the repository")
            if file.is_dir():
                names = sorted(entry.name + "/" * entry.is_dir() for entry in file.iterdir() if entry.name != ".git")
                raise ToolError(f"{name} is a directory: {', '.join(names[:80])}")
            if not file.exists():
                return None
            if file.stat().st_size > MAX_FILE:
                raise ToolError(f"{name} is larger than {MAX_FILE} bytes")
            text = decode(file.read_bytes())
        except (OSError, ValueError) as error:
            raise ToolError(f"{name} cannot be read: {type(error).__name__}") from error
        if text is None:
            raise ToolError(f"{name} is no text")
        return text

    def checked(self, path: str) -> str:
        """The path as the tree names it. Raises ToolError when it leaves the tree."""
        name = path.strip().removeprefix("/workspace/").removeprefix("./")
        if len(name) > MAX_PATH:
            raise ToolError(f"a path has at most {MAX_PATH} characters")
        try:
            return str(Path(inside(f"a/{name}")))
        except PatchInvalid as error:
            raise ToolError(f"{path[:200]!r} is no path of the repository; give it relative to its root") from error

    @property
    def drafted(self) -> tuple[str, ...]:
        """Files of the draft."""
        return tuple(self._draft)

    async def put(self, path: str, text: Text) -> None:
        """Change a file of the draft."""
        self._draft[path] = text
        if self._sandbox is not None:
            try:
                await self._sandbox.write_file(f"{self._sandbox.workspace}/{path}", text.text.encode(text.encoding))
            except SandboxGone:
                await self.lost()

    def changes(self) -> tuple[FileChange, ...]:
        """The draft against the base."""
        found = []
        for path, text in self._draft.items():
            bare = replace(self, _draft={})
            old = bare.read(path)
            change = FileChange(path=path, old=old.on_disk(old.text) if old else None, new=text.on_disk(text.text))
            if change.old != change.new:
                found.append(change)
        return tuple(found)
