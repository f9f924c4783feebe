"""Exact fractions of whole numbers."""

from math import gcd


class Rational:
    """A fraction in lowest terms with a positive denominator."""

    def __init__(self, numerator: int, denominator: int = 1) -> None:
        if denominator == 0:
            raise ZeroDivisionError("denominator is zero")
        if denominator < 0:
            numerator, denominator = -numerator, -denominator
        common = gcd(numerator, denominator)
        self.numerator = numerator // common
        self.denominator = denominator // common

    def __repr__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    def __add__(self, other: "Rational") -> "Rational":
        return Rational(
            self.numerator * other.denominator + other.numerator * self.denominator,
            self.denominator * other.denominator,
        )

    def __mul__(self, other: "Rational") -> "Rational":
        return Rational(
            self.numerator * other.numerator,
            self.denominator * other.denominator,
        )

    def __truediv__(self, other: "Rational") -> "Rational":
        return Rational(
            self.numerator * other.denominator,
            self.denominator * other.numerator,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rational):
            return NotImplemented
        return (self.numerator, self.denominator) == (other.numerator, other.denominator)

    def __lt__(self, other: "Rational") -> bool:
        return self.numerator * other.denominator < other.numerator * other.denominator


def calculate(first: tuple[int, int], sign: str, second: tuple[int, int]) -> str:
    """Return the result of an operation (``+``, ``*``, ``/`` or ``<``) as text."""
    left, right = Rational(*first), Rational(*second)
    if sign == "+":
        return str(left + right)
    if sign == "*":
        return str(left * right)
    if sign == "/":
        return str(left / right)
    return str(left < right)
