"""What to do about a red run: whose failure it is, and whether a diagnosis can help. Pure functions over what was read.

Each question is one function, `QUESTIONS` is their order, and the first answer counts. A question that nothing settles
falls through to the next: only what was seen elsewhere (base, other attempts, the log's own words) acquits a change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tools.ci.values import Finding, JobLog
from workflows.github.configuration import BotConfiguration
from workflows.github.signature import signature_of, signature_of_job
from workflows.github.values import CiRun, Decision, FailedJob, Job, Kind, PastJob, Reading

MOST_LOG = 1_500_000
MOST_HISTORY = 10
_DRIFTING = ("dependencies", "build", "compile", "types", "lint")
_TROUBLE = {
    "runner-lost": "the runner was lost", "cancelled": "the job was cancelled", "timeout": "the job ran out of time",
    "disk-full": "the runner's disk was full", "out-of-memory": "the runner ran out of memory",
    "network": "the network failed", "rate-limit": "a service refused more requests",
    "service": "a service that the job needs did not start", "set-up": "the job could not be set up",
}  # fmt: skip
_LANGUAGES = {
    "python": ("pytest", "unittest", "ruff", "mypy", "pip", "uv", "poetry", "tox", "flake8"),
    "javascript": ("jest", "vitest", "mocha", "npm", "pnpm", "yarn", "eslint", "tsc", "node"),
    "go": ("go",), "rust": ("cargo", "rustc"), "java": ("maven", "gradle", "junit"), "csharp": ("dotnet",),
    "c": ("gcc", "clang", "cmake", "make", "ctest"),
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Jobs of one attempt that failed alike. lead: the one whose log is used."""

    signature: str
    jobs: tuple[FailedJob, ...]

    @property
    def lead(self) -> FailedJob:
        return max(self.jobs, key=lambda job: (job.log is not None and job.log.complete, len(_tests(job.log))))

    @property
    def log(self) -> JobLog | None:
        return self.lead.log

    @property
    def finding(self) -> Finding | None:
        return self.log.finding if self.log else None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.job.name for one in self.jobs)


@dataclass(frozen=True)
class Answer:
    """What a question found out."""

    kind: Kind
    reason: str
    since: str = ""
    history: tuple[str, ...] = ()


Question = Callable[[Reading, Group, BotConfiguration], Answer | None]


def decide(reading: Reading, configuration: BotConfiguration) -> tuple[Decision, ...]:
    """One decision for each way in which jobs failed, in the order of the jobs."""
    return tuple(_decision(reading, group, configuration) for group in groups_of(reading.jobs))


def groups_of(jobs: tuple[FailedJob, ...]) -> tuple[Group, ...]:
    """Jobs by what they share."""
    found: dict[str, list[FailedJob]] = {}
    for job in jobs:
        found.setdefault(signature_of_job(job), []).append(job)
    return tuple(Group(signature, tuple(members)) for signature, members in found.items())


def _decision(reading: Reading, group: Group, configuration: BotConfiguration) -> Decision:
    answers = (question(reading, group, configuration) for question in QUESTIONS)
    answer = next(filter(None, answers), Answer("diagnose", "the failure is reproduced and searched for its cause"))
    finding = group.finding
    wanted = answer.kind == "diagnose" and group.log is not None
    step, line = _position(group.log)
    return Decision(
        kind=answer.kind, signature=group.signature, jobs=tuple(one.job for one in group.jobs), reason=answer.reason,
        tests=finding.tests if finding else (), error=finding.error if finding else "", since=answer.since,
        history=answer.history, log=group.log.output[-MOST_LOG:] if group.log and wanted else "", job=group.lead.job.id,
        step=step, line=line,
    )  # fmt: skip


def asked_for(reading: Reading, _: Group, configuration: BotConfiguration) -> Answer | None:
    """Do the owners want this run looked at?"""
    run, pull = reading.run, reading.pull_request
    named = any(fnmatchcase(text, pattern) for pattern in configuration.workflows for text in _names(run))
    rules = (
        (not configuration.enabled, "the bot is switched off here"),
        (not named, "this workflow is not among those to look at"),
        (pull is not None and pull.fork and not configuration.forks, "pull requests from forks are not looked at"),
        (pull is not None and pull.draft and not configuration.drafts, "drafts are not looked at"),
        (pull is not None and not pull.open, "the pull request is closed"),
    )
    return next((Answer("silent", reason) for hit, reason in rules if hit), None)


def superseded(reading: Reading, _: Group, __: BotConfiguration) -> Answer | None:
    """Did the head move while CI ran?"""
    return None if reading.head else Answer("superseded", "newer commits were pushed since this run")


def without_log(_: Reading, group: Group, __: BotConfiguration) -> Answer | None:
    """Is there anything to read?"""
    why = group.lead.no_log
    if group.log is not None or not why:
        return None
    if why == "expired":
        return Answer("expired", "the logs of this run have expired; run it again to have it looked at")
    told = {"forbidden": "the App may not read them", "empty": "they are empty"}.get(why, "they cannot be read")
    return Answer("unreadable", f"the logs of this run were not used: {told}")


