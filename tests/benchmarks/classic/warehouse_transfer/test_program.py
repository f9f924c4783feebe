import pytest

from program import Network, TransferError, Warehouse, replay


@pytest.fixture
def network():
    return Network({"north": Warehouse(10, 8), "south": Warehouse(6, 2), "west": Warehouse(4)})


def test_transfer(network):
    network.transfer("north", "south", 3)
    assert network.contents() == {"north": 5, "south": 5, "west": 0}
    assert network.log == [("north", "south", 3)]


def test_everything_can_move(network):
    network.transfer("south", "west", 2)
    assert network.contents() == {"north": 8, "south": 0, "west": 2}


def test_target_can_be_filled(network):
    network.transfer("north", "west", 4)
    assert network.warehouses["west"].free() == 0


def test_too_few_pallets(network):
    with pytest.raises(TransferError):
        network.transfer("south", "north", 3)
    assert network.contents() == {"north": 8, "south": 2, "west": 0}
    assert network.log == []


def test_too_little_room(network):
    with pytest.raises(TransferError):
        network.transfer("north", "south", 5)
    assert network.log == []


def test_refused_transfer_moves_nothing(network):
    with pytest.raises(TransferError):
        network.transfer("north", "west", 5)
    assert network.contents() == {"north": 8, "south": 2, "west": 0}


def test_unknown_target_moves_nothing(network):
    with pytest.raises(KeyError):
        network.transfer("north", "east", 1)
    assert network.contents()["north"] == 8


def test_same_place(network):
    with pytest.raises(TransferError):
        network.transfer("north", "north", 1)


def test_count_must_be_positive(network):
    with pytest.raises(ValueError):
        network.transfer("north", "south", 0)


def test_replay():
    places = {"a": (5, 5), "b": (3, 0)}
    transfers = [("a", "b", 4), ("a", "b", 3), ("b", "a", 1), ("b", "a", 3)]
    assert replay(places, transfers) == ({"a": 3, "b": 2}, 2)
