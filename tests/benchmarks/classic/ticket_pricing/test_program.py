import pytest

from program import group_percent, group_price, ticket_price


def test_adult():
    assert ticket_price(18) == 1200
    assert ticket_price(64) == 1200


def test_children():
    assert ticket_price(0) == 0
    assert ticket_price(5) == 0
    assert ticket_price(6) == 600
    assert ticket_price(17) == 600


def test_seniors():
    assert ticket_price(65) == 900


def test_members_enter_free():
    assert ticket_price(40, member=True) == 0


def test_negative_age():
    with pytest.raises(ValueError):
        ticket_price(-1)


def test_small_groups_have_no_discount():
    assert group_percent(1) == 0
    assert group_percent(9) == 0


def test_discounts_between_the_limits():
    assert [group_percent(count) for count in (11, 19, 21, 49, 51)] == [5, 5, 10, 10, 20]


def test_discounts_at_the_limits():
    assert [group_percent(count) for count in (10, 20, 50)] == [5, 10, 20]


def test_family():
    assert group_price([38, 41, 9, 4]) == 3000
    assert group_price([]) == 0


def test_group_of_ten():
    assert group_price([30] * 10) == 11400


def test_members_count_for_the_discount():
    assert group_price([30] * 20, members=15) == 5400


def test_too_many_members():
    with pytest.raises(ValueError):
        group_price([30], members=2)
