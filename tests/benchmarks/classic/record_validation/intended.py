"""Check records read from a form against a table of fields."""

from collections.abc import Callable
from typing import NamedTuple


class Field(NamedTuple):
    """How to convert a value and whether it has to be there."""

    convert: Callable[[object], object]
    required: bool = True
    default: object = None


def to_flag(value: object) -> bool:
    """Return the truth value of a word like "yes" or "off"."""
    word = str(value).strip().lower()
    if word in ("yes", "on", "true", "1"):
        return True
    if word in ("no", "off", "false", "0"):
        return False
    raise ValueError(f"{value!r} is neither yes nor no")


MEMBER = {
    "name": Field(str.strip),
    "age": Field(int),
    "height": Field(float, required=False),
    "newsletter": Field(to_flag, required=False, default=False),
}


def validate(
    record: dict[str, object],
    fields: dict[str, Field] | None = None,
) -> tuple[dict[str, object], list[str]]:
    """Return the converted values and a list of what is wrong with the record.

    Missing optional fields get their default and unknown fields are reported.
    """
    fields = MEMBER if fields is None else fields
    clean: dict[str, object] = {}
    problems = []
    for name, field in fields.items():
        if name not in record:
            if field.required:
                problems.append(f"{name} is missing")
            else:
                clean[name] = field.default
            continue
        try:
            clean[name] = field.convert(record[name])
        except (TypeError, ValueError):
            problems.append(f"{name} is not valid")
    for name in record:
        if name not in fields:
            problems.append(f"{name} is unknown")
    return clean, problems
