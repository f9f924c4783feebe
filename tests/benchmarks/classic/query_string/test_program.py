import pytest

from program import build_query, decode, encode, parse_query


def test_one_parameter():
    assert parse_query("name=value") == {"name": ["value"]}


def test_leading_question_mark():
    assert parse_query("?a=1") == {"a": ["1"]}


def test_repeated_parameters():
    assert parse_query("tag=x&page=2&tag=y") == {"tag": ["x", "y"], "page": ["2"]}


def test_empty_values():
    assert parse_query("a=&b") == {"a": [""], "b": [""]}


def test_empty_parts():
    assert parse_query("") == {}
    assert parse_query("&a=1&&b=2&") == {"a": ["1"], "b": ["2"]}


def test_equals_sign_in_a_value():
    assert parse_query("token=abc==&x=1") == {"token": ["abc=="], "x": ["1"]}
    assert parse_query("filter=size=3") == {"filter": ["size=3"]}


def test_codes():
    assert parse_query("q=fish+%26+chips&r%23=1") == {"q": ["fish & chips"], "r#": ["1"]}


def test_incomplete_code():
    with pytest.raises(ValueError):
        decode("50%2")


def test_encode():
    assert encode("a b&c+d") == "a+b%26c%2Bd"


def test_build():
    assert build_query({"q": ["a b"], "t": ["1", "2"]}) == "q=a+b&t=1&t=2"


def test_parsing_what_was_built():
    parameters = {"rule": ["x=1", "y=2&z"], "rate": ["5%"], "empty": [""]}
    assert parse_query(build_query(parameters)) == parameters
