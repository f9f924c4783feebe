"""The certificate: an in-toto Statement whose subject is a patch, and whose predicate says how it was proven.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. Canonical JSON (sorted keys, no spaces) of the
predicate without its `seal` is hashed into `seal`, so that a changed word is noticed before anything is re-run; what a
certificate claims is then settled by running it again (`agent/recheck.py`).
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from agent.deps import Deps
from agent.domain import Limits, Patch, TestHistory, Written
from agent.state import State
from tools.toolbox.newtest import MAX_TEST, problem_of
from tools.values import spelled

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://patchwright.dev/certificate/v1"


class CertificateInvalid(ValueError):
    """Not a certificate, or not as it was issued; the message says what is wrong."""


class _Overrides(BaseModel):
    install: tuple[str, ...]
    test_command: str | None
    python: str | None


class _Environment(BaseModel):
    framework: str
    overrides: _Overrides


class _Repository(BaseModel):
    source: str
    commit: str | None
    tree: str
    dirty: bool


class _Guard(BaseModel):
    allowed: tuple[str, ...]


class _Regression(BaseModel):
    tests: int = Field(ge=0)


class _Class(BaseModel):
    class_: str = Field(alias="class")


class _Decisive(BaseModel):
    test: str
    before: _Class
    after: _Class


class _Read(BaseModel):
    """What running a certificate again reads of its predicate; the rest is for people."""

    repository: _Repository
    environment: _Environment
    limits: Limits
    guard: _Guard
    regression: _Regression
    decisive: tuple[_Decisive, ...]
    seal: str


@dataclass(frozen=True)
class Trial:
    """What was run for a patch: decisive tests before and after, how many tests were compared, and the suite's size.

    allowed: rules of the guard that a person lifted for it; doubts: sentences on what was not settled.
    """

    patch: Patch
    before: tuple[TestHistory, ...]
    after: tuple[TestHistory, ...]
    regression: int
    suite: int
    allowed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def certify(state: State, deps: Deps, trial: Trial) -> str:
    """Issue a certificate and return its artifact."""
    predicate: dict[str, Any] = {
        "repository": _repository(state),
        "environment": {
            "sandbox": state.ready.sandbox,
            "key": state.ready.environment,
            "language": state.ready.language,
            "framework": state.ready.framework,
            "overrides": {
                "install": list(state.request.install),
                "test_command": state.request.test_command,
                "python": state.request.python,
                "image": state.request.image,
                "dockerfile": state.request.dockerfile,
            },
        },
        "fixed": {"TZ": "UTC", "LC_ALL": "C.UTF-8", "test_order": "file order"},
        "limits": state.request.limits.model_dump(),
        **_patch(deps.artifacts.get(trial.patch.id)),
        **_test(state.ready.written, deps),
        "decisive": _decisive(trial),
        "regression": _regression(state, trial),
        "guard": {"findings": [], "allowed": [*state.request.allow, *trial.allowed]},
        "doubts": list(trial.doubts),
        "minimization": {"hunks_dropped": trial.patch.dropped},
        "logs": sorted({e.artifact for e in state.evidence if e.artifact}),
    }
    predicate = spelled(predicate)
    predicate["seal"] = seal(predicate)
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": "patch.diff", "digest": {"sha256": trial.patch.id}}],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }
    return deps.artifacts.put(json.dumps(statement, indent=2, sort_keys=True, ensure_ascii=True))


def _patch(diff: bytes) -> dict[str, str]:
    """The patch as text where it is UTF-8; JSON has no other place for bytes than base64."""
    try:
        return {"patch": diff.decode("utf-8")}
    except UnicodeDecodeError:
        return {"patch_base64": base64.b64encode(diff).decode("ascii")}


def _test(written: Written | None, deps: Deps) -> dict[str, Any]:
    """The decisive test itself, where no test of the repository is one: it is laid over the tree before all runs."""
    if written is None:
        return {}
    text = deps.artifacts.text(written.content)
    made = {"path": written.path, "text": text, "model": written.model, "quotes": list(written.quotes)}
    if not written.model:
        made |= {"author": "Patchwright", "claims": written.claims}
    return {"written_test": made}


def test_of(statement: dict[str, Any], deps: Deps) -> Written | None:
    """The test that was written for a certificate. Raises CertificateInvalid for one that could be more than that."""
    made = statement["predicate"].get("written_test")
    if made is None:
        return None
    try:
        path, text, decisive = str(made["path"]), str(made["text"]), statement["predicate"]["decisive"]
        model, quotes = str(made["model"]), tuple(str(quote) for quote in made["quotes"])
        said = str(made.get("claims", ""))
    except (KeyError, TypeError) as error:
        raise CertificateInvalid(f"the written test in it is none: {type(error).__name__}: {error}") from error
    problem = problem_of(statement["predicate"]["environment"]["framework"], path)
    problem = problem or ("it is too long" if len(text) > MAX_TEST else "")
    if problem or any(row["test"].split("::")[0] != path for row in decisive):
        raise CertificateInvalid(f"the written test in it is not its decisive test: {problem or path}")
    return Written(path=path, content=deps.artifacts.put(text), model=model, quotes=quotes, claims=said)


def patch_of(statement: dict[str, Any]) -> bytes:
    """The bytes of the patch that a certificate is about. Raises KeyError, TypeError, ValueError where it has none."""
    predicate = statement["predicate"]
    if "patch" in predicate:
        return str(predicate["patch"]).encode("utf-8", "surrogateescape")
    return base64.b64decode(predicate["patch_base64"], validate=True)


def _repository(state: State) -> dict[str, Any]:
    prepared = state.ready
    return {
        "source": state.request.source,
        "commit": prepared.commit,
        "tree": prepared.tree,
        "dirty": prepared.dirty,
        "subdirectory": prepared.subdirectory,
    }


def _decisive(trial: Trial) -> list[dict[str, Any]]:
    after = {history.id: history for history in trial.after}
    return [
        {
            "test": history.id,
            "before": {"class": history.stability, "results": list(history.outcomes), "seeds": list(history.seeds)},
            "after": {
                "class": after[history.id].stability,
                "results": list(after[history.id].outcomes),
                "seeds": list(after[history.id].seeds),
            },
        }
        for history in trial.before
    ]


def _regression(state: State, trial: Trial) -> dict[str, Any]:
    share = round(trial.regression / trial.suite, 4) if trial.suite else 0.0
    return {
        "chosen": "every test of the suite that passed on the base"
        if trial.regression
        else "none: no other test passed",
        "tests": trial.regression,
        "suite": trial.suite,
        "share_of_suite": share,
        "baseline": state.baseline,
    }


def seal(predicate: dict[str, Any]) -> str:
    """sha256 of the canonical JSON of the predicate without its seal."""
    body = {key: value for key, value in predicate.items() if key != "seal"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read(text: str) -> dict[str, Any]:
    """The statement, its form, digest and seal checked. Raises CertificateInvalid."""
    try:
        statement = json.loads(text)
        predicate, subject = statement["predicate"], statement["subject"][0]["digest"]["sha256"]
        patch, sealed, decisive = patch_of(statement), predicate["seal"], predicate["decisive"]
        _Read.model_validate(predicate)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CertificateInvalid(f"not a certificate: {where or 'its predicate'}: {first['msg']}") from error
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise CertificateInvalid(f"not a certificate: {type(error).__name__}: {error}") from error
    if statement.get("_type") != STATEMENT or statement.get("predicateType") != PREDICATE:
        raise CertificateInvalid(f"not a certificate of type {PREDICATE}")
    if hashlib.sha256(patch).hexdigest() != subject:
        raise CertificateInvalid("the patch in it does not have the digest of its subject: it was changed")
    if seal(predicate) != sealed:
        raise CertificateInvalid("its seal does not match its content: it was changed")
    if not decisive or any(
        d["before"]["class"] != "stable-fail" or d["after"]["class"] != "stable-pass" for d in decisive
    ):
        raise CertificateInvalid("it has no decisive test that fails stably before and passes stably after")
    return dict(statement)


def _classes(decisive: dict[str, Any]) -> tuple[str, str]:
    return decisive["before"]["class"], decisive["after"]["class"]
