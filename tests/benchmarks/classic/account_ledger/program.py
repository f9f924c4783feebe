"""A ledger of accounts in cents that may not be overdrawn."""


class InsufficientFunds(Exception):
    """An account does not hold enough money."""


class Ledger:
    """Named accounts with their balances."""

    def __init__(self):
        self.balances = {}

    def open(self, name):
        """Open an empty account; raise ValueError if the name is taken."""
        if name in self.balances:
            raise ValueError(f"account exists: {name}")
        self.balances[name] = 0

    def deposit(self, name, amount):
        """Pay money in; raise KeyError for an unknown account."""
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.balances[name] += amount

    def withdraw(self, name, amount):
        """Take money out; raise KeyError or InsufficientFunds if that is impossible."""
        if amount <= 0:
            raise ValueError("amount must be positive")
        if self.balances[name] < amount:
            raise InsufficientFunds(name)
        self.balances[name] -= amount

    def transfer(self, source, target, amount):
        """Move money between two accounts, or change nothing and raise."""
        if target not in self.balances:
            raise KeyError(target)
        self.deposit(target, amount)
        self.withdraw(source, amount)


def replay(names, operations):
    """Run (method name, *arguments) operations on new accounts.

    Return "ok" or the error's name for each of them, and the final balances.
    """
    ledger = Ledger()
    for name in names:
        ledger.open(name)
    outcomes = []
    for method, *arguments in operations:
        try:
            getattr(ledger, method)(*arguments)
            outcomes.append("ok")
        except (KeyError, ValueError, InsufficientFunds) as error:
            outcomes.append(type(error).__name__)
    return outcomes, ledger.balances
