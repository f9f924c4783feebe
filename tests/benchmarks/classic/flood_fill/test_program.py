from program import bucket, fill, parse, render


def test_parse_and_render_round_trip():
    assert render(parse(["ab", "cd"])) == ["ab", "cd"]


def test_single_cell():
    canvas = [["."]]
    assert fill(canvas, 0, 0, "x") == 1
    assert canvas == [["x"]]


def test_area_stops_at_other_colours():
    assert bucket([".#.", ".#.", ".#."], [(0, 0, "o")]) == ["o#.", "o#.", "o#."]


def test_area_does_not_leak_diagonally():
    assert bucket([".#", "#."], [(0, 0, "o")]) == ["o#", "#."]


def test_counts_changed_cells():
    assert fill(parse(["..", ".#"]), 0, 1, "o") == 3


def test_same_colour_changes_nothing():
    canvas = parse(["..", ".#"])
    assert fill(canvas, 0, 0, ".") == 0
    assert render(canvas) == ["..", ".#"]


def test_clicking_twice_with_one_colour():
    assert bucket(["..#"], [(0, 0, "o"), (0, 1, "o")]) == ["oo#"]


def test_second_click_joins_areas():
    assert bucket([".#."], [(0, 1, "."), (0, 0, "x")]) == ["xxx"]


def test_picture_without_clicks():
    assert bucket(["ab"], []) == ["ab"]
