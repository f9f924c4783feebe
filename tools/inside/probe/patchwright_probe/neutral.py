"""Takes out of pytest's way what would run tests elsewhere, again, in another order, or not at all.

The repository's options are parsed as they are (they may name options of these plugins); the values are changed after.
"""

from __future__ import annotations

from typing import Any, Tuple

# What each option has to be, where it exists.
_OPTIONS: Tuple[Tuple[str, Any], ...] = (
    ("maxfail", 0),
    ("stepwise", False),
    ("lf", False),
    ("failedfirst", False),
    ("newfirst", False),
    ("usepdb", False),
    ("trace", False),
    ("continue_on_collection_errors", True),
    ("showlocals", False),
    ("fulltrace", False),
    ("tbstyle", "auto"),
    ("cov_source", []),
    ("numprocesses", None),
    ("dist", "no"),
    ("distload", False),
    ("looponfail", False),
    ("tx", []),
    ("forked", False),
    ("randomly_reorganize", False),
    ("benchmark_disable", True),
    ("benchmark_enable", False),
    ("benchmark_only", False),
    ("testmon", False),
    ("testmon_forceselect", False),
)
# Plugins that leave altogether, by the names of their entry points, and the marks that go with them.
_LEAVE = ("rerunfailures", "pytest-rerunfailures", "flaky", "pytest-retry", "random_order", "random-order", "picked")
_MARKS = ("flaky", "random_order")
# Plugins of pytest's own cache: they choose tests by the last run and write into the checkout.
_CACHE = ("lfplugin", "nfplugin", "stepwiseplugin")


def early(namespace: Any) -> None:
    """Before pytest-cov looks at the options (it starts before conftest files are read)."""
    if hasattr(namespace, "cov_source"):
        namespace.cov_source = []


def options(config: Any, seed: int) -> None:
    """After parsing, before any plugin is configured."""
    wanted = (*_OPTIONS, ("randomly_seed", seed), ("hypothesis_seed", str(seed)))
    for name, value in wanted:
        if hasattr(config.option, name):
            setattr(config.option, name, value)
    for name in _LEAVE:
        if config.pluginmanager.get_plugin(name) is not None:
            config.pluginmanager.unregister(name=name)


def configured(config: Any) -> None:
    """After all plugins are configured."""
    for name in _CACHE:
        if config.pluginmanager.get_plugin(name) is not None:
            config.pluginmanager.unregister(name=name)
    for mark in _MARKS:
        config.addinivalue_line("markers", f"{mark}: declared by a plugin that does not take part in this run")
