"""The demo: the bundled example on a hub of this machine, with a pull whose commits break its tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from workflows.example.create import GOOD, create
from workflows.github.hub import git, happen, installing
from workflows.github.hub.app import bound, serving
from workflows.github.hub.git import Signature
from workflows.github.hub.hub import Hub
from workflows.github.hub.runner import Runner
from workflows.github.hub.things import Account, Place, now

OWNER, NAME, BRANCH = "ada", "ada/duesbook", "tidy-up"
FILE, ASKED = ".github/workflows/ci.yml", ".patchwright.yml"
WORKFLOW = """\
name: CI
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - name: Run tests
        run: python -m pytest -q
"""
WISHES = """\
github:
  fix_branch: true
  fix_pull_request: true
"""


@dataclass(frozen=True)
class Demo:
    """What the processes beside the hub need. web: its pages; api: its interface; key, secret: files of the App;
    word: the file with what those say who steer the hub (`control.py`).
    """

    web: str
    api: str
    app: int
    key: Path
    secret: Path
    word: Path

    @property
    def variables(self) -> dict[str, str]:
        """The settings of the bot, the publisher and the service."""
        return {
            "PATCHWRIGHT_GITHUB_URL": self.api, "PATCHWRIGHT_GITHUB_APP": str(self.app),
            "PATCHWRIGHT_GITHUB_KEY_FILE": str(self.key), "PATCHWRIGHT_GITHUB_SECRET_FILE": str(self.secret),
        }  # fmt: skip


Beside = Callable[[Demo], AbstractAsyncContextManager[object]]


@asynccontextmanager
async def shown(
    folder: Path, *, port: int, webhook: str, runner: Runner, beside: Beside, say: Callable[[str], None]
) -> AsyncIterator[tuple[Hub, int]]:
    """The hub with its pull open, and that pull's number, for as long as the block runs.

    webhook: where deliveries go; beside: starts the processes that take them, once the App is made and before the pull
    is opened, and ends them in the end. Raises OSError when the port is taken.
    """
    async with serving(folder / "repositories", runner, bound(port)) as hub:
        made = await installing.apps(hub, slug="patchwright", hook=webhook, owner=OWNER)
        demo = Demo(
            hub.world.web, hub.world.api, made["id"], kept(folder / "app.pem", made["pem"]),
            kept(folder / "webhook-secret", made["webhook_secret"] + "\n"), kept(folder / "word", hub.word),
        )  # fmt: skip
        owner = hub.world.account(OWNER)
        place, heads = await _repository(hub, owner)
        await installing.install(hub, app=demo.app, account=OWNER, repositories=[NAME])
        async with beside(demo):
            say("running the tests of main …")
            await happen.pushed(hub, place, "main", heads[0], owner)
            await hub.settled()
            await happen.pushed(hub, place, BRANCH, heads[1], owner)
            pull = await happen.opened(
                hub, place, title="Tidy up invoices and subscriptions", body="No behaviour changes.", head=BRANCH,
                base="main", by=owner,
            )  # fmt: skip
            say(f"a pull request is open: {demo.web}/{NAME}/pull/{pull.number}")
            yield hub, pull.number


def kept(path: Path, text: str) -> Path:
    """A file that only its owner can read."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


async def _repository(hub: Hub, owner: Account) -> tuple[Place, tuple[str, str]]:
    """The example with a workflow: (main: up to its good release, the branch: with what came after)."""
    place = await happen.made(hub, NAME)
    path = place.repository.path
    with tempfile.TemporaryDirectory(prefix="patchwright-demo-") as scratch:
        example = create(Path(scratch) / "example")
        source = example.folder / ".git"
        await git.copy(source, path, example.head)
        good = await git.resolve(source, GOOD)
    if good is None:
        raise RuntimeError("the example has lost its release")
    blobs = {name: await git.store(path, text.encode()) for name, text in ((FILE, WORKFLOW), (ASKED, WISHES))}
    who = Signature(owner.login, f"{owner.login}@users.noreply.example", now())
    tip = await _with_workflow(path, (await git.one(path, good)).tree, blobs, [good], "ci: run the tests", who)
    main = tip
    for one in (await git.log(path, f"{good}..{example.head}"))[::-1]:
        tip = await _with_workflow(path, one.tree, blobs, [tip], one.message, one.author)
    return place, (main, tip)


async def _with_workflow(  # noqa: PLR0917 - a commit has as many parts
    path: Path, tree: str, blobs: dict[str, str], parents: list[str], message: str, author: Signature
) -> str:
    whole = await git.tree_of(path, tree, [(git.MODE, name, blob) for name, blob in blobs.items()])
    return await git.commit_tree(path, whole, parents, message, author)