def on_the_base(reading: Reading, group: Group, _: BotConfiguration) -> Answer | None:
    """Does the newest run of the same jobs on the base fail alike? since: the oldest of an unbroken row of them."""
    past = [one for one in reading.base if one.job.name in group.names and one.job.conclusion]
    row: list[PastJob] = []
    for one in past:
        if not _alike(one, group):
            break
        row.append(one)
    if not row or not group.finding:
        return None
    first = row[-1]
    since = first.run.head_sha if len(row) < len(past) else ""
    word = f"since {since[:12]}" if since else f"at least since {first.run.head_sha[:12]}"
    return Answer("not_this_change", f"the same failure is on the base branch too, {word}", since or first.run.head_sha)


def on_another_attempt(reading: Reading, group: Group, _: BotConfiguration) -> Answer | None:
    """Did the same job of the same commit pass once?"""
    same = [
        one for one in reading.attempts
        if one.job.name in group.names and one.run.head_sha == reading.run.head_sha and one.job.conclusion
    ]  # fmt: skip
    if not any(one.job.conclusion == "success" for one in same) or not group.finding:
        return None
    history = tuple(map(_told, same[:MOST_HISTORY]))
    return Answer("flaky", "it passes and fails on the same commit", history=history)


def off_and_on(reading: Reading, group: Group, _: BotConfiguration) -> Answer | None:
    """Did the same tests fail and pass on one commit of the base?"""
    tests = set(_tests(group.log))
    if not tests:
        return None
    runs = [one for one in reading.base if one.job.name in group.names]
    failed = {one.run.head_sha for one in runs if tests <= set(_tests(one.log))}
    both = [
        one for one in runs
        if one.run.head_sha in failed and (one.job.conclusion == "success" or tests <= set(_tests(one.log)))
    ]  # fmt: skip
    if not any(one.job.conclusion == "success" for one in both):
        return None
    history = tuple(map(_told, both[:MOST_HISTORY]))
    return Answer("flaky", "the same tests pass and fail on unchanged code of the base branch", history=history)


def not_the_code(_: Reading, group: Group, __: BotConfiguration) -> Answer | None:
    """Was it the machine?"""
    finding = group.finding
    if finding is None or finding.kind != "infrastructure":
        return None
    return Answer(
        "infrastructure", f"this was not the code: {_TROUBLE.get(finding.infrastructure, 'the runner failed')}"
    )


def drifted(_: Reading, group: Group, __: BotConfiguration) -> Answer | None:
    """Did a dependency change, though the log has no failing test? Versions are told beside a diagnosis otherwise."""
    finding, green = group.finding, group.lead.green
    if finding is None or green is None or finding.tests or finding.kind not in _DRIFTING:
        return None
    changed = [one for one in green.changed if one.before and one.after and one.name.lower() in finding.error.lower()]
    if not changed:
        return None
    told = ", ".join(f"{one.name} {one.before} → {one.after}" for one in changed[:5])
    return Answer("dependencies", f"since the last green run of this job other versions are installed: {told}")


def nothing_to_go_by(_: Reading, group: Group, configuration: BotConfiguration) -> Answer | None:
    """Is there no failure that a diagnosis could start from?"""
    finding = group.finding
    if finding is None:
        return Answer("silent", "the log names no failure")
    if "*" not in configuration.languages and not _spoken(finding.tool, configuration.languages):
        return Answer("silent", f"{finding.tool or 'this tool'} is not of a language to look at")
    return None


QUESTIONS: tuple[Question, ...] = (
    asked_for, superseded, without_log, not_the_code, on_another_attempt, on_the_base, off_and_on, drifted,
    nothing_to_go_by,
)  # fmt: skip


def _position(log: JobLog | None) -> tuple[int, int]:
    """(step, line in it) of the error, as the forge's pages number them; line 1 where only the step is known."""
    step = next((one for one in log.steps if one.number == log.failing), None) if log else None
    if step is None or log is None or log.finding is None:
        return 0, 0
    at = log.finding.line
    return step.number, at - step.first_line + 1 if step.first_line <= at <= step.last_line else 1


def _alike(past: PastJob, group: Group) -> bool:
    return past.log is not None and past.job.conclusion != "success" and signature_of(past.log) == group.signature


def _told(past: PastJob) -> str:
    return f"{_ended(past.job)} at {past.run.head_sha[:12]}, run {past.run.id}, attempt {past.run.attempt}"


def _ended(job: Job) -> str:
    return "passed" if job.conclusion == "success" else job.conclusion.replace("_", " ") or "no result"


def _tests(log: JobLog | None) -> tuple[str, ...]:
    return log.finding.tests if log and log.finding else ()


def _names(run: CiRun) -> tuple[str, ...]:
    return (run.name, run.path, run.path.rsplit("/", 1)[-1])


def _spoken(tool: str, languages: tuple[str, ...]) -> bool:
    return any(tool == language or tool in _LANGUAGES.get(language.lower(), ()) for language in languages)
