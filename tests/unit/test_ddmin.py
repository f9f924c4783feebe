"""Delta debugging finds a 1-minimal subset."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tools.ddmin import ddmin


@given(st.integers(1, 20), st.data())
async def test_result_is_exactly_what_is_needed(size: int, data: st.DataObject) -> None:
    """When a fixed subset is needed, ddmin returns that subset."""
    needed = data.draw(st.sets(st.integers(0, size - 1), min_size=1))

    async def holds(part: tuple[int, ...]) -> bool:
        return needed <= set(part)

    assert set(await ddmin(range(size), holds)) == needed
