import pytest

from program import RingBuffer, replay


def filled(capacity, items):
    buffer = RingBuffer(capacity)
    for item in items:
        buffer.append(item)
    return buffer


def test_new_buffer_is_empty():
    buffer = RingBuffer(3)
    assert len(buffer) == 0
    assert list(buffer) == []


def test_items_in_order():
    assert list(filled(4, [1, 2, 3])) == [1, 2, 3]


def test_exactly_full():
    buffer = filled(3, [1, 2, 3])
    assert list(buffer) == [1, 2, 3]
    assert buffer.newest() == 3


def test_oldest_item_is_overwritten():
    buffer = filled(3, [1, 2, 3, 4])
    assert list(buffer) == [2, 3, 4]
    assert len(buffer) == 3


def test_newest_after_overwriting():
    assert filled(2, [1, 2, 3]).newest() == 3


def test_many_overwrites():
    buffer = filled(3, range(11))
    assert [buffer.popleft() for _ in range(3)] == [8, 9, 10]


def test_pop_makes_room():
    buffer = filled(2, "ab")
    assert buffer.popleft() == "a"
    buffer.append("c")
    assert list(buffer) == ["b", "c"]
    assert buffer.newest() == "c"


def test_one_slot():
    assert list(filled(1, [1, 2, 3])) == [3]


def test_empty_buffer_errors():
    buffer = RingBuffer(1)
    with pytest.raises(IndexError):
        buffer.popleft()
    with pytest.raises(IndexError):
        buffer.newest()


def test_capacity_must_be_positive():
    with pytest.raises(ValueError):
        RingBuffer(0)


def test_replay():
    assert replay(2, [None, 1, 2, 3, None, 4, 5, None]) == [[2, 4], [5]]
