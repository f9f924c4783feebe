"""Clauses that keep a value from being looked at are no repairs."""

from __future__ import annotations

import pytest

from tools.repair.validity import backwards


@pytest.mark.parametrize(
    ("text", "many"),
    [
        ("    return other is not None or self.cmp(other) != 0\n", 1),
        ("if x is None and x.ready():\n    pass\n", 1),
        ("if self.a is not None or len(self.a) > 1:\n    pass\n", 1),
        ("return other is None or self.cmp(other) != 0\n", 0),
        ("if x is not None and x.ready():\n    pass\n", 0),
        ("if x is not None or y.ready():\n    pass\n", 0),
        ("if x is None and y.ready():\n    pass\n", 0),
        ("elif broken(:\n", 0),
    ],
)
def test_a_guard_the_wrong_way_round_is_counted(text: str, many: int) -> None:
    """Only where what is behind it uses what it guards."""
    assert backwards(text) == many
