import pytest

from program import convert, to_number, to_text


def test_binary():
    assert to_text(10, 2) == "1010"
    assert to_text(1, 2) == "1"


def test_letters_as_digits():
    assert to_text(255, 16) == "ff"
    assert to_text(35, 36) == "z"


def test_negative_numbers():
    assert to_text(-42, 10) == "-42"
    assert to_number("-ff", 16) == -255


def test_zero():
    assert to_text(0, 10) == "0"
    assert to_text(0, 2) == "0"
    assert to_number("0", 2) == 0


def test_bases_out_of_range():
    for base in (1, 37, 0, -2):
        with pytest.raises(ValueError):
            to_text(5, base)
        with pytest.raises(ValueError):
            to_number("1", base)


def test_powers_of_the_base():
    assert to_text(8, 8) == "10"
    assert to_text(7, 8) == "7"
    assert to_text(1296, 36) == "100"


def test_reading():
    assert to_number("1010", 2) == 10
    assert to_number("ZZ", 36) == 1295
    assert to_number("007", 8) == 7


def test_wrong_digits():
    with pytest.raises(ValueError):
        to_number("12", 2)
    with pytest.raises(ValueError):
        to_number("1.5", 10)
    with pytest.raises(ValueError):
        to_number("-", 10)
    with pytest.raises(ValueError):
        to_number("", 10)


def test_convert():
    assert convert("ff", 16, 2) == "11111111"
    assert convert("-1000", 2, 10) == "-8"


def test_convert_zero():
    assert convert("000", 2, 16) == "0"
    assert convert("-0", 10, 2) == "0"
