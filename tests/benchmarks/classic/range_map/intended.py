"""Look up numbers in a table of half-open ranges."""


class RangeMap:
    """Maps the numbers of disjoint ranges ``start <= number < stop`` to values."""

    def __init__(self, entries: list[tuple[int, int, str]]) -> None:
        self._entries = sorted(entries)
        for start, stop, _ in self._entries:
            if start >= stop:
                raise ValueError(f"the range from {start} to {stop} is empty")
        for left, right in zip(self._entries, self._entries[1:]):
            if left[1] > right[0]:
                raise ValueError(f"ranges overlap at {right[0]}")

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, number: int, default: str | None = None) -> str | None:
        """Return the value of the range holding ``number``, else the default."""
        low = 0
        high = len(self._entries) - 1
        while low <= high:
            middle = (low + high) // 2
            start, stop, value = self._entries[middle]
            if number < start:
                high = middle - 1
            elif number >= stop:
                low = middle + 1
            else:
                return value
        return default

    def span(self) -> tuple[int, int] | None:
        """Return the first start and the last stop, None for an empty map."""
        if not self._entries:
            return None
        return self._entries[0][0], self._entries[-1][1]


def classify(entries: list[tuple[int, int, str]], number: int) -> str | None:
    """Return the value for one number, "none" if no range holds it."""
    return RangeMap(entries).get(number, "none")
