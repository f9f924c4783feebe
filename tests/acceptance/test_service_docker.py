"""Workers whose sandboxes are Docker's: what killed ones left on the real engine goes, what the living made stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox.docker import launching
from sandbox.owners import owner
from tests import postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import repository
from tests.acceptance.test_service_runs import opened
from tests.engines import dead_owner, docker_image, engine_holds, leftover
from tests.waiting import until_async


@pytest.fixture
def api() -> Any:
    client = docker.from_env(version="auto").api
    yield client
    client.close()


async def test_workers_remove_what_killed_ones_left_at_start_and_later_and_nothing_of_the_living(
    patchwright: Patchwright, api: Any, tmp_path: Path
) -> None:
    def there(name: str) -> bool:
        return name in [found["Id"] for found in api.containers(all=True)]

    patchwright.settings.update(image=docker_image(), reap_seconds=1)
    early, living = leftover(api, dead_owner()), leftover(api, owner())
    try:
        with postgres.running() as address:
            async with opened(address, patchwright) as service:
                first = service.worker()
                await until_async(lambda: not there(early))
                late = leftover(api, dead_owner())
                await until_async(lambda: not there(late))
                run = await service.submit(repository(tmp_path / "shop"))
                await until_async(lambda: bool(engine_holds(run.id)))
                first.kill()
                service.worker()
                await service.assert_finished_once(run)
                await until_async(lambda: not engine_holds(run.id))
        assert there(living)
    finally:
        launching.remove(api, living)
