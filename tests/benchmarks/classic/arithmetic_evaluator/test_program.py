import pytest

from program import evaluate, tokenize


def test_tokens():
    assert tokenize(" 12+(3 *4) ") == ["12", "+", "(", "3", "*", "4", ")"]


def test_strange_character():
    with pytest.raises(ValueError):
        tokenize("1 $ 2")


def test_number():
    assert evaluate("42") == 42


def test_sum_of_several():
    assert evaluate("1 + 2 + 3") == 6


def test_product_binds_tighter():
    assert evaluate("2 + 3 * 4") == 14
    assert evaluate("2 * 3 + 4") == 10


def test_parentheses():
    assert evaluate("(2 + 3) * 4") == 20
    assert evaluate("2 * ((7))") == 14


def test_negation():
    assert evaluate("-3 * -(2 + 1)") == 9


def test_single_difference():
    assert evaluate("2 * 9 - 4 * 2") == 10


def test_differences_from_left_to_right():
    assert evaluate("10 - 3 - 2") == 5


def test_sum_after_difference():
    assert evaluate("10 - 3 + 2") == 9


def test_difference_after_sum():
    assert evaluate("1 + 5 - 4") == 2


@pytest.mark.parametrize("text", ["", "1 +", "(1", "1 2", ")", "1 + * 2"])
def test_malformed(text):
    with pytest.raises(ValueError):
        evaluate(text)
