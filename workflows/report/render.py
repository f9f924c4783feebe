"""A `Report` as files: report.json, report.md, report.html, and where there is one patch.diff and certificate.json."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from agent.domain import Report
from workflows.report import markdown
from workflows.report.view import diff_rows, explained, matrix, timeline
from workflows.text import brief, clean, line

TEMPLATES = Path(__file__).parent / "templates"
OPTIONAL = frozenset({"patch.diff", "certificate.json"})
SCHEMA = Path(__file__).parent / "schema.json"


def write_report(report: Report, diff: str | None, out: Path) -> tuple[Path, ...]:
    """Write all files of a report into `out`, each at once or not at all; returns their paths. Raises OSError.

    diff: the patch as its bytes decode with surrogateescape; it is written byte for byte, so that its sha256 is the
    certificate's subject.
    """
    out.mkdir(parents=True, exist_ok=True)
    contents = files_of(report, diff)
    for stale in OPTIONAL - contents.keys():
        (out / stale).unlink(missing_ok=True)
    return tuple(_write(out / name, data) for name, data in contents.items())


def files_of(report: Report, diff: str | None) -> dict[str, bytes]:
    """The files of a report by their names; those of OPTIONAL only where there is something in them."""
    contents = {"report.json": as_json(report), "report.md": as_markdown(report), "report.html": as_html(report)}
    if diff:
        contents["patch.diff"] = diff
    if report.certificate:
        contents["certificate.json"] = certificate_text(report)
    return {name: text.encode("utf-8", "surrogateescape") for name, text in contents.items()}


def _write(path: Path, data: bytes) -> Path:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as part:
        part.write(data)
    fresh = Path(part.name)
    fresh.chmod(0o644)
    return fresh.replace(path)


def as_json(report: Report) -> str:
    """report.json, as `schema_text` describes it."""
    return report.to_json(indent=2) + "\n"


def certificate_text(report: Report) -> str:
    """The certificate, in the form in which it was issued."""
    return json.dumps(report.certificate, indent=2, sort_keys=True, ensure_ascii=True)


def schema_text() -> str:
    """The JSON schema of report.json, as published in `schema.json`."""
    schema = Report.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def as_markdown(report: Report) -> str:
    """report.md; everything inserted is escaped as prose unless a filter makes it code."""
    return _markdown().get_template("report.md.j2").render(_view(report))


def _markdown() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - `finalize` escapes, for Markdown
        finalize=lambda value: value if isinstance(value, Markup) else markdown.prose(value),
    )
    made.filters |= {"code": markdown.code, "fence": markdown.fence, "brief": markdown.shortened, "fact": _fact}
    return made


def as_html(report: Report) -> str:
    """report.html: one file, no script, nothing from elsewhere, and a policy in it that forbids both."""
    style = (TEMPLATES / "report.css").read_text()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    view = {**_view(report), "style": Markup(style), "style_digest": digest}  # noqa: S704 - our own file
    return _html().get_template("report.html.j2").render(view)


def _html() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else clean(str(value)),
    )
    made.filters |= {"line": line, "brief": brief, "anchor": _anchor, "percent": _percent, "fact": _fact}
    return made


def _anchor(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)[:80]


def _fact(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, "") if isinstance(value, bool) else str(value)


def _percent(score: float) -> str:
    return f"{100 * min(1.0, max(0.0, score)):.1f}%"


def _view(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "certificate": certificate_text(report) if report.certificate else "",
        "matrix": matrix(report),
        "diff_rows": diff_rows,
        "timeline": timeline(report),
        "explained": explained(report),
        "title": report.outcome.replace("_", " "),
    }
