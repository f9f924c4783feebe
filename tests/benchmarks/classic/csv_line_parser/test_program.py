import pytest

from program import join_line, split_line


def test_plain_fields():
    assert split_line("a,b,c") == ["a", "b", "c"]


def test_empty_fields():
    assert split_line("") == [""]
    assert split_line(",a,") == ["", "a", ""]


def test_quoted_delimiter():
    assert split_line('"Smith, J.",42') == ["Smith, J.", "42"]


def test_empty_quoted_field():
    assert split_line('a,"",b') == ["a", "", "b"]


def test_doubled_quote():
    assert split_line('"say ""hi""",x') == ['say "hi"', "x"]


def test_field_of_a_single_quote_mark():
    assert split_line('"""",b') == ['"', "b"]


def test_other_delimiter():
    assert split_line('a;"b;c";d,e', ";") == ["a", "b;c", "d,e"]


def test_unclosed_quote():
    with pytest.raises(ValueError):
        split_line('"abc,d')


def test_join_quotes_only_where_needed():
    assert join_line(["a", "b,c", "d"]) == 'a,"b,c",d'


def test_join_doubles_quotes():
    assert join_line(['5" disk']) == '"5"" disk"'


def test_round_trip():
    fields = ["x", 'a "b", c', "", '"']
    assert split_line(join_line(fields)) == fields
