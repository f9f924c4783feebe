from program import island_sizes, largest_island, neighbours


def test_empty_map():
    assert island_sizes([]) == []
    assert largest_island([]) == 0


def test_only_water():
    assert largest_island(["..", ".."]) == 0


def test_square_map():
    assert island_sizes(["##.", "..#", "#.#"]) == [2, 2, 1]


def test_diagonal_cells_do_not_touch():
    assert island_sizes(["#.", ".#"]) == [1, 1]


def test_corner_and_inner_neighbours():
    grid = ["...", "...", "..."]
    assert sorted(neighbours(grid, 0, 0)) == [(0, 1), (1, 0)]
    assert sorted(neighbours(grid, 1, 1)) == [(0, 1), (1, 0), (1, 2), (2, 1)]


def test_wide_map():
    assert island_sizes(["#####"]) == [5]
    assert island_sizes(["#..##", "#...#"]) == [3, 2]


def test_tall_map():
    assert island_sizes(["#", "#", ".", "#"]) == [2, 1]


def test_neighbours_at_the_edge_of_a_tall_map():
    assert sorted(neighbours(["..", "..", ".."], 1, 1)) == [(0, 1), (1, 0), (2, 1)]


def test_largest_of_several():
    assert largest_island(["#.#", "..#", "#.#"]) == 3
