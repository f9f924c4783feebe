"""Write and read whole numbers in bases from 2 to 36."""

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def check_base(base: int) -> None:
    """Raise ValueError for a base that has no digits here."""
    if not 2 <= base <= len(DIGITS):
        raise ValueError(f"no digits for base {base}")


def to_text(number: int, base: int) -> str:
    """Return the digits of a number, with a minus sign if it is negative."""
    check_base(base)
    if number == 0:
        return DIGITS[0]
    sign = "-" if number < 0 else ""
    number = abs(number)
    digits = []
    while number:
        number, digit = divmod(number, base)
        digits.append(DIGITS[digit])
    return sign + "".join(reversed(digits))


def to_number(text: str, base: int) -> int:
    """Return the number written in a base, in upper or lower case."""
    check_base(base)
    negative = text.startswith("-")
    digits = text[1:] if negative else text
    if not digits:
        raise ValueError("no digits")
    number = 0
    for char in digits.lower():
        digit = DIGITS.find(char)
        if digit < 0 or digit >= base:
            raise ValueError(f"{char!r} is no digit of base {base}")
        number = number * base + digit
    return -number if negative else number


def convert(text: str, source: int, target: int) -> str:
    """Return a number written in one base in another base."""
    return to_text(to_number(text, source), target)
