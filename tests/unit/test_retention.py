"""Which runs have no room: the oldest, of a tenant and of all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workflows.service.retention import too_many

RUNS = [("ada", "5", 10), ("bob", "4", 10), ("ada", "3", 10), ("ada", "2", 1), ("bob", "1", 10)]


def test_the_oldest_go_first_where_all_together_have_no_room() -> None:
    assert too_many(RUNS, whole=30, each=0) == ["1", "2"]
    assert too_many(RUNS, whole=41, each=0) == []


def test_a_tenant_with_too_much_takes_no_room_from_others() -> None:
    """Its older runs go, the small one behind a large one too; what goes is not counted among all."""
    assert too_many(RUNS, whole=0, each=10.5) == ["1", "2", "3"]
    assert too_many([*RUNS, ("eve", "0", 9)], whole=49, each=20) == ["2"]


def test_without_limits_everything_stays() -> None:
    assert too_many(RUNS, whole=0, each=0) == []


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), max_size=30), st.integers(0, 60), st.integers(0, 60)
)
def test_what_stays_fits_and_is_the_newest_of_each_tenant(sizes: list[tuple[str, int]], whole: int, each: int) -> None:
    runs = [(tenant, str(number), size) for number, (tenant, size) in enumerate(sizes)]
    gone = set(too_many(runs, whole=whole, each=each))
    for tenant in "ab":
        stays = [run not in gone for owner, run, _ in runs if owner == tenant]
        assert stays == sorted(stays, reverse=True)
        left = sum(size for owner, run, size in runs if owner == tenant and run not in gone)
        assert not each or left <= each
    assert not whole or sum(size for _, run, size in runs if run not in gone) <= whole
