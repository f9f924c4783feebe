import pytest

from program import Rational, calculate


def test_lowest_terms():
    assert repr(Rational(6, 8)) == "3/4"
    assert repr(Rational(0, 5)) == "0/1"


def test_sign_goes_to_the_numerator():
    assert repr(Rational(1, -2)) == "-1/2"
    assert repr(Rational(-3, -9)) == "1/3"


def test_zero_denominator():
    with pytest.raises(ZeroDivisionError):
        Rational(1, 0)


def test_sum():
    assert Rational(1, 2) + Rational(1, 3) == Rational(5, 6)
    assert Rational(1, 4) + Rational(-1, 4) == Rational(0)


def test_product():
    assert Rational(2, 3) * Rational(9, 4) == Rational(3, 2)


def test_quotient():
    assert Rational(1, 2) / Rational(-3, 4) == Rational(-2, 3)
    with pytest.raises(ZeroDivisionError):
        Rational(1, 2) / Rational(0)


def test_equality():
    assert Rational(2, 4) == Rational(1, 2)
    assert Rational(1, 2) != Rational(1, 3)
    assert Rational(1) != 1


def test_order_with_equal_denominators():
    assert Rational(1, 5) < Rational(2, 5)
    assert not Rational(2, 5) < Rational(2, 5)


def test_order_with_different_denominators():
    assert Rational(1, 3) < Rational(1, 2)
    assert not Rational(1, 2) < Rational(1, 3)
    assert Rational(-1, 2) < Rational(-1, 3)
    assert not Rational(3, 1) < Rational(5, 2)


def test_sorting():
    numbers = [Rational(2, 3), Rational(1, 2), Rational(-1, 6), Rational(3, 4)]
    assert [str(number) for number in sorted(numbers)] == ["-1/6", "1/2", "2/3", "3/4"]


def test_calculate():
    assert calculate((1, 6), "+", (1, 3)) == "1/2"
    assert calculate((1, 6), "/", (1, 3)) == "1/2"
    assert calculate((7, 3), "<", (5, 2)) == "True"
