"""What the probe is asked to do, taken out of the environment so that the tests and their children do not see it."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, MutableMapping, NamedTuple, Optional, Tuple

VARIABLE = "PATCHWRIGHT_PROBE"
PLUGIN = "patchwright_probe"


class Settings(NamedTuple):
    """results: file that result lines are appended to; spectrum: the same for coverage ("" off).

    root: the workspace; select: ids to run (None: all); done: ids not to run again; per_test_s, collect_s: seconds
    (0: no limit); roots: absolute directories to measure; stop_after: end the run after so many bad tests (0: never).
    """

    results: str
    root: str
    spectrum: str = ""
    select: Optional[Tuple[str, ...]] = None
    done: Tuple[str, ...] = ()
    per_test_s: float = 0.0
    collect_s: float = 0.0
    roots: Tuple[str, ...] = ()
    seed: int = 0
    stop_after: int = 0
    collect_only: bool = False


def take(environ: MutableMapping[str, str], path: List[str], home: str) -> Optional[Settings]:
    """The settings, or None where there are none; removes every trace of the probe from `environ` and `path`."""
    raw = environ.pop(VARIABLE, "")
    _drop(environ, "PYTEST_PLUGINS", ",", PLUGIN)
    _drop(environ, "PYTHONPATH", os.pathsep, home)
    path[:] = [entry for entry in path if entry != home]
    try:
        given = json.loads(raw) if raw else None
    except ValueError:
        return None
    if not isinstance(given, dict) or not given.get("results"):
        return None
    lists = _read_lists(given.pop("lists", ""))
    given.update(lists)
    known: Dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return Settings(**{name: known[name] for name in Settings._fields if name in known})


def _read_lists(file: Any) -> MutableMapping[str, Any]:
    """Long lists (`select`, `done`) travel in a file: an environment variable holds 128 kB at most."""
    if not file:
        return {}
    with open(file, encoding="utf-8") as source:
        loaded = json.load(source)
    return loaded if isinstance(loaded, dict) else {}


def _drop(environ: MutableMapping[str, str], name: str, separator: str, value: str) -> None:
    kept = [part for part in environ.get(name, "").split(separator) if part and part != value]
    if kept:
        environ[name] = separator.join(kept)
    else:
        environ.pop(name, None)
