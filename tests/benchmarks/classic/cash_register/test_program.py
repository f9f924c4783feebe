import pytest

from program import CashRegister, replay


def test_total():
    assert CashRegister({}).total() == 0
    assert CashRegister({100: 2, 5: 3}).total() == 215


def test_exact_payment_needs_no_change():
    register = CashRegister({})
    assert register.sell(150, [100, 50]) == []
    assert register.total() == 150


def test_change_uses_largest_coins():
    assert CashRegister({50: 5, 20: 5, 10: 5}).change(80) == [50, 20, 10]


def test_change_goes_on_with_smaller_coins():
    assert CashRegister({50: 1, 20: 5}).change(110) == [50, 20, 20, 20]


def test_not_enough_change():
    register = CashRegister({50: 1})
    with pytest.raises(ValueError):
        register.change(60)
    assert register.total() == 50


def test_change_leaves_the_drawer():
    register = CashRegister({50: 2, 10: 1})
    register.change(60)
    assert register.drawer == {50: 1, 10: 0}


def test_customers_coins_can_be_change():
    assert CashRegister({}).sell(20, [20, 20]) == [20]


def test_paid_too_little():
    register = CashRegister({10: 1})
    with pytest.raises(ValueError):
        register.sell(100, [50])
    assert register.total() == 10


def test_refused_sale_gives_the_coins_back():
    assert replay({20: 1}, [(50, [100])]) == ([None], 20)


def test_sales_until_change_runs_out():
    results, total = replay({50: 1}, [(50, [100]), (50, [100]), (100, [100])])
    assert results == [[50], None, []]
    assert total == 200


def test_register_keeps_its_own_drawer():
    drawer = {10: 1}
    CashRegister(drawer).insert([10])
    assert drawer == {10: 1}
