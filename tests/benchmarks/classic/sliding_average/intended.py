"""Averages over a window that moves along a series of numbers."""

from collections import deque


class MovingAverage:
    """The average of the latest ``size`` numbers."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("size must be positive")
        self.size = size
        self._window: deque[int] = deque()
        self._total = 0

    def add(self, number: int) -> float:
        """Add a number and return the average over the window."""
        self._window.append(number)
        self._total += number
        if len(self._window) > self.size:
            self._total -= self._window.popleft()
        return self._total / len(self._window)


def averages(numbers: list[int], size: int) -> list[float]:
    """Return the moving average after each number."""
    average = MovingAverage(size)
    return [average.add(number) for number in numbers]


def highest_window(numbers: list[int], size: int) -> tuple[int, int]:
    """Return the position and the sum of the window with the greatest sum.

    Of several such windows the first counts. Raises ValueError if the series
    is shorter than the window.
    """
    if not 1 <= size <= len(numbers):
        raise ValueError("the window does not fit")
    total = sum(numbers[:size])
    best = total
    position = 0
    for start in range(1, len(numbers) - size + 1):
        total += numbers[start + size - 1] - numbers[start - 1]
        if total > best:
            best = total
            position = start
    return position, best
