"""What there is to speak of, and what shall be said: values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from workflows.github.configuration import BotConfiguration
from workflows.github.ledger import Result
from workflows.github.values import Case, ChangedFile, Check, Place, Published, Suggestion

_UNFIT = frozenset(" \t\r\n()<>[]\"'`\\|{}^")


@dataclass(frozen=True)
class Links:
    """web: of the forge's pages; service: of Patchwright's own API for people, "" for none."""

    web: str
    service: str = ""

    def code(self, place: Place, sha: str, path: str, line: int = 0, end: int = 0) -> str:
        """A file at a commit, at a line."""
        lines = (f"#L{line}" + (f"-L{end}" if end > line else "")) if line > 0 else ""
        return f"{self.web}/{place.name}/blob/{sha}/{quote(path, safe='/', errors='replace')}{lines}"

    def commit(self, place: Place, sha: str) -> str:
        """A commit."""
        return f"{self.web}/{place.name}/commit/{quote(sha, safe='', errors='replace')}"

    def of_run(self, run: str, part: str) -> str:
        """A part of a diagnosis, "" without a service that people reach."""
        return (
            f"{self.service.rstrip('/')}/v1/diagnoses/{quote(run, safe='', errors='replace')}/{part}"
            if self.service
            else ""
        )

    def fit(self, url: str) -> str:
        """An address that the forge gave, "" when it is none of its own or would end a Markdown link."""
        return url if url.startswith(f"{self.web}/") and not _UNFIT & set(url) and len(url) < 1000 else ""


@dataclass(frozen=True)
class Matter:
    """All that is known of a pull request (or branch, or issue). head: its newest commit; open: whether it is.

    results: by diagnosis; changed: the files of its diff, for suggestions.
    """

    place: Place
    subject: int
    head: str
    cases: tuple[Case, ...]
    results: Mapping[str, Result]
    published: Published
    wanted: BotConfiguration
    links: Links
    open: bool = True
    changed: tuple[ChangedFile, ...] = ()

    @property
    def current(self) -> tuple[Case, ...]:
        """The cases of the newest commit; without any, those that are closed by now and that the comment speaks of, or
        whose jobs pass at that commit.
        """
        now = tuple(case for case in self.cases if case.head_sha == self.head and case.state != "superseded")
        return now or tuple(case for case in self.cases if case.state == "closed" and self._of_now(case))

    def _of_now(self, case: Case) -> bool:
        """Whether a closed case is what the comment speaks of, or was closed by a green run of the newest commit."""
        return case.head_sha == self.published.head_sha or (bool(self.head) and case.note.endswith(self.head[:12]))


@dataclass(frozen=True)
class Review:
    """Suggestions for one case's patch. key: said once."""

    key: str
    sha: str
    body: str
    lines: tuple[Suggestion, ...]


@dataclass(frozen=True)
class Speech:
    """What shall stand there. comment: None for nothing new; state: its word; corrected: the word that it takes back;
    checks: by case.
    """

    comment: str | None = None
    state: str = ""
    corrected: str = ""
    silenced: bool = False
    checks: Mapping[str, Check] = field(default_factory=dict)
    reviews: tuple[Review, ...] = ()
