from program import count_keys, sort_integers, sort_records


def test_counts_span_lowest_to_highest():
    assert count_keys([3, 1, 3]) == (1, [1, 0, 2])


def test_integers_empty():
    assert sort_integers([]) == []


def test_integers_with_negatives_and_duplicates():
    assert sort_integers([2, -3, 0, 2, -1]) == [-3, -1, 0, 2, 2]


def test_records_empty():
    assert sort_records([], 0) == []


def test_single_record():
    assert sort_records([("a", 5)], 1) == [("a", 5)]


def test_records_with_one_key_keep_their_order():
    assert sort_records([(1, "b"), (1, "a")], 0) == [(1, "b"), (1, "a")]


def test_records_with_distinct_keys():
    records = [("pear", 3), ("fig", 1), ("plum", 2)]
    assert sort_records(records, 1) == [("fig", 1), ("plum", 2), ("pear", 3)]


def test_records_are_sorted_stably():
    records = [("d", 2), ("a", 1), ("c", 2), ("b", 1)]
    assert sort_records(records, 1) == [("a", 1), ("b", 1), ("d", 2), ("c", 2)]


def test_records_with_uneven_groups():
    records = [(0, "x"), (-2, "y"), (0, "z"), (0, "w")]
    assert sort_records(records, 0) == [(-2, "y"), (0, "x"), (0, "z"), (0, "w")]


def test_records_with_gaps_between_keys():
    assert sort_records([(9, "n"), (-4, "m")], 0) == [(-4, "m"), (9, "n")]
