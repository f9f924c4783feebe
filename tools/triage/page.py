"""The note as a page: verdict, picture, timeline, suspects with their diffs, what to do, and the evidence.

One file without scripts or anything from elsewhere; its style is allowed by its digest and nothing else is (Content
Security Policy Level 3, 6.7.3). All texts are escaped. Without the style, as under a stricter policy, it reads as well.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from tools.oplogs.asking import written
from tools.triage.picture import drawing
from tools.triage.telling import suspected, unsure
from tools.triage.telling import title as verdict
from tools.triage.values import Hypothesis, Moment, Note, Sentence, Suspected

STYLE = """
:root { color-scheme: light dark; --ink: #1d2125; --soft: #5d666f; --edge: #d9d6d0; --ground: #fbfaf8; --link: #2f5fa7;
  --add: #1d7a46; --cut: #b3321f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #98a2ac; --edge: #2e343b; --ground: #14171a;
  --link: #7fb0f5; --add: #63c98c; --cut: #f28b7a; }
  .ground { fill: #1b1f24; } .name { fill: var(--ink); } .grid { stroke: var(--edge); } .lines { fill: #e0a458; }
  .alert { fill: var(--cut); } .onset { stroke: var(--cut); } .deploy { fill: #1b1f24; stroke: var(--link); }
  .suspect { fill: var(--link); } }
body { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 15px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.3; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; }
a { color: var(--link); } .cites, .soft { color: var(--soft); font-size: 13px; }
.picture { overflow-x: auto; }
.picture svg { display: block; box-sizing: border-box; min-width: 44rem;
  border: 1px solid var(--edge); border-radius: 6px; }
table { border-collapse: collapse; } th { text-align: left; color: var(--soft); font-size: 13px; }
td, th { padding: .15rem 1rem .15rem 0; vertical-align: top; } time { white-space: nowrap; }
code, pre { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { overflow-x: auto; overflow-wrap: normal; border: 1px solid var(--edge); border-radius: 6px; padding: .6rem; }
ins { color: var(--add); text-decoration: none; } del { color: var(--cut); text-decoration: none; }
ul { padding-left: 1.3rem; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
dd { margin: 0; } dt:target, dt:target + dd { outline: 2px solid var(--link); }
@media (max-width: 36rem) { body { padding: 1rem .9rem 3rem; } td, th { padding-right: .5rem; }
  time { font-size: 12px; } }
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
_CODE = re.compile(r"`([^`]+)`")


def page(note: Note) -> str:
    """HTML of the note; sentences link to their evidence."""
    title = escape(verdict(note))
    todo = [
        f"{a.kind}: {_claim(a.sentence)}" + (f'<pre tabindex="0">{escape(a.command)}</pre>' if a.command else "")
        for a in note.actions
    ]
    parts = [("What to do", todo), ("To decide", [_claim(each) for each in note.decide])]
    picture = drawing(note)
    rows = [
        "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
        f"<title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>",
        *(f"<p>{_claim(each)}</p>" for each in note.summary),
        *(row for part in (reversed(parts) if unsure(note) else parts) for row in _part(*part)),
        *_part("Blast radius", map(_claim, note.blast)),
        _framed(picture) if picture else "",
        *_table(note.timeline), *_suspects(suspected(note)), *_part("Hypotheses", map(_hypothesis, note.hypotheses)),
        "<h2>Evidence</h2><dl>",
        *(f'<dt id="{escape(e.id)}">{escape(e.id)} {e.kind}</dt><dd><code>{escape(e.summary)}</code>'
          f"{_soft(e.where)}{_soft(e.query)}</dd>" for e in note.evidence),
        f"</dl><p>{escape(note.citations)}</p>", *_part("Notes", map(escape, note.notes)), "</main></body></html>",
    ]  # fmt: skip
    return "\n".join(row for row in rows if row) + "\n"


def _framed(picture: str) -> str:
    """In a box that small screens scroll, with the keyboard too."""
    return f'<div class="picture" role="group" aria-label="Timeline as a picture" tabindex="0">{picture}</div>'


def _claim(sentence: Sentence) -> str:
    return _told(sentence.text) + _links(sentence.cites)


def _told(text: str) -> str:
    """A text, and what stands in it between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _links(cites: Iterable[str]) -> str:
    linked = ", ".join(f'<a href="#{escape(each)}">{escape(each)}</a>' for each in cites)
    return f' <span class="cites">[{linked}]</span>'


def _soft(text: str) -> str:
    return f' <span class="soft">{escape(text)}</span>' if text else ""


def _part(name: str, items: Iterable[str]) -> Iterator[str]:
    rows = [f"<li>{item}</li>" for item in items]
    if rows:
        yield f"<h2>{name}</h2><ul>"
        yield from rows
        yield "</ul>"


def _table(moments: Sequence[Moment]) -> Iterator[str]:
    if moments:
        yield "<h2>Timeline</h2><table><thead><tr>"
        yield '<th scope="col">Time</th><th scope="col">What</th></tr></thead><tbody>'
        for row in moments:
            at = f"<time>{written(row.time)}</time>" if row.time >= 0 else "unknown"
            yield f"<tr><td>{at}</td><td>{_told(row.what)}{_links(row.cites)}</td></tr>"
        yield "</tbody></table>"


def _suspects(suspects: Sequence[Suspected]) -> Iterator[str]:
    """Each with its reasons and points; the first one with its diff."""
    if suspects:
        yield "<h2>Suspect changes</h2>"
    for number, each in enumerate(suspects, 1):
        named = escape(each.commit[:12] or "outside the repository")
        yield f"<h3>{number}. {named} <code>{escape(each.subject)}</code></h3>"
        yield f"<p>{each.kind}, {each.score:g} points{_links(each.evidence)}</p><ul>"
        yield from (f"<li>{p.points:+.1f} {escape(p.detail)}{_links((p.evidence,))}</li>" for p in each.points)
        yield "</ul>"
        if number == 1 and each.excerpt:
            yield f'<pre tabindex="0">{"<br>".join(map(_row, each.excerpt.splitlines()))}</pre>'


def _row(line: str) -> str:
    """A line of a diff: what came and what went, told by its first character and by colour."""
    kind = {"+": "ins", "-": "del"}.get(line[:1])
    return f"<{kind}>{escape(line)}</{kind}>" if kind and line[:3] not in ("+++", "---") else escape(line)


def _hypothesis(each: Hypothesis) -> str:
    supports = "".join(f"<li>for: {_claim(said)}</li>" for said in each.supports)
    contradicts = "".join(f"<li>against: {_claim(said)}</li>" for said in each.contradicts)
    told = f"{_claim(each.claim)} ({escape(each.by)}, confidence {each.confidence:.2f})"
    return f"{told}<ul>{supports}{contradicts}<li>to tell: {_claim(each.test)}</li></ul>"
