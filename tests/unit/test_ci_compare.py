"""A red log beside a green one, and what is cleaned in what a log passes on."""

from __future__ import annotations

from tools.ci.compare import Change, changes, compare, template_of
from tools.ci.plain import for_markdown, passable, plain
from tools.ci.read import read_job
from tools.ci.reproduce import logged
from tools.ci.values import Version

HEADER = "##[group]Run {0}\n\x1b[36;1m{0}\x1b[0m\nshell: bash\n##[endgroup]\n"
INSTALL = HEADER.format("pip install -r requirements.txt")
TEST = HEADER.format("pytest")


def log(installed: str, output: str) -> bytes:
    text = f"{INSTALL}Successfully installed {installed}\n{TEST}{output}"
    return "".join(f"2026-03-04T09:12:31.0000000Z {line}\n" for line in text.splitlines()).encode()


RED = log(
    "idna-3.10 urllib3-2.4.0 requests-2.32.3",
    "collected 3 items\nwarning: parsed 17 rows in 0.31s\nlegacy adapter is off\n"
    "FAILED tests/test_a.py::test_a - assert 1 == 2\n1 failed, 2 passed in 0.41s\n"
    "##[error]Process completed with exit code 1.",
)
GREEN = log(
    "idna-3.10 urllib3-1.26.20 requests-2.32.3",
    "collected 3 items\nwarning: parsed 24 rows in 1.2s\n3 passed in 0.4s\n",
)


def test_what_is_new_since_the_green_run_is_told() -> None:
    """Lines without a like in the green log, and versions that moved; numbers and times do not count."""
    compared = compare(read_job([RED]), [GREEN])
    assert compared.new == (
        "legacy adapter is off",
        "FAILED tests/test_a.py::test_a - assert 1 == 2",
        "1 failed, 2 passed in 0.41s",
        "##[error]Process completed with exit code 1.",
    )
    assert compared.changed == (Change(ecosystem="pip", name="urllib3", before="1.26.20", after="2.4.0"),)


def test_a_log_does_not_differ_from_itself() -> None:
    """Nothing is new in the same log."""
    compared = compare(read_job([RED]), [RED])
    assert (compared.new, compared.changed) == ((), ())


def test_an_ecosystem_that_one_log_does_not_list_has_not_changed() -> None:
    """A cache hides a whole list; that is no change of every package in it."""
    old = [Version(ecosystem="npm", name="react", version="17.0.2"), Version(ecosystem="pip", name="a", version="1")]
    new = [Version(ecosystem="pip", name="b", version="1")]
    assert [change.name for change in changes(old, new)] == ["a", "b"]


def test_templates_leave_out_what_differs_from_run_to_run() -> None:
    """Numbers, times, hashes, addresses and scratch paths."""
    one = template_of("took 31.5 ms at 0x7f2a in /tmp/a1/b, commit 5d1c2e0f9a")
    assert one == template_of("took 2 ms at 0x11 in /tmp/zz, commit 9a7b4c3d1f")
    assert template_of("======== 3 ========") == ""


def test_versions_of_all_ecosystems_are_read() -> None:
    """Lists that installers print."""
    text = (
        "Requirement already satisfied: Foo.Bar in /opt/x (1.2)\nbaz==3.4\n + qux==0.1\n"
        "├── react@17.0.2\n└── @acme/ui@1.0.0-rc.1\n+ lodash 4.17.21\n"
        "   Compiling serde v1.0.219\n  Downloaded libc v0.2.171\n"
        "go: downloading golang.org/x/text v0.23.0\n"
    )
    found = {(v.ecosystem, v.name): v.version for v in read_job([text.encode()]).dependencies}
    assert found == {
        ("pip", "foo-bar"): "1.2", ("pip", "baz"): "3.4", ("pip", "qux"): "0.1",
        ("npm", "react"): "17.0.2", ("npm", "@acme/ui"): "1.0.0-rc.1", ("npm", "lodash"): "4.17.21",
        ("cargo", "serde"): "1.0.219", ("cargo", "libc"): "0.2.171", ("go", "golang.org/x/text"): "v0.23.0",
    }  # fmt: skip


def test_what_is_passed_on_is_clean() -> None:
    """No sequences, nothing invisible, no comment that a reader would not see."""
    stamp = b"2026-03-04T09:12:31.1234567Z "
    raw = b"\xef\xbb\xbf" + stamp + b"\x1b[31mred\x1b[0m\xe2\x80\x8b\xe2\x80\xae x <!-- hidden --> 10%\r20%\rdone\r\n"
    assert plain(raw) == "done\n"
    assert passable("\x1b[31mred\x1b[0m\u200b\u202e x <!-- hi\nden -->y") == "red x y"
    assert len(passable("x" * 5_000, 100)) == 100


def test_markdown_mentions_nobody_and_closes_nothing() -> None:
    """Text of a log in a comment: no mention, no reference, no HTML, no link, no image."""
    told = for_markdown("@acme/owners fixes #12, GH-7 acme/shop#3 <img src=x> ![a](https://example.org) `x`")
    for harmful in ("@acme", "#12", "GH-7", "shop#3", "<img", "![a](", "https://"):
        assert harmful not in told


def test_a_log_names_what_can_be_run_again() -> None:
    """For a diagnosis: ids, crashes and a line, of the step that failed."""
    found = logged(RED.decode())
    assert found.tests == ("tests/test_a.py::test_a",)
    assert found.summary == "FAILED tests/test_a.py::test_a - assert 1 == 2"
    gone = logged(log("a-1", "src/a.ts(1,2): error TS2322: no\n##[error]Process completed with exit code 2.").decode())
    assert (gone.tests, gone.summary) == ((), "src/a.ts(1,2): error TS2322: no")
