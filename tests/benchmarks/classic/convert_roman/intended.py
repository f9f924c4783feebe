"""Conversion between integers and Roman numerals (1 to 3999)."""

VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
SYMBOLS = [
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
]


def to_roman(number):
    """Return the numeral of a number; raise ValueError outside 1..3999."""
    if not 1 <= number <= 3999:
        raise ValueError(f"out of range: {number}")
    result = []
    for value, symbol in SYMBOLS:
        count, number = divmod(number, value)
        result.append(symbol * count)
    return "".join(result)


def from_roman(text):
    """Return the number of a numeral in upper or lower case.

    Raise ValueError unless the text is the standard form of a numeral.
    """
    numeral = text.strip().upper()
    try:
        values = [VALUES[symbol] for symbol in numeral]
    except KeyError:
        raise ValueError(f"not a numeral: {text!r}") from None
    total = 0
    for value, following in zip(values, values[1:] + [0]):
        total += -value if value < following else value
    if not 1 <= total <= 3999 or to_roman(total) != numeral:
        raise ValueError(f"not a standard numeral: {text!r}")
    return total


def find_numerals(text):
    """Return the numbers of all words in a text that are numerals."""
    numbers = []
    for word in text.split():
        try:
            numbers.append(from_roman(word.strip(".,;:")))
        except ValueError:
            continue
    return numbers
