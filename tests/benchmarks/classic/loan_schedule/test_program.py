import pytest

from program import last_payment, monthly_interest, schedule, total_interest


def test_monthly_interest():
    assert monthly_interest(120_000, 1000) == 1000
    assert monthly_interest(0, 1000) == 0


def test_monthly_interest_rounds_half_up():
    assert monthly_interest(60, 1000) == 1
    assert monthly_interest(59, 1000) == 0


def test_nothing_borrowed():
    assert schedule(0, 500, 100) == []
    assert last_payment(0, 500, 100) == 0


def test_loan_without_interest():
    assert schedule(1000, 0, 400) == [(0, 400, 600), (0, 400, 200), (0, 200, 0)]


def test_loan_paid_back_at_once():
    assert schedule(12_000, 1000, 20_000) == [(100, 12_000, 0)]


def test_interest_falls_with_the_balance():
    assert schedule(120_000, 1000, 61_000) == [
        (1000, 60_000, 60_000),
        (500, 60_000, 0),
    ]


def test_several_months():
    assert schedule(240_000, 600, 100_000) == [
        (1200, 98_800, 141_200),
        (706, 99_294, 41_906),
        (210, 41_906, 0),
    ]


def test_payment_too_small():
    with pytest.raises(ValueError):
        schedule(120_000, 1000, 1000)


def test_total_interest():
    assert total_interest(1000, 0, 400) == 0
    assert total_interest(240_000, 600, 100_000) == 2116


def test_last_payment():
    assert last_payment(1000, 0, 400) == 200
    assert last_payment(240_000, 600, 100_000) == 42_116
