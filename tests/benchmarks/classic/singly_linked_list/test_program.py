from program import LinkedList, replay


def test_empty_list():
    assert list(LinkedList()) == []


def test_append_keeps_the_order():
    assert list(LinkedList([3, 1, 2])) == [3, 1, 2]


def test_prepend():
    numbers = LinkedList([2, 3])
    numbers.prepend(1)
    assert list(numbers) == [1, 2, 3]


def test_append_after_prepend_on_an_empty_list():
    numbers = LinkedList()
    numbers.prepend(1)
    numbers.append(2)
    assert list(numbers) == [1, 2]


def test_reverse():
    numbers = LinkedList([1, 2, 3, 4])
    numbers.reverse()
    assert list(numbers) == [4, 3, 2, 1]


def test_reverse_short_lists():
    empty = LinkedList()
    empty.reverse()
    assert list(empty) == []
    empty.append(1)
    empty.reverse()
    empty.append(2)
    assert list(empty) == [1, 2]


def test_append_after_reverse():
    numbers = LinkedList([1, 2, 3])
    numbers.reverse()
    numbers.append(0)
    assert list(numbers) == [3, 2, 1, 0]


def test_reverse_twice_then_grow():
    numbers = LinkedList([1, 2])
    numbers.reverse()
    numbers.reverse()
    numbers.append(3)
    numbers.prepend(0)
    assert list(numbers) == [0, 1, 2, 3]


def test_replay():
    operations = [("append", 1), ("prepend", 2), ("reverse", 0), ("append", 3), ("append", 4)]
    assert replay(operations) == [1, 2, 3, 4]
