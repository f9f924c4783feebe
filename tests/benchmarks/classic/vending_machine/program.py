"""A vending machine that takes coins and sells from numbered slots."""

COINS = (5, 10, 20, 50, 100, 200)


class VendingError(Exception):
    """Raised when the machine refuses a request."""


class VendingMachine:
    """Holds the coins put in until they are spent or given back."""

    def __init__(self, prices: dict[str, int], stock: dict[str, int]) -> None:
        self.prices = dict(prices)
        self.stock = dict(stock)
        self.balance = 0
        self.earned = 0

    def insert(self, coin: int) -> int:
        """Accept a coin and return the balance."""
        if coin not in COINS:
            raise VendingError(f"unknown coin {coin}")
        self.balance += coin
        return self.balance

    def select(self, slot: str) -> int:
        """Sell one item of a slot and return the change."""
        if self.stock.get(slot, 0) == 0:
            raise VendingError(f"slot {slot} is empty")
        price = self.prices[slot]
        if self.balance < price:
            raise VendingError(f"{price - self.balance} missing")
        self.stock[slot] -= 1
        self.earned += price
        change = self.balance - price
        self.balance = 0
        return change

    def cancel(self) -> int:
        """Give back the coins put in and return their sum."""
        refund = self.balance
        return refund


def replay(
    prices: dict[str, int],
    stock: dict[str, int],
    operations: list[tuple[str, object]],
) -> list[object]:
    """Run operations on a machine and list the results and its earnings."""
    machine = VendingMachine(prices, stock)
    results: list[object] = []
    for name, value in operations:
        try:
            if name == "insert":
                results.append(machine.insert(value))
            elif name == "select":
                results.append(machine.select(value))
            else:
                results.append(machine.cancel())
        except VendingError:
            results.append("refused")
    results.append(machine.earned)
    return results
