"""A binary heap of jobs; the lowest priority number comes out first."""


class PriorityHeap:
    """Jobs of equal priority leave in the order they came."""

    def __init__(self) -> None:
        self._items: list[tuple[int, int, str]] = []
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._items)

    def push(self, priority: int, job: str) -> None:
        """Add a job."""
        self._items.append((priority, self._pushed, job))
        self._pushed += 1
        index = len(self._items) - 1
        while index > 0:
            parent = (index - 1) // 2
            if self._items[parent] <= self._items[index]:
                break
            self._swap(parent, index)
            index = parent

    def pop(self) -> str:
        """Remove and return the most urgent job."""
        if not self._items:
            raise IndexError("the heap is empty")
        self._swap(0, len(self._items) - 1)
        _, _, job = self._items.pop()
        self._sift_down(0)
        return job

    def _sift_down(self, index: int) -> None:
        while True:
            child = 2 * index + 1
            if child >= len(self._items):
                break
            right = child + 1
            if right < len(self._items) and self._items[right] < self._items[child]:
                child = right
            if self._items[index] <= self._items[child]:
                break
            self._swap(index, child)
            index = child

    def _swap(self, first: int, second: int) -> None:
        items = self._items
        items[first], items[second] = items[second], items[first]


def run_order(jobs: list[tuple[int, str]]) -> list[str]:
    """Return the jobs in the order a heap releases them."""
    heap = PriorityHeap()
    for priority, job in jobs:
        heap.push(priority, job)
    return [heap.pop() for _ in range(len(heap))]
