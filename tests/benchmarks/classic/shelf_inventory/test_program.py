import pytest

from program import Inventory, StockError, replay


@pytest.fixture
def inventory():
    inventory = Inventory()
    inventory.receive("lamp", 5)
    return inventory


def test_deliveries_add_up(inventory):
    inventory.receive("lamp", 2)
    assert inventory.on_shelf("lamp") == 7


def test_unknown_item():
    inventory = Inventory()
    assert inventory.on_shelf("vase") == 0
    with pytest.raises(StockError):
        inventory.sell("vase", 1)


def test_delivery_must_be_positive(inventory):
    with pytest.raises(ValueError):
        inventory.receive("lamp", 0)


def test_reservation_keeps_the_shelf(inventory):
    inventory.reserve("lamp", 3)
    assert inventory.on_shelf("lamp") == 5
    assert inventory.available("lamp") == 2


def test_reservation_of_too_many(inventory):
    inventory.reserve("lamp", 3)
    with pytest.raises(StockError):
        inventory.reserve("lamp", 3)
    inventory.reserve("lamp", 2)
    assert inventory.available("lamp") == 0


def test_collecting(inventory):
    inventory.reserve("lamp", 3)
    inventory.collect("lamp", 2)
    assert inventory.on_shelf("lamp") == 3
    assert inventory.available("lamp") == 2
    with pytest.raises(StockError):
        inventory.collect("lamp", 2)


def test_selling_everything(inventory):
    inventory.sell("lamp", 5)
    assert inventory.on_shelf("lamp") == 0
    with pytest.raises(StockError):
        inventory.sell("lamp", 1)


def test_reserved_pieces_are_not_sold(inventory):
    inventory.reserve("lamp", 4)
    with pytest.raises(StockError):
        inventory.sell("lamp", 2)
    inventory.sell("lamp", 1)
    assert inventory.on_shelf("lamp") == 4
    assert inventory.available("lamp") == 0


def test_replay():
    operations = [
        ("receive", "cup", 4), ("reserve", "cup", 4), ("sell", "cup", 1), ("collect", "cup", 4),
    ]
    assert replay(operations) == [(4, 4), (4, 0), "refused", (0, 0)]
