from __future__ import annotations

from pathlib import Path

import pytest

from workflows import cli, settings
from workflows.settings import Settings, SettingsInvalid


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATCHWRIGHT_HOME", "PATCHWRIGHT_CACHE", "PATCHWRIGHT_DEBUG", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_places_follow_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    loaded = settings.load()
    assert loaded.home == tmp_path / "patchwright"
    assert loaded.cache == Path.home() / ".cache" / "patchwright"


def test_variables_win_and_become_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATCHWRIGHT_HOME", "here")
    monkeypatch.setenv("PATCHWRIGHT_TEST_SECONDS", "2.5")
    monkeypatch.setenv("PATCHWRIGHT_REPEATS", "")
    loaded = settings.load()
    assert loaded.home == tmp_path / "here"
    assert (loaded.limits.test_s, loaded.limits.repeats) == (2.5, 5)


def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHWRIGHT_REPEATS", "many")
    with pytest.raises(SettingsInvalid, match=r"PATCHWRIGHT_REPEATS: .*'many'"):
        settings.load()


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHWRIGHT_REPEAT", "3")
    assert "PATCHWRIGHT_REPEAT" in settings.unknown()


def test_every_setting_is_documented() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_a_check_of_the_settings_tells_all_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Every bad value and every unknown variable, with exit code 65; nothing of a secret."""
    monkeypatch.setenv("PATCHWRIGHT_REPEATS", "many")
    monkeypatch.setenv("PATCHWRIGHT_WARM", "-1")
    monkeypatch.setenv("PATCHWRIGHT_REPEAT", "3")
    assert cli.run(["settings", "check"]) == 65
    told = capsys.readouterr().out
    assert all(name in told for name in ("PATCHWRIGHT_REPEATS:", "PATCHWRIGHT_WARM:", "PATCHWRIGHT_REPEAT:"))
    for name in ("REPEATS", "WARM", "REPEAT"):
        monkeypatch.delenv(f"PATCHWRIGHT_{name}")
    monkeypatch.setenv("PATCHWRIGHT_MODEL_KEY_FILE", str(tmp_path / "none"))
    assert cli.run(["settings", "check"]) == 65
    assert "is no file that can be read" in capsys.readouterr().out


SERVERS = """\
servers:
  cluster:
    command: [sh, -c, "exit 1"]
    env: {{TOKEN: {reference}}}
    tools: {{events: {{sha256: {sha}, model: {model}}}}}
"""
GOOD = SERVERS.format(reference="env:CLUSTER_TOKEN", sha="0f" * 32, model="true")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD, ""),
        (GOOD.replace("[sh,", "[no-such-program,"), "servers.cluster: command: there is no program no"),
        (GOOD.replace("CLUSTER_TOKEN", "OTHER_TOKEN"), "servers.cluster: env.TOKEN: env:OTHER_TOKEN is empty"),
        (GOOD.replace("env:CLUSTER_TOKEN", "canary-itself"), "servers.cluster: env.TOKEN: a secret is named by file:"),
        (GOOD.replace("model: true", "model: false"), "none has a tool with `model: true`"),
        (GOOD.replace("env:", "invented:", 1), "servers.cluster"),
        ("servers: [", "no YAML"),
        ("[" * 50_000, "no YAML"),
        ("at: 2026-13-41", "no YAML"),
        ("", "servers: "),
    ],
)  # fmt: skip
def test_a_check_of_the_settings_looks_into_the_file_of_servers(
    text: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All that can be said without asking one of them: its form, its programs, its secrets."""
    file = tmp_path / "eyes.yaml"
    file.write_text(text)
    monkeypatch.setenv("CLUSTER_TOKEN", "canary-of-the-token")
    monkeypatch.setenv("PATCHWRIGHT_MCP", str(file))
    assert cli.run(["settings", "check"]) == (65 if told else 0)
    printed = capsys.readouterr().out
    assert "canary" not in printed
    if told:
        assert told in printed.partition("WRONG  PATCHWRIGHT_MCP: ")[2]


ONCALL = """\
[sources.alertmanager]
bearer = "env:ALERTS"
[services.orders]
logs = ["{logs}"]
[channels.team]
kind = "slack"
channel = "C0123456789"
token = "env:SLACK_TOKEN"
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("env:ALERTS", "env:NOBODY", "env:NOBODY is empty, or not there"),
        ("env:SLACK_TOKEN", "xoxb-canary", "a secret is named by file:"),
        ("[services.orders]", "[services.orders", "cannot be read"),
        ("kind", "sort", "channels.team"),
        ("orders.log", "nowhere.log", "orders: "),
    ],
)
def test_a_check_of_the_settings_looks_into_the_on_call_file(  # noqa: PLR0917 - what is changed, and where it is told
    old: str, new: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As `oncall check` does; a file that is fine stays unmentioned."""
    log, file = tmp_path / "orders.log", tmp_path / "oncall.toml"
    log.write_text("a line\n")
    for name in ("ALERTS", "SLACK_TOKEN"):
        monkeypatch.setenv(name, "canary-of-the-token")
    monkeypatch.setenv("PATCHWRIGHT_ONCALL", str(file))
    file.write_text(ONCALL.format(logs=log))
    assert cli.run(["settings", "check"]) == 0, capsys.readouterr().out
    capsys.readouterr()
    file.write_text(ONCALL.format(logs=log).replace(old, new))
    assert cli.run(["settings", "check"]) == 65
    printed = capsys.readouterr().out
    assert told in printed.partition("WRONG  PATCHWRIGHT_ONCALL: ")[2]
    assert "canary" not in printed


def test_a_check_of_the_settings_names_every_file_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All but the key of callbacks, which the service makes where there is none."""
    names = ("MCP", "ONCALL", "GITHUB_KEY_FILE", "GITHUB_SECRET_FILE", "MODEL_KEY_FILE", "TOKEN_FILE")
    for name in (*names, "CALLBACK_KEY_FILE"):
        monkeypatch.setenv(f"PATCHWRIGHT_{name}", str(tmp_path / "none"))
    assert cli.run(["settings", "check"]) == 65
    printed = capsys.readouterr().out
    assert all(f"WRONG  PATCHWRIGHT_{name}: {tmp_path / 'none'} is no file" in printed for name in names)
    assert "WRONG  PATCHWRIGHT_CALLBACK_KEY_FILE" not in printed


def test_a_check_of_good_settings_shows_them_with_secrets_masked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATCHWRIGHT_REPEATS", "4")
    monkeypatch.setenv("PATCHWRIGHT_MODEL_KEY", "canary-of-the-key")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:canary-of-the-password@db/x")
    assert cli.run(["settings", "check"]) == 0
    told = capsys.readouterr().out
    assert "PATCHWRIGHT_REPEATS=4" in told
    assert "PATCHWRIGHT_MODEL_KEY=**********" in told
    assert "from DATABASE_URL" in told
    assert "canary" not in told
