import pytest

from program import Sender, WindowFull, replay


def sender_after(size, frames):
    sender = Sender(size)
    for _ in range(frames):
        sender.send()
    return sender


def test_frames_are_numbered_from_zero():
    sender = Sender(3)
    assert [sender.send(), sender.send(), sender.send()] == [0, 1, 2]


def test_full_window_refuses_a_frame():
    sender = sender_after(2, 2)
    with pytest.raises(WindowFull):
        sender.send()
    assert sender.in_flight() == 2


def test_acknowledgement_is_cumulative():
    sender = sender_after(4, 4)
    assert sender.acknowledge(2) == 3
    assert sender.timeout() == [3]


def test_acknowledging_the_newest_frame_empties_the_window():
    sender = sender_after(4, 3)
    assert sender.acknowledge(2) == 3
    assert sender.in_flight() == 0
    assert sender.timeout() == []


def test_old_acknowledgement_is_ignored():
    sender = sender_after(4, 3)
    sender.acknowledge(1)
    assert sender.acknowledge(0) == 0
    assert sender.acknowledge(1) == 0
    assert sender.in_flight() == 1


def test_acknowledgement_of_an_unsent_frame_is_ignored():
    sender = sender_after(4, 2)
    assert sender.acknowledge(2) == 0
    assert sender.in_flight() == 2


def test_acknowledgement_before_any_frame_is_ignored():
    sender = Sender(1)
    assert sender.acknowledge(0) == 0
    assert sender.acknowledge(5) == 0
    assert sender.in_flight() == 0


def test_timeout_does_not_change_the_window():
    sender = sender_after(3, 2)
    assert sender.timeout() == [0, 1]
    assert sender.send() == 2


def test_window_must_be_positive():
    with pytest.raises(ValueError):
        Sender(0)


def test_replay():
    operations = [("send", 0), ("send", 0), ("acknowledge", 0), ("send", 0), ("timeout", 0)]
    assert replay(1, operations) == [0, "full", 1, 1, [1]]
