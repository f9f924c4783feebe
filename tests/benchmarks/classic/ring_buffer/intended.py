"""A buffer of fixed size that keeps the latest items."""

from collections.abc import Iterator


class RingBuffer:
    """Overwrites its oldest item when it is full."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("capacity must be positive")
        self.capacity = capacity
        self._slots: list[object] = [None] * capacity
        self._start = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[object]:
        for offset in range(self._count):
            yield self._slots[(self._start + offset) % self.capacity]

    def append(self, item: object) -> None:
        """Add an item behind the newest one."""
        self._slots[(self._start + self._count) % self.capacity] = item
        if self._count < self.capacity:
            self._count += 1
        else:
            self._start = (self._start + 1) % self.capacity

    def popleft(self) -> object:
        """Remove and return the oldest item."""
        if self._count == 0:
            raise IndexError("the buffer is empty")
        item = self._slots[self._start]
        self._slots[self._start] = None
        self._start = (self._start + 1) % self.capacity
        self._count -= 1
        return item

    def newest(self) -> object:
        """Return the item added last."""
        if self._count == 0:
            raise IndexError("the buffer is empty")
        return self._slots[(self._start + self._count - 1) % self.capacity]


def replay(capacity: int, operations: list[int | None]) -> list[object]:
    """Append the numbers and pop at every None; list what was popped and what is left."""
    buffer = RingBuffer(capacity)
    popped: list[object] = []
    for operation in operations:
        if operation is not None:
            buffer.append(operation)
        elif len(buffer):
            popped.append(buffer.popleft())
    return [popped, list(buffer)]
