"""The pytest plugin that hands the collected tests to the server and reports what each of them did.

The repository's own options, ini file and conftest hold; what would run tests elsewhere, again, in another order or not
at all is taken out (options are parsed first, since the repository may name them, and changed after).
Works with pytest 6.2 to 9.
"""

import os
from typing import Any, Callable, Iterator, List, Sequence, Tuple

import pytest
from _pytest.runner import runtestprotocol

from .items import MAX_TEXT, Suite, text_of
from .wire import Message

_OPTIONS: Tuple[Tuple[str, Any], ...] = (
    ("maxfail", 0),
    ("stepwise", False),
    ("lf", False),
    ("failedfirst", False),
    ("newfirst", False),
    ("usepdb", False),
    ("trace", False),
    ("collectonly", False),
    ("setuponly", False),
    ("continue_on_collection_errors", True),
    ("showlocals", False),
    ("cov_source", []),
    ("numprocesses", None),
    ("dist", "no"),
    ("distload", False),
    ("looponfail", False),
    ("tx", []),
    ("forked", False),
    ("randomly_reorganize", False),
    ("randomly_seed", 0),
    ("benchmark_disable", True),
    ("benchmark_enable", False),
    ("benchmark_only", False),
    ("testmon", False),
    ("hypothesis_seed", "0"),
)
_LEAVE = ("rerunfailures", "pytest-rerunfailures", "flaky", "pytest-retry", "random_order", "random-order", "picked")
_MARKS = ("flaky", "random_order")
_CACHE = ("lfplugin", "nfplugin", "stepwiseplugin")


def main(suite: Suite, arguments: Sequence[str], serve: Callable[[Suite], None]) -> int:
    """Run pytest with the plugin; its exit code."""
    return int(pytest.main([*arguments, "-s"], plugins=[TrialPlugin(suite, serve)]))


class TrialPlugin:
    """The hooks. `serve` is called when the wanted tests are collected."""

    def __init__(self, suite: Suite, serve: Callable[[Suite], None]) -> None:
        self._suite = suite
        self._serve = serve

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> None:
        if hasattr(early_config.known_args_namespace, "cov_source"):
            early_config.known_args_namespace.cov_source = []

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config: Any) -> Iterator[None]:
        _neutralize(config)
        config.args = _files(self._suite.wanted, str(config.rootdir)) or config.args
        yield

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: Any) -> None:
        for name in _CACHE:
            if config.pluginmanager.get_plugin(name) is not None:
                config.pluginmanager.unregister(name=name)
        for mark in _MARKS:
            config.addinivalue_line("markers", "%s: declared by a plugin that does not take part" % mark)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: Any) -> Iterator[None]:
        result: Any = yield
        report = result.get_result()
        if report.outcome == "failed" and len(self._suite.broken) < 1000:
            error = getattr(getattr(report, "call", None), "excinfo", None)
            self._suite.broken[collector.nodeid] = _broken(self._suite, error, report, str(collector.fspath))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_collection_modifyitems(self, items: List[Any]) -> Iterator[None]:
        yield
        items[:] = self._suite.collected(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        self._serve(self._suite)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> bool:
        self._suite.add(runtestprotocol(item, log=False, nextitem=nextitem))
        return True

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._suite.add([report])  # of subtests; those of tests are not logged

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        result: Any = yield
        if call.excinfo is not None and result.get_result().outcome != "passed":
            self._suite.raised(item, call.excinfo)


def _neutralize(config: Any) -> None:
    for name, value in _OPTIONS:
        if hasattr(config.option, name):
            setattr(config.option, name, value)
    for name in _LEAVE:
        if config.pluginmanager.get_plugin(name) is not None:
            config.pluginmanager.unregister(name=name)


def _files(ids: Sequence[str], rootdir: str) -> List[str]:
    names = dict.fromkeys(os.path.join(rootdir, name.split("::", 1)[0]) for name in ids)
    return [name for name in names if os.path.exists(name)]


def _broken(suite: Suite, excinfo: Any, report: Any, file: str) -> Message:
    if excinfo is None:
        return {"kind": "CollectionError", "message": str(report.longrepr)[-MAX_TEXT:]}
    error = excinfo.value
    cause = error.__cause__ or error
    found = suite.describe(cause, cause.__traceback__, file)
    if cause is error:
        found["message"] = text_of(error)[-MAX_TEXT:]
    return found
