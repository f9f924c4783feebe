"""A priority queue of named tasks on a binary heap."""


class TaskQueue:
    """Tasks come out by ascending priority, equal ones in order of arrival."""

    def __init__(self):
        self._heap = []
        self._arrivals = 0

    def __len__(self):
        return len(self._heap)

    def push(self, priority, name):
        """Add a task."""
        self._heap.append((priority, self._arrivals, name))
        self._arrivals += 1
        self._sift_up(len(self._heap) - 1)

    def pop(self):
        """Remove and return the next task's name; raise IndexError if empty."""
        if not self._heap:
            raise IndexError("pop from an empty queue")
        top = self._heap[0]
        last = self._heap.pop()
        if self._heap:
            self._heap[0] = last
            self._sift_down(0)
        return top[2]

    def _sift_up(self, index):
        heap = self._heap
        while index > 0:
            parent = (index - 1) // 2
            if heap[parent] <= heap[index]:
                return
            heap[parent], heap[index] = heap[index], heap[parent]
            index = parent

    def _sift_down(self, index):
        heap = self._heap
        while True:
            smallest = index
            for child in (2 * index + 1, 2 * index + 2):
                if child < len(heap) and heap[child] < heap[index]:
                    smallest = child
            if smallest == index:
                return
            heap[index], heap[smallest] = heap[smallest], heap[index]
            index = smallest


def replay(operations):
    """Run ("push", priority, name) and ("pop",) operations; list what is popped.

    A pop from an empty queue is listed as None; the rest is popped at the end.
    """
    queue = TaskQueue()
    popped = []
    for operation in operations:
        if operation[0] == "push":
            queue.push(operation[1], operation[2])
        else:
            popped.append(queue.pop() if len(queue) else None)
    while len(queue):
        popped.append(queue.pop())
    return popped
