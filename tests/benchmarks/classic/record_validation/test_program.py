import pytest

from program import Field, to_flag, validate


def test_complete_record():
    record = {"name": " Ann ", "age": "31", "height": "1.7", "newsletter": "yes"}
    clean = {"name": "Ann", "age": 31, "height": 1.7, "newsletter": True}
    assert validate(record) == (clean, [])


def test_defaults_of_optional_fields():
    clean, problems = validate({"name": "Bo", "age": 5})
    assert clean == {"name": "Bo", "age": 5, "height": None, "newsletter": False}
    assert problems == []


def test_missing_required_fields():
    _, problems = validate({})
    assert problems == ["name is missing", "age is missing"]


def test_unknown_field():
    _, problems = validate({"name": "Cy", "age": 1, "nick": "C"})
    assert problems == ["nick is unknown"]


def test_text_that_is_no_number():
    clean, problems = validate({"name": "Di", "age": "old", "height": "tall"})
    assert problems == ["age is not valid", "height is not valid"]
    assert "age" not in clean


def test_zero_and_empty_text_are_values():
    clean, problems = validate({"name": "", "age": 0})
    assert (clean["name"], clean["age"]) == ("", 0)
    assert problems == []


def test_value_none():
    clean, problems = validate({"name": "Ed", "age": None})
    assert problems == ["age is not valid"]
    assert clean["name"] == "Ed"


def test_values_of_the_wrong_type():
    _, problems = validate({"name": 7, "age": 7, "height": [1]})
    assert problems == ["name is not valid", "height is not valid"]


def test_flags():
    assert to_flag(" ON ") is True
    assert to_flag(0) is False
    with pytest.raises(ValueError):
        to_flag("maybe")


def test_own_table_of_fields():
    fields = {"x": Field(int), "y": Field(int, required=False, default=3)}
    assert validate({"x": "4"}, fields) == ({"x": 4, "y": 3}, [])
    assert validate({}, {}) == ({}, [])
