"""The real workbench: sandboxes, environments, test runs, search and history behind the `Bench` protocol."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from agent.artifacts import Artifacts
from agent.bench import (
    BisectOrder,
    BisectOutcome,
    ChangedLines,
    DeskOrder,
    Emit,
    Hands,
    LoggedFailures,
    Outlook,
    SearchOrder,
    SearchOutcome,
    Sights,
    TestOrder,
    TestOutcome,
)
from agent.culprit import Hunt, asking, find_culprit
from agent.desks import Farther, open_desk
from agent.domain import Limits, Prepared, Request
from agent.model import ToolSpec
from agent.site import Site
from agent.texts import read_text
from agent.written import lay
from sandbox.access import Access
from sandbox.detection.detect import project_named
from sandbox.detection.overrides import Overrides
from sandbox.environment import BUILD_QUOTA, build
from sandbox.environment_images import recognize
from sandbox.protocol import Quota, Sandbox, Sandboxes, SandboxGone, Workspace
from sandbox.recipe import Environment
from sandbox.source import acquire, materialize
from sandbox.urls import Login, SourceInvalid, UrlPolicy, is_url
from tools.changes import changed_lines
from tools.history import History
from tools.patches import FileChange, PatchInvalid, apply
from tools.recreate.values import Drafts
from tools.testing.run import is_command, probe_mount, run_tests, test_ids
from tools.tool import ToolError
from tools.toolbox.using import NAMES
from tools.values import TestRun

SCRATCH = "scratch"


def _as_they_are(hands: Hands) -> Hands:
    return hands


def _theirs(sights: Sights) -> tuple[ToolSpec, ...]:
    """Their tools: one that is called as a desk's own is never theirs."""
    return tuple(spec for spec in sights.specs if spec.name not in NAMES)


