"""How soon a pull request hears of its failure: from the bot's word in the ledger to the comment, as figures.

    python -m tests.benchmarks.github_publish [--pulls 30]

A real Postgres and `patchwright github publish`, against a server on this machine that answers as GitHub's description
does. Ends with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.github import commit, pull
from tests.github_description import Asked
from tests.github_server import GithubServer, Said, github_server
from tests.publishing import case
from workflows.github.store import PostgresLedger
from workflows.service.store import open_store
from workflows.service.store.pool import Database
from workflows.settings import Settings

AIM_S = 5.0
BASE = "/repos/ada/shop"
WAIT_S = 120.0


def answering(server: GithubServer, pulls: int) -> dict[int, float]:
    """Script the server; when which pull request was first commented on, by the monotonic clock."""
    heard: dict[int, float] = {}
    end = {"repo": {"id": 42, "full_name": "ada/shop"}}
    server.on(f"GET {BASE}", Said(200, {"id": 42, "full_name": "ada/shop", "default_branch": "main"}))
    server.on(f"GET {BASE}/contents/.patchwright.yml", Said(404, {"message": "Not Found"}))
    server.on(f"POST {BASE}/check-runs", Said(201, {"id": 9000}))
    for number in range(1, pulls + 1):
        head = {**end, "ref": "topic", "sha": pull(number, head=1000 + number).head_sha}
        shape = {"number": number, "state": "open", "head": head, "base": {**end, "ref": "main", "sha": commit(1)}}

        def comment(asked: Asked, number: int = number) -> Said:
            heard.setdefault(number, time.monotonic())
            return Said(201, {"id": 8000 + number})

        server.on(f"GET {BASE}/pulls/{number}", Said(200, shape))
        server.on(f"GET {BASE}/issues/{number}/comments", Said(200, []))
        server.on(f"GET {BASE}/commits/{head['sha']}/check-runs", Said(200, {"check_runs": []}))
        server.on(f"POST {BASE}/issues/{number}/comments", comment)
    return heard


async def told(address: str, home: Path, heard: dict[int, float], pulls: int) -> list[float]:
    """Seconds from each case to its comment; one case after the other, the first one waits for the process."""
    took = []
    async with open_store(address, Settings(home=home), size=2) as store:
        ledger = PostgresLedger(Database(store.pool), home / "runs")
        for number in range(1, pulls + 1):
            await ledger.open_case(case(subject=number, head=commit(1000 + number)))
            began = time.monotonic()
            while number not in heard and time.monotonic() - began < WAIT_S:  # noqa: ASYNC110 - another thread's
                await asyncio.sleep(0.01)
            took.append(heard.get(number, began + WAIT_S) - began)
    return took


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pulls", type=int, default=30, help="at most 39: GitHub takes 80 writes a minute")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, postgres.running() as address, github_server() as server:
        folder = Path(name)
        pem = folder / "key.pem"
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        heard = answering(server, wanted.pulls)
        home = Patchwright(folder, folder / "cache")
        places = {"database_url": address, "github_url": server.url, "github_app": 77, "github_key_file": pem}
        logged = ("sh", "-c", f'exec "$@" >>{folder}/log 2>&1', "sh")
        process = home.start("github", "publish", wrap=logged, **places)
        try:
            took = asyncio.run(told(address, home.home, heard, wanted.pulls))[1:]
        finally:
            process.terminate()
            process.wait(30)
    figures = {"pulls": len(took), "median_s": round(statistics.median(took), 2), "worst_s": round(max(took), 2)}
    print(json.dumps(figures))
    return 0 if max(took) <= AIM_S else 1


if __name__ == "__main__":
    sys.exit(main())
