"""Compare version texts such as "1.4.10" and "2.0rc1"."""

from functools import cmp_to_key

STAGES = ["a", "b", "rc", ""]

Version = tuple[list[int], int, int]


def parse(text: str) -> Version:
    """Return the release numbers, the stage and the number within the stage."""
    end = 0
    while end < len(text) and (text[end].isdigit() or text[end] == "."):
        end += 1
    release, suffix = text[:end], text[end:]
    stage = suffix.rstrip("0123456789")
    if not release or stage not in STAGES:
        raise ValueError(f"{text!r} is no version")
    numbers = [int(part) for part in release.split(".")]
    count = int(suffix[len(stage) :] or "0")
    return numbers, STAGES.index(stage), count


def compare(first: str, second: str) -> int:
    """Return -1, 0 or 1 if the first version is older, equal or newer.

    Missing release numbers count as 0. Pre-releases come before their release.
    """
    left_numbers, *left_rest = parse(first)
    right_numbers, *right_rest = parse(second)
    length = max(len(left_numbers), len(right_numbers))
    left = left_numbers + [0] * (length - len(left_numbers)) + left_rest
    right = right_numbers + [0] * (length - len(right_numbers)) + right_rest
    return (left > right) - (left < right)


def newest(versions: list[str], prereleases: bool = False) -> str | None:
    """Return the newest version, by default among the final releases."""
    candidates = [
        version for version in versions if prereleases or parse(version)[1] == len(STAGES) - 1
    ]
    return max(candidates, key=cmp_to_key(compare), default=None)
