import pytest

from program import VendingError, VendingMachine, replay


@pytest.fixture
def machine():
    return VendingMachine({"A": 120, "B": 50}, {"A": 2, "B": 1})


def test_coins_add_up(machine):
    assert machine.insert(50) == 50
    assert machine.insert(20) == 70


def test_unknown_coin(machine):
    with pytest.raises(VendingError):
        machine.insert(3)
    assert machine.balance == 0


def test_exact_price(machine):
    machine.insert(50)
    assert machine.select("B") == 0
    assert machine.earned == 50


def test_change_is_given_and_balance_cleared(machine):
    machine.insert(200)
    assert machine.select("A") == 80
    assert machine.balance == 0
    assert machine.stock["A"] == 1


def test_too_little_money_keeps_the_balance(machine):
    machine.insert(100)
    with pytest.raises(VendingError):
        machine.select("A")
    assert machine.balance == 100
    assert machine.stock["A"] == 2


def test_sold_out_and_unknown_slots(machine):
    machine.insert(50)
    machine.select("B")
    machine.insert(50)
    with pytest.raises(VendingError):
        machine.select("B")
    with pytest.raises(VendingError):
        machine.select("Z")


def test_cancel_returns_the_coins(machine):
    machine.insert(20)
    machine.insert(10)
    assert machine.cancel() == 30


def test_cancel_twice(machine):
    machine.insert(100)
    assert machine.cancel() == 100
    assert machine.cancel() == 0


def test_nothing_to_spend_after_cancel(machine):
    machine.insert(200)
    machine.cancel()
    with pytest.raises(VendingError):
        machine.select("B")
    assert machine.insert(5) == 5


def test_replay():
    operations = [("insert", 100), ("select", "B"), ("cancel", None), ("select", "B")]
    assert replay({"B": 50}, {"B": 3}, operations) == [100, 50, 0, "refused", 50]
