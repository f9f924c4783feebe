from decimal import Decimal

import pytest

from program import invoice, line_net, line_tax, to_cents


def test_empty_invoice():
    assert invoice([]) == {"net": "0.00", "tax": "0.00", "total": "0.00"}


def test_amounts_always_have_two_places():
    assert str(to_cents(Decimal("3"))) == "3.00"


def test_rounding_to_the_nearest_cent():
    assert to_cents(Decimal("1.004")) == Decimal("1.00")
    assert to_cents(Decimal("1.006")) == Decimal("1.01")


def test_half_cents_round_up():
    assert to_cents(Decimal("1.015")) == Decimal("1.02")
    assert to_cents(Decimal("1.025")) == Decimal("1.03")


def test_net_of_a_line():
    assert line_net(3, "19.99") == Decimal("59.97")
    assert line_net(0, "5.00") == Decimal("0.00")


def test_net_of_a_fractional_price():
    assert line_net(5, "0.125") == Decimal("0.63")
    assert line_net(1, "0.125") == Decimal("0.13")


def test_negative_quantity():
    with pytest.raises(ValueError):
        line_net(-1, "1.00")


def test_tax():
    assert line_tax(Decimal("10.00"), "19") == Decimal("1.90")
    assert line_tax(Decimal("0.50"), "5") == Decimal("0.03")
    assert line_tax(Decimal("9.99"), "0") == Decimal("0.00")


def test_invoice_totals():
    lines = [(2, "10.00", "20"), (1, "3.33", "7")]
    assert invoice(lines) == {"net": "23.33", "tax": "4.23", "total": "27.56"}


def test_tax_is_rounded_per_line():
    lines = [(1, "0.30", "5"), (1, "0.30", "5")]
    assert invoice(lines) == {"net": "0.60", "tax": "0.04", "total": "0.64"}
