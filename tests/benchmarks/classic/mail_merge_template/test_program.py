import pytest

from program import placeholders, render, render_all


def test_text_without_placeholders():
    assert render("Hello!", {}) == "Hello!"


def test_simple_placeholder():
    assert render("Dear {name},", {"name": "Ann"}) == "Dear Ann,"


def test_repeated_placeholder():
    assert render("{a}-{a}-{b}", {"a": 1, "b": 2}) == "1-1-2"


def test_default_for_missing_value():
    assert render("Dear {name|customer}", {}) == "Dear customer"


def test_default_for_none():
    assert render("Dear {name|customer}", {"name": None}) == "Dear customer"


def test_empty_default():
    assert render("Dear{title|} Ann", {}) == "Dear Ann"


def test_missing_value_without_default():
    with pytest.raises(KeyError):
        render("Dear {name}", {"other": 1})


def test_zero_is_a_value():
    assert render("You have {count|no} messages", {"count": 0}) == "You have 0 messages"


def test_empty_text_is_a_value():
    assert render("{name}{suffix}", {"name": "Ann", "suffix": ""}) == "Ann"


def test_placeholder_names():
    assert placeholders("{b} {a|x} {b}") == ["b", "a"]


def test_shared_values_are_overridden():
    recipients = [{"name": "Ann"}, {"name": "Bob", "city": "Rome"}]
    texts = render_all("{name} in {city}", recipients, {"city": "Oslo"})
    assert texts == ["Ann in Oslo", "Bob in Rome"]


def test_no_recipients():
    assert render_all("{name}", []) == []
