"""A singly linked list that knows both of its ends."""

from collections.abc import Iterable, Iterator


class Node:
    """One link of the chain."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.next: Node | None = None


class LinkedList:
    """Adds at both ends in constant time."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._head: Node | None = None
        self._tail: Node | None = None
        for value in values:
            self.append(value)

    def __iter__(self) -> Iterator[int]:
        node = self._head
        while node is not None:
            yield node.value
            node = node.next

    def append(self, value: int) -> None:
        """Add a value behind the last one."""
        node = Node(value)
        if self._tail is None:
            self._head = node
        else:
            self._tail.next = node
        self._tail = node

    def prepend(self, value: int) -> None:
        """Add a value before the first one."""
        node = Node(value)
        node.next = self._head
        self._head = node
        if self._tail is None:
            self._tail = node

    def reverse(self) -> None:
        """Turn the list round in place."""
        previous = None
        node = self._head
        self._tail = self._head
        while node is not None:
            following = node.next
            node.next = previous
            previous = node
            node = following
        self._head = previous


def replay(operations: list[tuple[str, int]]) -> list[int]:
    """Run append, prepend and reverse operations and return the values."""
    numbers = LinkedList()
    for name, value in operations:
        if name == "reverse":
            numbers.reverse()
        else:
            getattr(numbers, name)(value)
    return list(numbers)
