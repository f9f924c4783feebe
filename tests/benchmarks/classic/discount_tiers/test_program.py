import pytest

from program import apply_coupon, order_total, percent_of, tier_percent


def test_no_tier():
    assert tier_percent(0) == 0
    assert tier_percent(9_999) == 0


def test_inside_the_tiers():
    assert tier_percent(10_001) == 5
    assert tier_percent(19_999) == 5
    assert tier_percent(30_000) == 10
    assert tier_percent(99_999) == 15


def test_tiers_begin_at_their_threshold():
    assert tier_percent(10_000) == 5
    assert tier_percent(20_000) == 10
    assert tier_percent(50_000) == 15


def test_percentages_round_down():
    assert percent_of(999, 10) == 99


def test_coupons():
    assert apply_coupon(1000, "-300") == 700
    assert apply_coupon(1000, "25%") == 750


def test_coupon_worth_more_than_the_amount():
    assert apply_coupon(200, "-300") == 0


@pytest.mark.parametrize("coupon", ["", "10", "%", "-x"])
def test_unknown_coupon(coupon):
    with pytest.raises(ValueError):
        apply_coupon(1000, coupon)


def test_small_order_pays_shipping():
    assert order_total([(2, 1000)]) == 2490
    assert order_total([(1, 7_499)]) == 7_989


def test_free_shipping():
    assert order_total([(1, 7_500)]) == 7_500


def test_order_on_a_threshold():
    assert order_total([(4, 5_000)]) == 18_000


def test_coupons_follow_the_tier():
    assert order_total([(3, 10_000)], ["10%", "-300"]) == 24_000
