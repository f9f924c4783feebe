"""What a repository must not reach: the host through git, its files, secrets and network, the reader of a report.

`Patchwright.diagnose` itself asserts after every run: no traceback, a documented exit code, no process, mount,
temporary file or control group left, the user's files unchanged, and the secrets of environment and home in no file.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import SECRET, Patchwright
from tests.acceptance.repositories import (
    SHOP,
    commit,
    git,
    repository,
    write,
)


def _configure(repo: Path, canary: Path) -> None:
    """Every way known to us in which git runs a program that a repository names."""
    script = repo.parent / "evil.sh"
    script.write_text(f'#!/bin/sh\necho "$0 $*" >> {canary}\ncat\n')
    script.chmod(0o755)
    hooks = repo.parent / "hooks"
    hooks.mkdir()
    for name in (
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-commit",
        "post-commit",
        "fsmonitor-watchman",
    ):
        for folder in (hooks, repo / ".git" / "hooks"):
            (folder / name).write_text(f"#!/bin/sh\necho hook {name} >> {canary}\n")
            (folder / name).chmod(0o755)
    settings = {
        "core.fsmonitor": script,
        "core.hooksPath": hooks,
        "core.sshCommand": script,
        "core.pager": script,
        "core.editor": script,
        "core.askPass": script,
        "core.gitProxy": script,
        "core.alternateRefsCommand": script,
        "credential.helper": f"!{script}",
        "filter.evil.clean": script,
        "filter.evil.smudge": script,
        "filter.evil.process": script,
        "filter.evil.required": "true",
        "diff.evil.textconv": script,
        "diff.evil.command": script,
        "diff.external": script,
        "merge.evil.driver": script,
        "alias.status": f"!{script}",
        "alias.ls-files": f"!{script}",
        "uploadpack.packObjectsHook": script,
        "gpg.program": script,
        "log.showSignature": "true",
        "interactive.diffFilter": script,
        "sequence.editor": script,
        "trailer.x.command": script,
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::sh -c 'touch {canary}'",
        "remote.origin.uploadpack": script,
        "remote.origin.promisor": "true",
        "remote.origin.partialclonefilter": "blob:none",
    }
    for name, value in settings.items():
        git(repo, "config", name, str(value))
    included = repo / ".git" / "included"
    included.write_text(f"[core]\n\tfsmonitor = {script}\n")
    git(repo, "config", "include.path", str(included))
    (repo / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")


@pytest.mark.parametrize("dirty", [False, True])
def test_git_configuration_of_the_repository_runs_nothing_on_the_host(
    patchwright: Patchwright, tmp_path: Path, dirty: bool
) -> None:
    """fsmonitor, hooks, filters, text converters, aliases, helpers: the canary never appears."""
    repo = repository(tmp_path / "shop", {**SHOP, ".gitattributes": "*.py filter=evil diff=evil\n"})
    first = git(repo, "rev-parse", "HEAD")
    commit(repo, {"shop/more.py": "MORE = 1\n"}, "More")
    if dirty:
        write(repo, {"shop/more.py": "MORE = 2\n", "shop/fresh.py": "FRESH = 1\n"})
    canary = tmp_path / "canary"
    _configure(repo, canary)
    ended = patchwright.diagnose(repo, "--good", first, repeats=2)
    assert not canary.exists(), canary.read_text()
    assert ended.code in (0, 2, 6, 65), ended.text
    assert ended.code in (0, 6), ended.text


def test_a_git_directory_that_points_elsewhere(patchwright: Patchwright, tmp_path: Path) -> None:
    """A .git file naming another repository, and alternates that name the user's: nothing of them comes in."""
    private = repository(patchwright.user / "private", {"private.txt": f"{SECRET}\n"})
    repo = write(tmp_path / "shop", SHOP)
    (repo / ".git").write_text(f"gitdir: {private / '.git'}\n")
    ended = patchwright.diagnose(repo, repeats=2)
    assert ended.code in (0, 65), ended.text
    other = repository(tmp_path / "other")
    (other / ".git/objects/info/alternates").write_text(f"{private / '.git/objects'}\n")
    (other / ".git/commondir").write_text("../../../../../..\n")
    ended = patchwright.diagnose(other, repeats=2)
    assert ended.code in (0, 65), ended.text


MEAN = """\
import pytest

from shop.prices import cheapest


NAMES = ["\\x1b[31mred\\x1b[0m", "<script>alert(1)</script>", "](javascript:alert(1))", "\\u202egnp", "`x` | y"]
MESSAGE = "\\x1b]0;owned\\x07\\x1b[2J<script>alert(2)</script><img src=x onerror=alert(3)> "


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert cheapest([3, 1]) == 1, MESSAGE + name
"""


