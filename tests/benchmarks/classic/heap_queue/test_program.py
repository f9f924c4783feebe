import pytest

from program import TaskQueue, replay


def pushes(*priorities):
    return [("push", priority, f"task{priority}") for priority in priorities]


def test_empty_queue_has_no_tasks():
    assert len(TaskQueue()) == 0
    with pytest.raises(IndexError):
        TaskQueue().pop()


def test_single_task():
    queue = TaskQueue()
    queue.push(3, "write")
    assert len(queue) == 1
    assert queue.pop() == "write"
    assert len(queue) == 0


def test_two_tasks_in_either_order():
    assert replay(pushes(1, 2)) == ["task1", "task2"]
    assert replay(pushes(2, 1)) == ["task1", "task2"]


def test_ascending_pushes():
    assert replay(pushes(1, 2, 3, 4)) == ["task1", "task2", "task3", "task4"]


def test_descending_pushes():
    expected = ["task1", "task2", "task3", "task4", "task5", "task6"]
    assert replay(pushes(6, 5, 4, 3, 2, 1)) == expected


def test_mixed_pushes():
    popped = replay(pushes(5, 1, 4, 2, 3))
    assert popped == ["task1", "task2", "task3", "task4", "task5"]


def test_equal_priorities_keep_arrival_order():
    operations = [("push", 1, name) for name in "abcd"]
    assert replay(operations) == ["a", "b", "c", "d"]


def test_interleaved_pops():
    operations = pushes(4, 2) + [("pop",)] + pushes(1, 3) + [("pop",), ("pop",)]
    assert replay(operations) == ["task2", "task1", "task3", "task4"]


def test_pop_from_empty_is_listed_as_none():
    assert replay([("pop",)] + pushes(1)) == [None, "task1"]
