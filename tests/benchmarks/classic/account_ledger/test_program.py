import pytest

from program import InsufficientFunds, Ledger, replay


@pytest.fixture
def ledger():
    ledger = Ledger()
    ledger.open("ann")
    ledger.open("bob")
    ledger.deposit("ann", 100)
    return ledger


def test_new_account_is_empty(ledger):
    assert ledger.balances == {"ann": 100, "bob": 0}


def test_name_is_taken(ledger):
    with pytest.raises(ValueError):
        ledger.open("ann")


def test_withdraw_everything(ledger):
    ledger.withdraw("ann", 100)
    assert ledger.balances["ann"] == 0


def test_withdraw_too_much(ledger):
    with pytest.raises(InsufficientFunds):
        ledger.withdraw("ann", 101)
    assert ledger.balances["ann"] == 100


def test_amounts_must_be_positive(ledger):
    with pytest.raises(ValueError):
        ledger.deposit("ann", 0)
    with pytest.raises(ValueError):
        ledger.transfer("ann", "bob", -5)
    assert ledger.balances == {"ann": 100, "bob": 0}


def test_transfer(ledger):
    ledger.transfer("ann", "bob", 30)
    assert ledger.balances == {"ann": 70, "bob": 30}


def test_transfer_to_oneself(ledger):
    ledger.transfer("ann", "ann", 40)
    assert ledger.balances["ann"] == 100


def test_transfer_of_too_much_changes_nothing(ledger):
    with pytest.raises(InsufficientFunds):
        ledger.transfer("ann", "bob", 101)
    assert ledger.balances == {"ann": 100, "bob": 0}


def test_transfer_to_an_unknown_account_changes_nothing(ledger):
    with pytest.raises(KeyError):
        ledger.transfer("ann", "zoe", 10)
    assert ledger.balances == {"ann": 100, "bob": 0}


def test_transfer_from_an_unknown_account_changes_nothing(ledger):
    with pytest.raises(KeyError):
        ledger.transfer("zoe", "ann", 10)
    assert ledger.balances == {"ann": 100, "bob": 0}


def test_replay():
    operations = [("deposit", "a", 50), ("transfer", "a", "b", 20), ("withdraw", "b", 30)]
    assert replay(["a", "b"], operations) == (
        ["ok", "ok", "InsufficientFunds"],
        {"a": 30, "b": 20},
    )
