"""`patchwright github setup` as a person walks it: the page, the forge's own page, the files, and an App that works."""

from __future__ import annotations

import asyncio
import json
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from tests.acceptance.command import Patchwright
from tests.hub import Town, town
from tests.waiting import PATIENCE_S
from workflows.github.client import app_of, office
from workflows.github.forge import Refused
from workflows.github.names import RepositoryName
from workflows.github.values import Place


class Form(HTMLParser):
    """The form of a page: where it leads, and its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.action = found["action"]
        if tag == "input":
            self.fields[found["name"]] = found["value"]


async def clicked(hub: Town, page: str) -> httpx.Response:
    """A browser on the page that the command printed, up to the page that it ends on."""
    web = hub.hub.world.web
    first = Form((await hub.http.get(page)).text)
    assert first.action.startswith(f"{web}/organizations/acme/settings/apps/new?state=")
    second = Form((await hub.http.post(first.action, data=first.fields)).text)
    back = await hub.http.post(f"{web}{second.action}", data=second.fields, headers={"Origin": web})
    assert back.status_code == 302
    return await hub.http.get(back.headers["location"])


async def chosen(hub: Town, link: str, fields: dict[str, str | list[str]]) -> int:
    """A browser on the page behind a link, whose form is sent with these fields; the installation that it ends on."""
    web = hub.hub.world.web
    page = (await hub.http.get(link)).text
    assert "acme/shop" in page
    assert "acme/other" in page
    assert (await hub.http.post(f"{web}{Form(page).action}", data=fields)).status_code == 403
    headers = {"Origin": web}
    assert (await hub.http.post(f"{web}{Form(page).action}", data={"repository": "x/y"}, headers=headers)).is_error
    done = await hub.http.post(f"{web}{Form(page).action}", data=fields, headers=headers)
    assert done.status_code == 303
    shown = await hub.http.get(web + done.headers["location"])
    assert "Fixes is installed for acme" in shown.text
    return int(done.headers["location"].rpartition("/")[2])


async def test_an_app_is_made_checked_and_used(tmp_path: Path) -> None:
    patchwright = Patchwright(tmp_path / "place", tmp_path / "cache")
    async with town(tmp_path / "hub") as hub:
        process = patchwright.start(
            "github", "setup", "--webhook", "https://pw.example/webhooks/github", "--name", "Fixes", "--branches",
            "--organization", "acme", github_url=hub.hub.world.api,
        )  # fmt: skip
        assert process.stdout is not None
        page = (await asyncio.to_thread(process.stdout.readline)).split()[1]
        assert "Go back to the terminal" in (await clicked(hub, page)).text
        out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE_S)
        assert process.returncode == 0, err
        told = dict(row.split("=", 1) for row in out.splitlines() if row.startswith("PATCHWRIGHT_"))
        link = f"{hub.hub.world.web}/apps/fixes/installations/new"
        assert f"Install it on repositories: {link}\n" in out
        assert "PRIVATE KEY" not in out + err
        number, key = int(told["PATCHWRIGHT_GITHUB_APP"]), Path(told["PATCHWRIGHT_GITHUB_KEY_FILE"])
        secret = Path(told["PATCHWRIGHT_GITHUB_SECRET_FILE"]).read_text().strip()
        assert hub.hub.world.apps[number].secret == secret
        assert hub.hub.world.apps[number].hook == "https://pw.example/webhooks/github"
        settings = {"github_url": hub.hub.world.api, "github_app": number, "github_key_file": key}
        checking = patchwright.start("github", "setup", "--check", "--branches", wrap=(), **settings)
        out, err = await asyncio.to_thread(checking.communicate, timeout=PATIENCE_S)
        assert (checking.returncode, out) == (0, "the App has all that it needs\n"), err
        await hub.does("repositories", name="acme/shop", private=True)
        await hub.does("repositories", name="acme/other", private=True)
        installed = await chosen(hub, link, {"repository": "acme/shop"})
        known = hub.hub.world.named("acme", "shop")
        assert known is not None
        place = Place(id=known.repository.id, name=RepositoryName(owner="acme", name="shop"), installation=installed)
        async with office(app_of(hub.hub.world.api, number, key)) as own:
            assert (await own.reads.place(place)).private
        assert await chosen(hub, link, {"repository": ["acme/other"]}) == installed
        async with office(app_of(hub.hub.world.api, number, key)) as own:
            with pytest.raises(Refused):
                await own.reads.place(place)
        assert json.dumps(secret) not in str(await hub.does("audit"))
