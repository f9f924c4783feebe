import pytest

from program import PriorityHeap, run_order


def test_empty_heap():
    heap = PriorityHeap()
    assert len(heap) == 0
    with pytest.raises(IndexError):
        heap.pop()


def test_single_job():
    assert run_order([(4, "only")]) == ["only"]


def test_two_jobs():
    assert run_order([(2, "late"), (1, "early")]) == ["early", "late"]


def test_ascending_input():
    jobs = [(number, f"job{number}") for number in range(1, 8)]
    assert run_order(jobs) == [f"job{number}" for number in range(1, 8)]


def test_descending_input():
    jobs = [(number, f"job{number}") for number in range(7, 0, -1)]
    assert run_order(jobs) == [f"job{number}" for number in range(1, 8)]


def test_mixed_input():
    jobs = [(5, "e"), (2, "b"), (9, "i"), (1, "a"), (7, "g"), (3, "c")]
    assert run_order(jobs) == ["a", "b", "c", "e", "g", "i"]


def test_equal_priorities_keep_their_order():
    jobs = [(1, "first"), (0, "urgent"), (1, "second"), (1, "third")]
    assert run_order(jobs) == ["urgent", "first", "second", "third"]


def test_push_between_pops():
    heap = PriorityHeap()
    heap.push(3, "c")
    heap.push(1, "a")
    assert heap.pop() == "a"
    heap.push(2, "b")
    assert heap.pop() == "b"
    assert heap.pop() == "c"
    assert len(heap) == 0