@dataclass
class Workbench:
    """folder: the run's directory; cache: environments of all runs; policy: which URLs are cloned; login: what the
    clone alone shows to the host; watched: what is put around the hands at a desk; look: opens what else a model may
    ask, None where there is nothing.

    The environment of the prepared repository is looked up again (a cache hit) when a run is resumed.
    """

    folder: Path
    cache: Path
    artifacts: Artifacts
    sandboxes: Sandboxes
    request: Request
    access: Access = field(default_factory=Access)
    policy: UrlPolicy = field(default_factory=UrlPolicy)
    login: Login | None = None
    watched: Callable[[Hands], Hands] = _as_they_are
    look: Callable[[], Awaitable[Sights]] | None = None
    _sights: Sights | None = None
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _built: Environment | None = None
    _lookup: asyncio.Future[ModuleType] | None = None

    @property
    def limits(self) -> Limits:
        """The limits of the request."""
        return self.request.limits

    async def prepare(self, request: Request) -> Prepared:
        """See the protocol."""
        self._start_importing()
        checkout = await acquire(
            self.request.source, rev=request.rev, destination=self.folder / "checkout", sandboxes=self.sandboxes,
            access=self.access, policy=self.policy, login=self.login,
        )  # fmt: skip
        if request.good:
            if checkout.repository is None:
                raise ToolError(f"--good {request.good} needs a git history, and {request.source} has none")
            await History(checkout.repository).resolve(request.good)
        environment = await self._environment(checkout.base, checkout.subdirectory)
        recipe = environment.recipe
        return Prepared(
            base=str(checkout.base.relative_to(self.folder)),
            repository=str(checkout.repository.relative_to(self.folder)) if checkout.repository else None,
            commit=checkout.commit,
            tree=checkout.tree,
            dirty=checkout.dirty,
            subdirectory=checkout.subdirectory,
            environment=environment.key,
            language=recipe.language,
            framework=recipe.test.framework,
            sandbox=self.sandboxes.kind,
            notes=(*checkout.notes, *recipe.notes, *environment.notes),
        )

    async def restore(self, prepared: Prepared) -> None:
        """Make the checkout of a run that goes on, where it is not: on another machine, or after it was removed.

        Raises SourceInvalid when the source no longer is what it was.
        """
        if (self.folder / prepared.base).is_dir():
            return
        source, rev = self.request.source, self.request.rev
        checkout = await acquire(
            source, rev=prepared.commit if is_url(source) else rev, destination=self.folder / "checkout",
            sandboxes=self.sandboxes, access=self.access, policy=self.policy, login=self.login,
        )  # fmt: skip
        if checkout.tree != prepared.tree:
            raise SourceInvalid("the source has changed since the run began on it: submit it again")

    async def _environment(self, base: Path, named: str) -> Environment:
        if self._built is None:
            quota = self._build_quota()
            said = replace(_overrides(self.request), directory=project_named(base, named))
            recipe = await recognize(base, said, self.sandboxes, wall_s=quota.wall_s)
            self._built = await build(
                recipe, base, sandboxes=self.sandboxes, cache=self.cache, access=self.access, quota=quota
            )
        return self._built

    async def reading(self, prepared: Prepared, request: Request) -> LoggedFailures:
        """See the protocol."""
        del prepared
        tests: list[str] = []
        for argument in request.tests:
            if not is_command(argument):
                tests += test_ids(argument)
        if not request.log:
            return LoggedFailures(tests=tuple(tests))
        from tools.ci.reproduce import logged  # noqa: PLC0415 - two dozen modules that only a log needs

        found = logged(self.artifacts.text(request.log))
        tests += [] if tests else found.tests
        return LoggedFailures(tests=tuple(dict.fromkeys(tests)), crashes=found.crashes, summary=found.summary)

    async def test(self, prepared: Prepared, order: TestOrder) -> TestOutcome:
        """See the protocol. A sandbox that dies under the tests is replaced once."""
        attempts = AsyncRetrying(retry=retry_if_exception_type(SandboxGone), stop=stop_after_attempt(2), reraise=True)
        try:
            return await attempts(self._tested, prepared, order)
        except SandboxGone as error:
            note = f"the sandbox died twice while the tests ran: {error}"
            return TestOutcome(run=TestRun(command=(), results=(), complete=False, note=note))

    async def _tested(self, prepared: Prepared, order: TestOrder) -> TestOutcome:
        environment = await self._environment(self._base(prepared), prepared.subdirectory)
        async with (await self._site(prepared, order.wall_s)).open() as sandbox:
            if order.patch:
                await put_changes(sandbox, await self.changes(prepared, order.patch))
            run, coverage = await run_tests(
                sandbox,
                environment.recipe.test,
                tests=order.tests,
                coverage_roots=environment.recipe.roots if order.coverage else None,
                per_test_s=order.test_s,
                quota=self._quota(order.wall_s),
                hash_seed=order.seed,
            )
        return TestOutcome(run=run, coverage=coverage)

    def _build_quota(self) -> Quota:
        return replace(BUILD_QUOTA, wall_s=min(BUILD_QUOTA.wall_s, self.limits.wall_s))

    def _quota(self, wall_s: float) -> Quota:
        return Quota(wall_s=max(1.0, wall_s), memory_bytes=self.limits.memory_mb << 20)

    def _base(self, prepared: Prepared) -> Path:
        """The tree, with the test that a model wrote in it: known only once the step that wrote it is finished."""
        base, written = self.folder / prepared.base, prepared.written
        if written:
            lay(base, written.path, self.artifacts.text(written.content))
        return base

    async def _site(self, prepared: Prepared, wall_s: float) -> Site:
        environment = await self._environment(self._base(prepared), prepared.subdirectory)
        mounts = (*environment.mounts, probe_mount())
        return Site(self.sandboxes, environment, self._base(prepared), self._quota(wall_s), mounts)

    async def drafts(self, prepared: Prepared, request: Request) -> Drafts:
        """See the protocol."""
        if not request.log or prepared.language != "python":
            return Drafts(note="a failure can be repeated without a test in Python only, from a log")
        from agent.recreating import drafts_of  # noqa: PLC0415 - most runs have a test

        return await asyncio.to_thread(drafts_of, self.artifacts.text(request.log), self._base(prepared))

    async def past(self, prepared: Prepared, revision: str, order: TestOrder) -> TestOutcome:
        """See the protocol."""
        if prepared.repository is None:
            return _unrun("there is no history: the source is a plain directory")
        folder = Path(tempfile.mkdtemp(prefix="past-", dir=self.folder))
        try:
            history = History(self.folder / prepared.repository)
            await materialize(history.repository, await history.resolve(revision), folder / "tree")
            return await self._tested_at(prepared, folder / "tree", order)
        except (ToolError, SourceInvalid, PatchInvalid, SandboxGone) as error:
            return _unrun(str(error))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _tested_at(self, prepared: Prepared, tree: Path, order: TestOrder) -> TestOutcome:
        site = await self._site(prepared, order.wall_s)
        changes = apply(self.artifacts.text(order.patch), tree, scratch=tree.parent) if order.patch else ()
        async with site.open(Workspace((site.environment.products, tree))) as sandbox:
            await put_changes(sandbox, changes)
            run, _ = await run_tests(
                sandbox, site.environment.recipe.test, tests=order.tests, per_test_s=order.test_s,
                quota=self._quota(order.wall_s), hash_seed=order.seed,
            )  # fmt: skip
        return TestOutcome(run=run)

    async def search(self, prepared: Prepared, order: SearchOrder, emit: Emit) -> SearchOutcome:
        """See the protocol."""
        site = await self._site(prepared, order.wall_s + 60)
        culprit = self.artifacts.text(order.culprit) if order.culprit else ""
        outcome: SearchOutcome = await (await self._start_importing()).look_for_repairs(site, order, culprit, emit)
        return outcome

    def _start_importing(self) -> asyncio.Future[ModuleType]:
        """The search and its templates, imported while the tests run: they take 0.15 s."""
        if self._lookup is None:
            self._lookup = asyncio.get_running_loop().run_in_executor(None, import_module, "agent.lookup")
        return self._lookup

    @asynccontextmanager
    async def desk(self, prepared: Prepared, order: DeskOrder) -> AsyncIterator[Hands]:
        """See the protocol."""
        site = await self._site(prepared, self.limits.suite_s)
        history = History(self.folder / prepared.repository) if prepared.repository else None
        outputs = self.folder / "outputs" / order.branch
        async with open_desk(
            site, order, artifacts=self.artifacts, outputs=outputs, history=history, commit=prepared.commit,
            bisect=self._bisecting(site, prepared, order),
        ) as hands:  # fmt: skip
            sights = await self._others() if order.asks else None
            yield self.watched(Farther(hands, sights, frozenset(t.name for t in _theirs(sights))) if sights else hands)

    async def outlook(self) -> Outlook:
        """See the protocol."""
        sights = await self._others()
        return Outlook(tools=_theirs(sights), notes=tuple(sights.notes)) if sights else Outlook()

    async def _others(self) -> Sights | None:
        """Other systems, opened once: by the question what there is, or by the first desk of a run that goes on."""
        async with self._looking:
            if self._sights is None and self.look is not None:
                self._sights = await self.look()
        return self._sights

    def _bisecting(self, site: Site, prepared: Prepared, order: DeskOrder) -> Callable[[str], Awaitable[str]] | None:
        if prepared.repository is None or prepared.commit is None:
            return None
        hunt = Hunt(
            site, History(self.folder / prepared.repository), prepared.commit, self.artifacts, lambda _: None,
            order.branch,
        )  # fmt: skip
        return asking(hunt, order.failing[:3], min(3, self.limits.repeats), order.test_s)

    async def bisect(self, prepared: Prepared, order: BisectOrder, emit: Emit) -> BisectOutcome:
        """See the protocol."""
        if prepared.repository is None or prepared.commit is None:
            return BisectOutcome(reason="there is no history to bisect: the source is a plain directory")
        site = await self._site(prepared, order.wall_s)
        history = History(self.folder / prepared.repository)
        try:
            return await find_culprit(Hunt(site, history, prepared.commit, self.artifacts, emit), order)
        except ToolError as error:
            return BisectOutcome(reason=str(error))

    async def changed(self, prepared: Prepared, good: str | None, files: Sequence[str]) -> ChangedLines:
        """See the protocol."""
        if prepared.repository is None or prepared.commit is None:
            return ChangedLines(note="no history")
        try:
            lines = await changed_lines(History(self.folder / prepared.repository), prepared.commit, good, tuple(files))
        except ToolError as error:
            return ChangedLines(note=str(error))
        return ChangedLines(lines=lines)

    async def changes(self, prepared: Prepared, patch: str) -> tuple[FileChange, ...]:
        """See the protocol."""
        scratch = self.folder / SCRATCH
        scratch.mkdir(exist_ok=True)
        return apply(self.artifacts.text(patch), self._base(prepared), scratch=scratch)

    def clear(self) -> None:
        """Remove what a killed attempt at the same run left."""
        shutil.rmtree(self.folder / SCRATCH, ignore_errors=True)

    async def sources(self, prepared: Prepared, files: Sequence[str]) -> Mapping[str, str]:
        """See the protocol."""
        base = self._base(prepared)
        found = {}
        for file in files:
            source = read_text(base, file)
            if source is not None:
                found[file] = source.text
        return found


def _unrun(problem: str) -> TestOutcome:
    return TestOutcome(run=TestRun(command=(), results=(), complete=False, note=problem), problem=problem)


def _overrides(request: Request) -> Overrides:
    commands = [argument for argument in request.tests if is_command(argument)]
    return Overrides(
        install=request.install or None,
        test=request.test_command or (commands[0] if commands else None),
        python=request.python,
        image=request.image or None,
        dockerfile=request.dockerfile or None,
    )


async def put_changes(sandbox: Sandbox, changes: Sequence[FileChange]) -> None:
    """Write changed files into a sandbox's workspace, removing those that are gone."""
    for change in changes:
        path = f"{sandbox.workspace}/{change.path}"
        if change.new is None:
            await sandbox.exec(["rm", "-f", "--", path])
        else:
            await sandbox.write_file(path, change.new.encode("utf-8", "surrogateescape"))
