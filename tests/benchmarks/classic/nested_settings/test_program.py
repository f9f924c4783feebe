import pytest

from program import Settings, replay


@pytest.fixture
def settings():
    return Settings({"window": {"width": 80, "colour": {"text": "black"}}, "debug": False})


def test_get(settings):
    assert settings.get("debug") is False
    assert settings.get("window.width") == 80
    assert settings.get("window.colour.text") == "black"


def test_missing_paths(settings):
    assert settings.get("window.depth") is None
    assert settings.get("window.depth", 3) == 3
    assert settings.get("debug.level", 1) == 1


def test_set(settings):
    settings.set("window.width", 100)
    settings.set("debug", True)
    assert settings.get("window") == {"width": 100, "colour": {"text": "black"}}
    assert settings.get("debug") is True


def test_set_creates_sections(settings):
    settings.set("log.file.name", "out.txt")
    assert settings.get("log") == {"file": {"name": "out.txt"}}


def test_set_replaces_a_value_by_a_section(settings):
    settings.set("debug.level", 2)
    assert settings.get("debug") == {"level": 2}


def test_update_merges(settings):
    settings.update({"window": {"colour": {"back": "white"}}, "debug": True})
    assert settings.get("window.colour") == {"text": "black", "back": "white"}
    assert settings.get("window.width") == 80
    assert settings.get("debug") is True


def test_defaults_passed_in_are_left_alone():
    defaults = {"window": {"width": 80}}
    settings = Settings(defaults)
    settings.set("window.width", 1)
    settings.reset()
    settings.set("window.width", 2)
    assert defaults == {"window": {"width": 80}}


def test_reset(settings):
    settings.set("debug", True)
    settings.set("window.width", 100)
    settings.reset()
    assert settings.get("debug") is False
    assert settings.get("window.width") == 80


def test_reset_again(settings):
    for width in (100, 120):
        settings.set("window.width", width)
        settings.set("window.colour.text", "red")
        settings.reset()
        assert settings.get("window") == {"width": 80, "colour": {"text": "black"}}


def test_replay():
    operations = [("reset",), ("set", "a.x", 5), ("update", {"b": 2}), ("reset",)]
    assert replay({"a": {"x": 1}, "b": 1}, operations) == {"a": {"x": 1}, "b": 1, "c": None}
