import pytest

from program import find_numerals, from_roman, to_roman


@pytest.mark.parametrize(
    "number, numeral", [(1, "I"), (4, "IV"), (49, "XLIX"), (1994, "MCMXCIV"), (3999, "MMMCMXCIX")]
)
def test_known_numerals(number, numeral):
    assert to_roman(number) == numeral
    assert from_roman(numeral) == number


@pytest.mark.parametrize("number", [0, -1, 4000])
def test_numbers_out_of_range(number):
    with pytest.raises(ValueError):
        to_roman(number)


def test_lower_case_and_blanks():
    assert from_roman(" xlii ") == 42


@pytest.mark.parametrize("text", ["", "IIII", "VX", "IC", "MMMM"])
def test_forms_that_are_not_standard(text):
    with pytest.raises(ValueError):
        from_roman(text)


@pytest.mark.parametrize("text", ["ABC", "X1", "M M"])
def test_strange_symbols(text):
    with pytest.raises(ValueError):
        from_roman(text)


def test_numerals_in_a_text_without_any():
    assert find_numerals("") == []


def test_numerals_in_a_title():
    assert find_numerals("Louis XIV, Henry VIII.") == [14, 8]


def test_list_of_numerals():
    assert find_numerals("I II; III") == [1, 2, 3]
