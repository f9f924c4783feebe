"""The hooks: they watch pytest, and write one line per event.

Events (`e`): "session" {pytest, python, rootdir}; "collecting" {id}; "collected" {n, selected, missing, ids}; "start"
{id, file}; "test" {id, file, status, s, crash}; "error" {id, status, crash} (a file that could not be collected, a
conftest that could not be imported); "note" {text}; "finish" {exit}.
"""

from __future__ import annotations

import platform
from typing import Any, Dict, Generator, List, Optional, Sequence, Tuple

import pytest

from . import neutral
from .choose import Choice, absolute
from .clock import Clock, Timeout
from .crash import Described, clip, describe, of_import
from .places import Places
from .settings import Settings
from .spectrum import Spectrum
from .stream import Stream

RESULTS, SPECTRUM = 48 << 20, 48 << 20
RICH = 16 << 20  # bytes left below which crashes are told in short
ID = 4_000
COLLECTED_IDS = 200_000
# From bad to good: the worst of a test's phases and subtests is its status.
_ORDER = ("failed", "error", "skipped", "passed")
Wrapper = Generator[None, Any, None]


class Probe:
    """One pytest session. The state of the running test is in `_test`, `_seen` and the clock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings.root)
        self._stream = Stream(settings.results, RESULTS)
        whole = settings.select is None  # named tests are compared between runs: all of them have the same time
        dump = settings.results + ".stacks"
        self._clock = Clock(settings.per_test_s, settings.collect_s, self._places, dump, tires=whole)
        self._spectrum: Optional[Spectrum] = None
        if settings.spectrum:
            out = Stream(settings.spectrum, SPECTRUM)
            self._spectrum = Spectrum(out, self._places, settings.root, settings.roots)
        self._choice = Choice(settings.select) if settings.select is not None else None
        self._done = frozenset(settings.done)
        self._bad = 0
        # Files that could not be collected and are not asked for: told when something asked for is not found.
        self._held: List[Dict[str, Any]] = []
        self._test = ""
        self._seen: List[Tuple[str, Optional[Described]]] = []
        self._reported: List[Any] = []
        self._spent = 0.0

    # --- before the tests

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Wrapper:
        neutral.early(early_config.known_args_namespace)
        self._clock.guard()
        outcome = yield
        self._clock.release()
        self._report_failure(outcome)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> Wrapper:
        neutral.options(config, self._settings.seed)
        if self._settings.collect_only:
            config.option.collectonly = True
        if self._choice is not None:
            self._narrow(config, self._choice)
        outcome = yield
        self._report_failure(outcome)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: Any) -> None:
        neutral.configured(config)
        self._emit("session", pytest=pytest.__version__, python=platform.python_version(), rootdir=str(config.rootdir))

    def _narrow(self, config: Any, choice: Choice) -> None:
        """Collect only the files that hold the chosen tests, without a change of the root directory."""
        start = str(config.invocation_params.dir)
        originals = absolute(config.args, start)
        flat = int(pytest.__version__.split(".")[0]) < 8
        files = choice.files(str(config.rootdir), originals, flat)
        if files:
            config.option.pyargs = False
            config.args = files

    # --- collection

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: Any) -> Wrapper:
        if isinstance(collector, pytest.File):
            if collector.nodeid[:ID] in self._done:
                collector.collect = list  # type: ignore[method-assign]  # it has its result: it ended an earlier process, or could not be imported
            self._emit("collecting", id=collector.nodeid[:ID])
            self._clock.guard()
        outcome = yield
        self._clock.release()
        raised = _raised(outcome)
        if isinstance(raised, SystemExit):
            failed = pytest.CollectReport(collector.nodeid, "failed", f"{type(raised).__name__}: {raised}", [])
            outcome.force_result(failed)
            self._error(collector.nodeid, of_import(raised, self._places))
        elif raised is None:
            self._collect_outcome(collector, outcome.get_result())

    def _collect_outcome(self, collector: Any, report: Any) -> None:
        """Failed collectors become results; a module that skips itself is one too."""
        node_id = collector.nodeid or "."
        if report.skipped:
            text = report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._error(node_id, {"kind": "Skipped", "message": clip(str(text), 500)}, "skipped")
        if not report.failed:
            return
        call = getattr(report, "call", None)
        excinfo = getattr(call, "excinfo", None)
        if excinfo is None:
            self._error(node_id, {"kind": "CollectError", "message": clip(str(report.longrepr), 4_000)})
            return
        if isinstance(excinfo.value, Timeout):
            self._error(node_id, self._clock.crash("not imported"), "timeout")
        else:
            self._error(node_id, of_import(excinfo.value, self._places))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: List[Any], config: Any) -> Wrapper:
        yield
        everything = [item.nodeid for item in items]
        choice, done = self._choice, self._done
        kept = [item for item in items if (choice is None or choice.takes(item.nodeid)) and item.nodeid not in done]
        if len(kept) < len(items):
            chosen = set(map(id, kept))
            config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
            items[:] = kept
        missing = choice.near(everything) if choice is not None and choice.missing else {}
        for event in self._held if missing else ():
            self._stream.write(event)
        ids = [item.nodeid[:ID] for item in items[:COLLECTED_IDS]] if self._settings.collect_only else None
        self._emit("collected", n=len(everything), selected=len(kept), missing=missing, ids=ids)

    # --- one test

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Wrapper:
        self._test = item.nodeid
        self._seen, self._reported, self._spent = [], [], 0.0
        self._emit("start", id=item.nodeid[:ID], file=self._file(item))
        if self._spectrum is not None:
            self._spectrum.begin()
        self._clock.begin()
        outcome = yield
        self._clock.end()
        if self._spectrum is not None:
            self._spectrum.end(item.nodeid[:ID])
        raised = _raised(outcome)
        if raised is not None:
            self._seen.append(("error", describe(raised, self._places, lambda: "")))
        self._finish(item)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Wrapper:
        yield from self._phase()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Wrapper:
        yield from self._phase()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Wrapper:
        yield from self._phase(least=max(1.0, self._settings.per_test_s / 2))

    def _phase(self, least: float = 0.1) -> Wrapper:
        start = self._clock.now()
        try:
            self._clock.arm(least)
            yield
        finally:
            self._clock.disarm()
            self._spent += self._clock.now() - start

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, settings: Any) -> bool:
        """pytest-timeout would use the same timer: its limit is taken over instead, where there is one."""
        if self._settings.per_test_s > 0 and settings.timeout:
            self._clock.tighten(float(settings.timeout))
        return True

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: Any) -> Wrapper:
        """After all other plugins, so that xfail marks and unittest's stored exceptions are in."""
        outcome = yield
        if _raised(outcome) is not None:
            return
        report = outcome.get_result()
        error = call.excinfo.value if call.excinfo is not None else None
        crash: Optional[Described] = None
        if report.failed:
            crash = describe(error, self._places, lambda: _text(report)) if error is not None else _told(report)
        self._seen.append((_status(report), crash))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Reports that other plugins make without the hook above count where nothing else was seen."""
        self._reported.append(report)

    def _finish(self, item: Any) -> None:
        seen = self._seen or [(_status(r), _told(r) if r.failed else None) for r in self._reported]
        if not seen:
            seen = [("error", {"kind": "NotRun", "message": "pytest ended the test without a report"})]
        status, crash = min(seen, key=lambda phase: _ORDER.index(phase[0]))
        if self._clock.fired:
            status, crash = "timeout", {**(crash or {}), **self._clock.crash()}
        self._result(item.nodeid, self._file(item), status, crash)
        stop = self._settings.stop_after
        if stop and self._bad >= stop:
            item.session.shouldstop = f"stopping after {stop} bad tests, as asked"

    def _result(self, node_id: str, file: str, status: str, crash: Optional[Described]) -> None:
        self._bad += status in ("failed", "error", "timeout")
        event = {"id": node_id[:ID], "file": file, "status": status, "s": round(self._spent, 6)}
        if not self._emit("test", crash=self._affordable(crash), **event):
            self._emit("test", **event)

    def _affordable(self, crash: Optional[Described]) -> Optional[Described]:
        """A suite in which everything fails at length is told in short from some point on."""
        if crash is None or self._stream.left > RICH:
            return crash
        return {"kind": crash["kind"], "message": crash["message"][:200], "frames": crash.get("frames", [])[-5:]}

    # --- what ends a session before its time

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """`pytest.exit` or an interrupt; in a test it is told already."""
        if not self._test:
            self._fatal(excinfo.value)

    def pytest_internalerror(self, excinfo: Any) -> None:
        self._fatal(excinfo.value)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        if self._spectrum is not None:
            self._spectrum.end(None)
            self._note(self._spectrum.note)
        self._emit("finish", exit=int(exitstatus))

    def _report_failure(self, outcome: Any) -> None:
        raised = _raised(outcome)
        if raised is not None and not isinstance(raised, (SystemExit, KeyboardInterrupt)):
            self._fatal(raised)

    def _fatal(self, error: BaseException) -> None:
        crash = of_import(error, self._places)
        named = self._places.relative(str(getattr(error, "path", ""))) if getattr(error, "path", "") else None
        inside = next((frame[0] for frame in reversed(crash["frames"]) if frame[3]), None)
        self._stream.write({"e": "error", "id": (named or inside or "pytest")[:ID], "status": "error", "crash": crash})

    # --- writing

    def _error(self, name: str, crash: Described, status: str = "error") -> None:
        event = {"e": "error", "id": name[:ID], "status": status, "crash": self._affordable(crash)}
        if self._choice is not None and not self._choice.concerns(name):
            self._held.append(event)
            return
        self._bad += status != "skipped"
        self._stream.write(event)

    def _file(self, item: Any) -> str:
        path = getattr(item, "path", None) or getattr(item, "fspath", "")
        return self._places.of(str(path))[0][:ID]

    def _note(self, text: str) -> None:
        if text:
            self._emit("note", text=text[:1_000])

    def _emit(self, kind: str, **fields: Any) -> bool:
        event: Dict[str, Any] = {"e": kind}
        event.update((key, value) for key, value in fields.items() if value is not None)
        return self._stream.write(event)


def _raised(outcome: Any) -> Optional[BaseException]:
    """The exception of a hook call, for old and new pluggy."""
    excinfo: Optional[Sequence[Any]] = getattr(outcome, "excinfo", None)
    return excinfo[1] if excinfo else None


def _status(report: Any) -> str:
    if report.failed:
        return "failed" if report.when == "call" else "error"
    return "skipped" if report.skipped else "passed"


def _text(report: Any) -> str:
    """The long text of pytest, and the end of what the test printed."""
    captured = "".join(f"\n--- {name} ---\n{clip(body, 2_000)}" for name, body in report.sections[:6])
    return clip(str(report.longreprtext), 15_000) + clip(captured, 4_900)


def _told(report: Any) -> Described:
    """A crash that only the report tells of (a strict xpass, a test that ran in another process)."""
    text = str(report.longreprtext)
    last = text.strip().rpartition("\n")[2]
    kind = "XPassed" if text.startswith("[XPASS(strict)]") else ""
    return {"kind": kind, "message": clip(last, 4_000), "frames": [], "text": clip(text, 20_000)}
