"""Invoices with tax per line, rounded commercially (halves away from zero)."""

import decimal

CENT = decimal.Decimal("0.01")


def to_cents(amount):
    """Round an amount to whole cents, halves up."""
    return amount.quantize(CENT)


def line_net(quantity, unit_price):
    """Return the net amount of a line; the price is given as text.

    Raise ValueError for a negative quantity.
    """
    if quantity < 0:
        raise ValueError("negative quantity")
    return to_cents(quantity * decimal.Decimal(unit_price))


def line_tax(net, percent):
    """Return the tax on a net amount, in whole cents."""
    return to_cents(net * decimal.Decimal(percent) / 100)


def invoice(lines):
    """Return {"net", "tax", "total"} as text for (quantity, price, percent) lines.

    Raise ValueError for a negative quantity.
    """
    net = tax = decimal.Decimal("0.00")
    for quantity, unit_price, percent in lines:
        amount = line_net(quantity, unit_price)
        net += amount
        tax += line_tax(amount, percent)
    return {"net": str(net), "tax": str(tax), "total": str(net + tax)}
