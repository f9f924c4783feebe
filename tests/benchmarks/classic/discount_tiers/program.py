"""Order discounts: volume tiers and coupons; amounts in cents."""

TIERS = [(50_000, 15), (20_000, 10), (10_000, 5)]
SHIPPING = 490
FREE_SHIPPING_FROM = 7_500


def tier_percent(subtotal):
    """Return the percentage for the highest tier that the subtotal reaches."""
    for threshold, percent in TIERS:
        if subtotal > threshold:
            return percent
    return 0


def percent_of(amount, percent):
    """Return a percentage of an amount, rounded down to a cent."""
    return amount * percent // 100


def apply_coupon(amount, coupon):
    """Return the amount left after a coupon such as ``-500`` or ``10%``.

    Never less than nothing is left. Raise ValueError for an unknown coupon.
    """
    if coupon.endswith("%") and coupon[:-1].isdigit():
        return max(0, amount - percent_of(amount, int(coupon[:-1])))
    if coupon.startswith("-") and coupon[1:].isdigit():
        return max(0, amount - int(coupon[1:]))
    raise ValueError(f"unknown coupon: {coupon!r}")


def order_total(items, coupons=()):
    """Return what an order of (quantity, price) items costs with shipping.

    Coupons are applied in order after the tier's discount. Raise ValueError
    for an unknown coupon.
    """
    subtotal = sum(quantity * price for quantity, price in items)
    amount = subtotal - percent_of(subtotal, tier_percent(subtotal))
    for coupon in coupons:
        amount = apply_coupon(amount, coupon)
    if amount < FREE_SHIPPING_FROM:
        amount += SHIPPING
    return amount