def test_what_a_repository_writes_cannot_act_in_the_reports(patchwright: Patchwright, tmp_path: Path) -> None:
    """Escape sequences do not reach the terminal, markup does not reach the page."""
    ended = patchwright.diagnose(
        repository(tmp_path / "<b>shop", {**SHOP, "tests/test_mean.py": MEAN}),
        "--test",
        "tests/test_mean.py",
        repeats=2,
    )
    assert ended.code in (0, 2), ended.text
    assert "\x1b" not in ended.text
    assert "\u202e" not in ended.text
    page = (ended.folder / "report.html").read_text()
    assert not re.search(r"<script>alert|<img src=x|href=[\"']?javascript|\x1b|<b>shop", page)
    text = (ended.folder / "report.md").read_text()
    assert "\x1b" not in text
    outside_code = re.sub(r"(?ms)^ *(`{3,}|~{3,}).*?^ *\1`*|(`+).*?\2", "", text)
    assert not re.search(r"<script>|<img |(?<!\\)\]\(javascript", outside_code), outside_code


SPY = '''\
"""Everything that a test must not be able to reach; it passes when nothing was reached."""

import glob
import os
import socket
import subprocess


def reachable(port):
    for address in ("127.0.0.1", "169.254.169.254", "1.1.1.1"):
        with socket.socket() as probe:
            probe.settimeout(2)
            try:
                probe.connect((address, port if address == "127.0.0.1" else 80))
                yield address
            except OSError:
                pass


def readable(*paths):
    for path in paths:
        try:
            yield path, os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(100000)
        except OSError:
            pass


def test_nothing_of_the_host_is_in_reach():
    everything = repr(list(readable(*glob.glob("/proc/*/environ"))))
    commands = "\\n".join(open(p, "rb").read().decode("latin-1") for p in glob.glob("/proc/[0-9]*/cmdline"))
    assert "SERVICE_TOKEN" not in os.environ
    assert "TOKEN" not in everything
    assert "pytest-of-" not in os.environ.get("HOME", "") + str(os.environ)
    assert not list(readable({user!r}, {secret!r}, {data!r}, {repo!r}))
    assert not list(readable("/root/.ssh", "/root/.config", "/root/.bashrc", "/root/.bash_history", "/home"))
    assert not list(readable("/etc/shadow", "/etc/sudoers", "/etc/machine-id", "/etc/ssh", "/var/log", "/run/secrets"))
    assert list(reachable({port})) == []
    assert not any(name.startswith(("sd", "vd", "nvme", "mem", "kvm")) for name in os.listdir("/dev"))
    assert subprocess.run(["mount", "-t", "tmpfs", "none", "/tmp"], capture_output=True).returncode != 0
    for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/sys/power/state"):
        assert subprocess.run(["sh", "-c", ": > " + path], capture_output=True).returncode != 0, path
    for path in ("/usr/lib/x", "/usr/bin/x", "/environment/x", "/etc/x", "/x"):
        assert subprocess.run(["touch", path], capture_output=True).returncode != 0, path
    assert len([name for name in os.listdir("/proc") if name.isdigit()]) < 20, commands
'''


def test_nothing_of_the_host_is_in_reach_of_a_test(patchwright: Patchwright, tmp_path: Path) -> None:
    """Files of the user and of root, variables, processes, the network and loopback: the suite that spies is green."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        facts: dict[str, Any] = {
            "user": str(patchwright.user),
            "secret": str(patchwright.user / "secret.txt"),
            "data": str(patchwright.home),
            "repo": str(tmp_path / "spy"),
            "port": server.getsockname()[1],
        }
        spy = SPY
        for name, value in facts.items():
            spy = spy.replace(f"{{{name}!r}}", repr(value)).replace(f"{{{name}}}", str(value))
        ended = patchwright.diagnose(repository(tmp_path / "spy", {"tests/test_spy.py": spy}), repeats=1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert ended.outcome == "not_reproduced", [crash["crash"] for crash in ended.report["failures"]]


def test_a_build_sees_no_secrets(patchwright: Patchwright, tmp_path: Path) -> None:
    """A setup.py that prints what it finds fails, and its output is in the report: without the secrets."""
    setup = (
        "import os\n"
        f"found = [os.environ.get('SERVICE_TOKEN'), os.path.exists({str(patchwright.user / 'secret.txt')!r}),\n"
        "         os.path.exists('/etc/shadow'), os.path.exists('/root/.config')]\n"
        "raise SystemExit('found: ' + repr(found))\n"
    )
    ended = patchwright.diagnose(repository(tmp_path / "shop", {**SHOP, "setup.py": setup}))
    assert ended.code == 7, ended.text
    assert "found: [None, False, False, False]" in str(ended.report["evidence"])
