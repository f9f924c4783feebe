"""Texts of a report come from repositories and logs: whatever they say, the pages keep their structure."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.fakes.report import hostile, verified, without_patch
from workflows.report.markdown import code, fence, prose
from workflows.report.render import as_html, as_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></pre></table><iframe src=//evil.example>",
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "]]> <!-- --> &lt;script&gt;",
    "javascript:alert(1)",
    "![x](http://evil.example/p.png) [y](javascript:alert(1)) <http://evil.example>",
    "| a | b | `c` ``d`` **e** _f_ ~~g~~ $h$ \\",
    "@octocat fixes #12 GH-3 www.evil.example https://evil.example a@evil.example",
    "\x1b[31m\x00\u202e\udce9",
    "`" * 40,
    "# heading",
    "- [ ] item",
    "1. one",
    "> quote",
    "=====",
    "```",
    "~~~",
    "a" * 20_000,
]


class Structure(HTMLParser):
    """The tags of a page with their attributes, texts left out."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")


def structure(page: str) -> Structure:
    parsed = Structure()
    parsed.feed(page)
    parsed.close()
    return parsed


@pytest.mark.parametrize("text", HOSTILE)
def test_html_keeps_its_structure(text: str) -> None:
    """A page with hostile texts has exactly the tags of a page with harmless ones, and no attribute that acts."""
    page = structure(as_html(hostile(text)))
    assert page.tags == structure(as_html(hostile("word"))).tags
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "style", "srcdoc", "action")}
    assert all((value or "").startswith("#") for name, value in page.attributes if name == "href")


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_no_raw_controls(text: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", as_html(hostile(text)))


def test_html_needs_nothing_from_elsewhere_and_forbids_it() -> None:
    """The policy allows the page's own style sheet, by its hash, and nothing else."""
    page = as_html(verified())
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert not re.search(r"url\(|@import|<link|<script", page)


def test_html_says_what_a_reader_needs() -> None:
    """Outcome, culprit, patch, both sides of the test matrix, evidence anchors, certificate, how to re-verify."""
    page = as_html(verified())
    wanted = ("verified patch", "5ebdf1c", "self.billed_to = day", "With the patch", 'id="evidence-search-90ffee"')
    for text in (*wanted, "patchwright verify certificate.json", "in-toto.io/Statement", "823 a second"):
        assert text in page
    without = as_html(without_patch())
    assert "With the patch" not in without
    assert "certificate.json" not in without


def tokens(document: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(document)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_keeps_its_structure(text: str) -> None:
    """Same blocks as with harmless texts, and inline nothing but text, code and our own emphasis."""
    parsed = tokens(as_markdown(hostile(text)))
    assert [t.type for t in parsed] == [t.type for t in tokens(as_markdown(hostile("word")))]
    inline = {child.type for token in parsed for child in token.children or ()}
    assert inline <= {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
    assert sum(c.type == "strong_open" for t in parsed for c in t.children or ()) == 2


def test_markdown_mentions_and_references_have_no_effect() -> None:
    """Outside code no text is left that a service turns into a mention, a reference or a link."""
    texts = [
        child.content
        for token in tokens(as_markdown(hostile(HOSTILE[9])))
        for child in token.children or ()
        if child.type == "text"
    ]
    assert not [text for text in texts if re.search(r"@\w|#\d|GH-\d|www\.\w|://\w", text)]


def test_a_code_span_and_a_fence_are_longer_than_what_is_in_them() -> None:
    assert code("a`b``c") == "```a`b``c```"
    assert code("`x") == "`` `x ``"
    assert fence("```\nx\n````", "diff") == "`````diff\n```\nx\n````\n`````"


def test_prose_stays_readable() -> None:
    assert prose("snake_case in a/b.py:3 takes 9.8 s") == "snake_case in a/b.py:3 takes 9.8 s"
