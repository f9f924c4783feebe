import pytest

from program import join_fields, split_fields


def test_plain_fields():
    assert split_fields("red,green,blue") == ["red", "green", "blue"]


def test_empty_fields():
    assert split_fields("") == [""]
    assert split_fields(",a,") == ["", "a", ""]


def test_quoted_field_keeps_commas():
    assert split_fields('1,"Doe, Jane",x') == ["1", "Doe, Jane", "x"]


def test_empty_quoted_field():
    assert split_fields('"",a,""') == ["", "a", ""]


def test_quote_inside_a_plain_field_is_ordinary():
    assert split_fields('5" disk,b') == ['5" disk', "b"]


def test_doubled_quote_in_the_middle():
    assert split_fields('"say ""hi"" twice"') == ['say "hi" twice']


def test_comma_after_a_doubled_quote():
    assert split_fields('"a"",b",c') == ['a",b', "c"]


def test_doubled_quote_at_the_end():
    assert split_fields('"5""",next') == ['5"', "next"]


def test_text_after_a_closing_quote():
    with pytest.raises(ValueError):
        split_fields('"a"b,c')


def test_missing_closing_quote():
    with pytest.raises(ValueError):
        split_fields('a,"b')
    with pytest.raises(ValueError):
        split_fields('a,"b""')


def test_join_and_split_agree():
    fields = ["plain", "", "with, comma", 'a "quoted" word', '"']
    assert split_fields(join_fields(fields)) == fields
