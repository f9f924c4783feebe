import pytest

from program import CycleError, finish_times, schedule


def test_no_tasks():
    assert schedule({}) == []


def test_independent_tasks_are_sorted():
    assert schedule({"c": [], "a": [], "b": []}) == ["a", "b", "c"]


def test_chain():
    assert schedule({"eat": ["cook"], "cook": ["buy"], "buy": []}) == ["buy", "cook", "eat"]


def test_prerequisite_without_entry():
    assert schedule({"test": ["build"]}) == ["build", "test"]


def test_diamond():
    needs = {"d": ["b", "c"], "b": ["a"], "c": ["a"]}
    assert schedule(needs) == ["a", "b", "c", "d"]


def test_cycle():
    with pytest.raises(CycleError):
        schedule({"a": ["b"], "b": ["a"], "c": []})
    with pytest.raises(CycleError):
        schedule({"a": ["a"]})


def test_prerequisite_listed_twice():
    assert schedule({"paint": ["sand", "sand"], "sand": []}) == ["sand", "paint"]


def test_repetition_among_others():
    needs = {"c": ["a", "b", "a"], "d": ["c"]}
    assert schedule(needs) == ["a", "b", "c", "d"]
    assert needs["c"] == ["a", "b", "a"]


def test_finish_times():
    needs = {"roof": ["walls"], "walls": ["ground"], "garden": ["ground"]}
    duration = {"ground": 3, "walls": 5, "roof": 2}
    assert finish_times(needs, duration) == {"ground": 3, "walls": 8, "roof": 10, "garden": 4}


def test_finish_time_follows_the_latest_prerequisite():
    needs = {"c": ["a", "b", "b"]}
    assert finish_times(needs, {"a": 2, "b": 7})["c"] == 8
