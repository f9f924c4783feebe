"""A pytest plugin that reports a run as data, from inside the sandbox, on the repository's own interpreter.

Loaded by name (`PYTEST_PLUGINS=patchwright_probe`, this package's parent on `PYTHONPATH`), so that it reaches the
pytest that `make test` or a script starts in the end. One environment variable, `PATCHWRIGHT_PROBE`, holds its settings
as JSON (see settings.py). It leaves no trace in the environment of the tests: what they start does not load it.

Standard library and pytest 6.2 to 9 on Python 3.8 and up; coverage.py only where there is no sys.monitoring.
PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import os
import sys

import pytest

from .plugin import Probe
from .settings import take

_settings = take(os.environ, sys.path, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_probe = Probe(_settings) if _settings else None


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Called as soon as the plugin is loaded, before any conftest: the place to put the real plugin in."""
    if _probe is not None and not pluginmanager.is_registered(_probe):
        pluginmanager.register(_probe, "patchwright-probe-hooks")
