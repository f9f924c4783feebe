"""Pallets moved between warehouses of limited space."""


class TransferError(Exception):
    """Raised when a warehouse cannot take part in a movement."""


class Warehouse:
    """A place for up to ``space`` pallets."""

    def __init__(self, space: int, pallets: int = 0) -> None:
        self.space = space
        self.pallets = pallets

    def free(self) -> int:
        """Return how many more pallets fit."""
        return self.space - self.pallets


class Network:
    """Warehouses by name, with a log of the movements between them."""

    def __init__(self, warehouses: dict[str, Warehouse]) -> None:
        self.warehouses = warehouses
        self.log: list[tuple[str, str, int]] = []

    def transfer(self, source: str, target: str, count: int) -> None:
        """Move pallets from one warehouse to another, or none at all."""
        if count < 1:
            raise ValueError("count must be positive")
        if source == target:
            raise TransferError("source and target are the same")
        origin = self.warehouses[source]
        if count > origin.pallets:
            raise TransferError(f"{source} has only {origin.pallets} pallets")
        destination = self.warehouses[target]
        if count > destination.free():
            raise TransferError(f"{target} has room for only {destination.free()} pallets")
        origin.pallets -= count
        destination.pallets += count
        self.log.append((source, target, count))

    def contents(self) -> dict[str, int]:
        """Return the number of pallets of every warehouse."""
        return {name: place.pallets for name, place in sorted(self.warehouses.items())}


def replay(
    places: dict[str, tuple[int, int]],
    transfers: list[tuple[str, str, int]],
) -> tuple[dict[str, int], int]:
    """Try transfers between new warehouses; return the contents and how many succeeded."""
    network = Network({name: Warehouse(*place) for name, place in places.items()})
    for transfer in transfers:
        try:
            network.transfer(*transfer)
        except TransferError:
            pass
    return network.contents(), len(network.log)
