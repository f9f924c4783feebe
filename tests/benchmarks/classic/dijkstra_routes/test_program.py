import pytest

from program import build_map, shortest_route

ROADS = [("A", "B", 4), ("A", "C", 1), ("C", "B", 2), ("B", "D", 5)]


def test_start_is_goal():
    assert shortest_route(ROADS, "A", "A") == (0, ["A"])


def test_single_road():
    assert shortest_route([("A", "B", 4)], "A", "B") == (4, ["A", "B"])


def test_single_road_travelled_backwards():
    assert shortest_route([("A", "B", 4)], "B", "A") == (4, ["B", "A"])


def test_detour_is_shorter_than_direct_road():
    assert shortest_route(ROADS, "A", "B") == (3, ["A", "C", "B"])


def test_longer_route():
    assert shortest_route(ROADS, "A", "D") == (8, ["A", "C", "B", "D"])


def test_longer_route_backwards():
    assert shortest_route(ROADS, "D", "A") == (8, ["D", "B", "C", "A"])


def test_no_route():
    assert shortest_route(ROADS + [("X", "Y", 1)], "A", "X") is None
    assert shortest_route([], "A", "B") is None


def test_map_lists_roads_at_both_ends():
    assert build_map([("A", "B", 4)]) == {"A": [("B", 4)], "B": [("A", 4)]}


def test_lengths_must_be_positive():
    with pytest.raises(ValueError):
        build_map([("A", "B", 0)])
