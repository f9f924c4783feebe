import pytest

from program import TrafficLight, colours, waits


def test_first_cycle():
    assert colours(0, [0, 29, 30, 34, 35, 59]) == [
        "green", "green", "yellow", "yellow", "red", "red",
    ]


def test_cycle_repeats():
    light = TrafficLight()
    assert light.colour_at(60) == "green"
    assert light.colour_at(60 * 100 + 31) == "yellow"


def test_offset_shifts_the_cycle():
    assert colours(30, [0, 5, 30]) == ["yellow", "red", "green"]


def test_no_wait_while_the_colour_shows():
    light = TrafficLight()
    assert light.wait_for("green", 0) == 0
    assert light.wait_for("green", 29) == 0
    assert light.wait_for("red", 59) == 0


def test_wait_within_the_cycle():
    assert waits(0, "red", [0, 10, 34]) == [35, 25, 1]


def test_wait_reaches_into_the_next_cycle():
    assert waits(0, "green", [30, 35, 59]) == [30, 25, 1]


def test_wait_for_yellow_from_red():
    assert waits(0, "yellow", [35, 59, 95]) == [55, 31, 55]


def test_wait_with_offset():
    assert waits(20, "green", [9, 10, 39, 40]) == [0, 30, 1, 0]
    assert waits(20, "red", [0, 15]) == [15, 0]


def test_wait_leads_to_the_colour():
    light = TrafficLight((("walk", 7), ("stop", 13)), offset=4)
    for second in range(50):
        delay = light.wait_for("walk", second)
        assert 0 <= delay <= 13
        assert light.colour_at(second + delay) == "walk"


def test_unknown_colour():
    with pytest.raises(KeyError):
        TrafficLight().wait_for("blue", 0)
