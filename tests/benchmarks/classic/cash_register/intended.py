"""A cash register that gives change from the coins in its drawer."""


class CashRegister:
    """A drawer of coins, {value in cents: number of coins}."""

    def __init__(self, drawer):
        self.drawer = dict(drawer)

    def total(self):
        """Return the money in the drawer."""
        return sum(value * count for value, count in self.drawer.items())

    def insert(self, coins):
        """Put a list of coins into the drawer."""
        for coin in coins:
            self.drawer[coin] = self.drawer.get(coin, 0) + 1

    def change(self, amount):
        """Take change out of the drawer, largest coins first, and return it.

        Raise ValueError, and take nothing, if the coins do not suffice.
        """
        taken = []
        for coin in sorted(self.drawer, reverse=True):
            count = min(amount // coin, self.drawer[coin])
            taken.extend([coin] * count)
            amount -= coin * count
        if amount > 0:
            raise ValueError("not enough change")
        for coin in taken:
            self.drawer[coin] -= 1
        return taken

    def sell(self, price, coins):
        """Take a customer's coins and return the change.

        Raise ValueError, and keep nothing, if too little is paid or there is
        not enough change.
        """
        if sum(coins) < price:
            raise ValueError("paid too little")
        before = dict(self.drawer)
        self.insert(coins)
        try:
            return self.change(sum(coins) - price)
        except ValueError:
            self.drawer = before
            raise


def replay(drawer, sales):
    """Make (price, coins) sales; return each one's change (None if refused) and the final total."""
    register = CashRegister(drawer)
    results = []
    for price, coins in sales:
        try:
            results.append(register.sell(price, coins))
        except ValueError:
            results.append(None)
    return results, register.total()
