"""Which test ids are of doctests in source files."""

from __future__ import annotations

import pytest

from tools.testing.paths import is_doctest


@pytest.mark.parametrize("test", ["shop.py::shop", "shop.py::shop.Cart.total", "src/shop/cart.py::shop.cart.total"])
def test_a_doctest_of_a_source_file_is_known(test: str) -> None:
    assert is_doctest(test)


@pytest.mark.parametrize(
    "test", ["checks.py::check_total", "checks.py::check[1.5]", "checks.py::Cart::total", "checks.py", "a.test.js::x.y"]
)
def test_another_test_is_none(test: str) -> None:
    """Names of functions and classes hold no dot outside their parameters."""
    assert not is_doctest(test)
