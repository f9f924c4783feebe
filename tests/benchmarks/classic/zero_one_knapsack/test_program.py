from program import best_choice, best_value, fits_exactly

CAMPING = [(3, 40), (4, 50), (5, 70), (9, 100)]


def test_nothing_to_pack():
    assert best_value([], 10) == 0
    assert best_choice([], 10) == []


def test_no_room():
    assert best_value(CAMPING, 0) == 0
    assert best_value(CAMPING, 2) == 0


def test_one_item_that_fits_exactly():
    assert best_value([(5, 9)], 5) == 9
    assert best_value([(5, 9)], 4) == 0


def test_all_items_fit():
    assert best_value([(1, 2), (2, 3), (3, 4)], 6) == 9


def test_every_item_is_taken_once():
    assert best_value([(2, 10)], 7) == 10
    assert best_value([(1, 1), (6, 20)], 8) == 21


def test_camping():
    assert best_value(CAMPING, 9) == 120
    assert best_value(CAMPING, 12) == 160
    assert best_value(CAMPING, 21) == 260


def test_equal_items_count_separately():
    assert best_value([(3, 5), (3, 5)], 6) == 10
    assert best_value([(3, 5), (3, 5)], 9) == 10


def test_choice():
    assert best_choice(CAMPING, 9) == [1, 2]
    assert best_choice(CAMPING, 12) == [0, 1, 2]


def test_choice_of_a_light_item():
    assert best_choice([(1, 3), (4, 5)], 4) == [1]
    assert best_choice([(1, 3), (4, 5)], 3) == [0]


def test_exact_fit():
    assert fits_exactly([3, 5, 8], 11)
    assert fits_exactly([3, 5, 8], 0)
    assert not fits_exactly([3, 5, 8], 10)
    assert not fits_exactly([4, 9], 12)
