import pytest

from program import format_table, podium, rank_of, standings


def test_no_players():
    assert standings({}) == []


def test_distinct_scores():
    assert standings({"ann": 10, "bob": 30, "cat": 20}) == [
        (1, "bob", 30),
        (2, "cat", 20),
        (3, "ann", 10),
    ]


def test_shared_rank_skips_the_next():
    ranks = [row[0] for row in standings({"a": 9, "b": 7, "c": 7, "d": 5})]
    assert ranks == [1, 2, 2, 4]


def test_equal_scores_are_listed_by_name():
    names = [row[1] for row in standings({"zoe": 4, "amy": 4})]
    assert names == ["amy", "zoe"]


def test_nobody_has_scored_yet():
    assert standings({"ann": 0, "bob": 0}) == [(1, "ann", 0), (1, "bob", 0)]


def test_zero_leads_negative_scores():
    assert [row[0] for row in standings({"a": -2, "b": 0, "c": -2})] == [1, 2, 2]


def test_rank_of_player():
    assert rank_of({"a": 9, "b": 7, "c": 7}, "c") == 2


def test_rank_of_unknown_player():
    with pytest.raises(KeyError):
        rank_of({"a": 9}, "b")


def test_podium_includes_everyone_on_the_last_place():
    assert podium({"a": 9, "b": 7, "c": 5, "d": 5, "e": 1}) == ["a", "b", "c", "d"]


def test_table_lines():
    assert format_table({"ann": 30, "bob": 12}) == ["1. ann 30", "2. bob 12"]


def test_table_with_single_scoreless_player():
    assert format_table({"ann": 0}) == ["1. ann 0"]
