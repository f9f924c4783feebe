"""Stock of a shop with reservations for customers."""


class StockError(Exception):
    """Raised when there are not enough pieces."""


class Inventory:
    """Counts the pieces on the shelf and those of them set aside."""

    def __init__(self) -> None:
        self._on_shelf: dict[str, int] = {}
        self._reserved: dict[str, int] = {}

    def receive(self, item: str, count: int) -> None:
        """Put delivered pieces on the shelf."""
        if count <= 0:
            raise ValueError("count must be positive")
        self._on_shelf[item] = self._on_shelf.get(item, 0) + count

    def on_shelf(self, item: str) -> int:
        """Return how many pieces are there, reserved or not."""
        return self._on_shelf.get(item, 0)

    def available(self, item: str) -> int:
        """Return how many pieces nobody has reserved."""
        return self.on_shelf(item) - self._reserved.get(item, 0)

    def reserve(self, item: str, count: int) -> None:
        """Set pieces aside."""
        if count > self.available(item):
            raise StockError(f"{item}: {self.available(item)} available")
        self._reserved[item] = self._reserved.get(item, 0) + count

    def collect(self, item: str, count: int) -> None:
        """Hand out pieces that were reserved."""
        if count > self._reserved.get(item, 0):
            raise StockError(f"{item}: not so many reserved")
        self._reserved[item] -= count
        self._on_shelf[item] -= count

    def sell(self, item: str, count: int) -> None:
        """Sell pieces nobody has reserved."""
        if count > self.available(item):
            raise StockError(f"{item}: {self.available(item)} available")
        self._on_shelf[item] -= count


def replay(operations: list[tuple[str, str, int]]) -> list[tuple[int, int] | str]:
    """Return the pieces on the shelf and available after each operation."""
    inventory = Inventory()
    results: list[tuple[int, int] | str] = []
    for name, item, count in operations:
        try:
            getattr(inventory, name)(item, count)
            results.append((inventory.on_shelf(item), inventory.available(item)))
        except StockError:
            results.append("refused")
    return results
