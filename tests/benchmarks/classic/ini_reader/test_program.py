import pytest

from program import get_flag, get_text, parse


def test_empty_text():
    assert parse("") == {"": {}}


def test_options_before_any_section():
    assert parse("a = 1\nB= two words ") == {"": {"a": "1", "b": "two words"}}


def test_sections():
    text = "[ first ]\na=1\n[second]\na=2"
    assert parse(text) == {"": {}, "first": {"a": "1"}, "second": {"a": "2"}}


def test_section_may_be_reopened():
    assert parse("[s]\na=1\n[t]\n[s]\nb=2")["s"] == {"a": "1", "b": "2"}


def test_comments_and_blank_lines():
    assert parse("# a=1\n\n  ; b=2\nc=3") == {"": {"c": "3"}}


def test_value_may_be_empty():
    assert parse("a=") == {"": {"a": ""}}


def test_value_may_contain_equals_signs():
    text = "[db]\nurl = host?user=me&mode=rw"
    assert get_text(text, "db", "url") == "host?user=me&mode=rw"


def test_line_without_option():
    with pytest.raises(ValueError):
        parse("[s]\njust words")


def test_keys_ignore_case():
    assert get_text("[s]\nName = Ann", "s", "NAME") == "Ann"


def test_default_for_missing_option():
    assert get_text("[s]\na=1", "s", "b", "none") == "none"
    assert get_text("[s]\na=1", "t", "a") is None


def test_flags():
    text = "[s]\na=Yes\nb=off\nc=maybe"
    assert get_flag(text, "s", "a") is True
    assert get_flag(text, "s", "b") is False
    assert get_flag(text, "s", "missing") is False
    with pytest.raises(ValueError):
        get_flag(text, "s", "c")
