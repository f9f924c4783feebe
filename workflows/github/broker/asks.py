"""The questions that may be asked, with the types of what goes over and what comes back: those of `forge.Reads`."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from workflows.github.forge import (
    Absent,
    Expired,
    Forbidden,
    ForgeAway,
    ForgeBusy,
    ForgeError,
    Reads,
    Refused,
    Unreadable,
)
from workflows.github.values import ChangedFile, CiRun, Comment, Job, Permission, Place, PullRequest

T = TypeVar("T")
STREAMS = frozenset({"file", "archive", "job_log"})  # answered with bytes
KINDS: tuple[type[ForgeError], ...] = (ForgeBusy, ForgeAway, Forbidden, Absent, Expired, Refused, Unreadable)


@dataclass(frozen=True)
class Ask(Generic[T]):
    """A question whose answer is a value. name: the method of `Reads`."""

    name: str
    answer: TypeAdapter[T]

    def said(self, value: T) -> bytes:
        """The answer as it goes over."""
        return packed(self.answer.dump_python(value, mode="json"))

    def read(self, body: bytes) -> T:
        """The answer as it came. Raises Unreadable."""
        try:
            return self.answer.validate_python(json.loads(body))
        except ValueError:
            raise Unreadable(f"the publisher's answer to {self.name} is none: is it of another version?") from None


PLACE = Ask("place", TypeAdapter(Place))
RUN = Ask("run", TypeAdapter(CiRun))
RUNS: Ask[tuple[CiRun, ...]] = Ask("runs", TypeAdapter(tuple[CiRun, ...]))
JOBS: Ask[tuple[Job, ...]] = Ask("jobs", TypeAdapter(tuple[Job, ...]))
PULL = Ask("pull", TypeAdapter(PullRequest))
PULLS_WITH: Ask[tuple[PullRequest, ...]] = Ask("pulls_with", TypeAdapter(tuple[PullRequest, ...]))
PULLS_FROM: Ask[tuple[PullRequest, ...]] = Ask("pulls_from", TypeAdapter(tuple[PullRequest, ...]))
CHANGED: Ask[tuple[ChangedFile, ...]] = Ask("changed", TypeAdapter(tuple[ChangedFile, ...]))
MERGE_BASE: Ask[tuple[str, int]] = Ask("merge_base", TypeAdapter(tuple[str, int]))
PERMISSION: Ask[Permission] = Ask("permission", TypeAdapter(Permission))
COMMENTS: Ask[tuple[Comment, ...]] = Ask("comments", TypeAdapter(tuple[Comment, ...]))
COMMENT: Ask[Comment | None] = Ask("comment", TypeAdapter(Comment | None))
CHECKS: Ask[dict[str, int]] = Ask("checks", TypeAdapter(dict[str, int]))
MISSED: Ask[tuple[int, ...]] = Ask("missed", TypeAdapter(tuple[int, ...]))  # of `Missed`
ASKS: dict[str, Ask[Any]] = {
    one.name: one
    for one in (
        PLACE, RUN, RUNS, JOBS, PULL, PULLS_WITH, PULLS_FROM, CHANGED, MERGE_BASE, PERMISSION, COMMENTS, COMMENT,
        CHECKS,
    )
}  # fmt: skip


@cache
def _arguments(name: str) -> type[BaseModel]:
    """What a question takes, as the protocol says it."""
    parameters = inspect.signature(getattr(Reads, name), eval_str=True).parameters
    fields: dict[str, Any] = {
        key: (one.annotation, ... if one.default is inspect.Parameter.empty else one.default)
        for key, one in parameters.items()
        if key != "self"
    }
    return create_model(f"Ask_{name}", __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def given(name: str, body: bytes) -> dict[str, Any]:
    """The arguments of a question as they came. Raises Refused."""
    try:
        read = _arguments(name).model_validate(json.loads(body))
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"]))
        raise Refused(f"the question {name} is not as it must be: {where}") from None
    except ValueError:
        raise Refused(f"the question {name} is no JSON") from None
    return {key: getattr(read, key) for key in type(read).model_fields}


def asked(name: str, arguments: dict[str, Any]) -> bytes:
    """The arguments as they go over."""
    return packed(_arguments(name)(**arguments).model_dump(mode="json"))


def packed(value: Any) -> bytes:
    """JSON in ASCII, whatever characters it holds."""
    return json.dumps(value).encode()


def told(error: ForgeError) -> bytes:
    """An error as it goes over."""
    kind = next((one for one in KINDS if isinstance(error, one)), ForgeError)
    after = error.after_s if isinstance(error, ForgeBusy) else 0.0
    return packed({"kind": kind.__name__, "message": str(error), "after_s": after})


def meant(body: bytes) -> ForgeError:
    """An error as it came."""
    try:
        found = json.loads(body)
        name, message, after = str(found["kind"]), str(found["message"])[:2000], float(found["after_s"])
    except (ValueError, KeyError, TypeError):
        return ForgeAway("the publisher could not answer")
    if name == ForgeBusy.__name__:
        return ForgeBusy(message, after)
    kind = next((one for one in KINDS if one.__name__ == name), ForgeError)
    return kind(message)
