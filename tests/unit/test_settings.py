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
