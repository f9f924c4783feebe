from program import evolve, living_neighbours, parse, render, step


def test_parse_and_render_round_trip():
    assert render(parse("#.\n.#")) == "#.\n.#"


def test_neighbours_in_the_corner():
    assert living_neighbours(parse("##\n##"), 0, 0) == 3


def test_neighbours_do_not_include_the_cell():
    assert living_neighbours(parse("...\n.#.\n..."), 1, 1) == 0


def test_no_generations():
    assert evolve("#.#", 0) == "#.#"


def test_lonely_cell_dies():
    assert evolve("...\n.#.\n...", 1) == "...\n...\n..."


def test_block_is_still():
    assert evolve("....\n.##.\n.##.\n....", 1) == "....\n.##.\n.##.\n...."


def test_blinker_turns():
    assert evolve("...\n###\n...", 1) == ".#.\n.#.\n.#."


def test_blinker_returns():
    assert evolve("...\n###\n...", 2) == "...\n###\n..."


def test_birth_with_three_neighbours():
    assert evolve("##\n#.", 1) == "##\n##"


def test_crowded_cells_die():
    assert evolve("###\n###\n###", 1) == "#.#\n...\n#.#"


def test_step_leaves_the_old_board_alone():
    board = parse("...\n###\n...")
    step(board)
    assert render(board) == "...\n###\n..."
