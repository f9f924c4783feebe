from program import find_runs, merge, merge_pass, merge_sort


def test_runs_of_nothing():
    assert find_runs([]) == []


def test_runs_keep_equal_neighbours_together():
    assert find_runs([1, 2, 2, 1, 5, 0]) == [[1, 2, 2], [1, 5], [0]]


def test_merge_keeps_both_tails():
    assert merge([1, 4, 9], [2, 3]) == [1, 2, 3, 4, 9]
    assert merge([1], [2, 3]) == [1, 2, 3]
    assert merge([], [7]) == [7]


def test_pass_over_two_runs():
    assert merge_pass([[1, 5], [2, 3]]) == [[1, 2, 3, 5]]


def test_pass_over_three_runs():
    assert merge_pass([[1, 5], [2, 3], [0]]) == [[1, 2, 3, 5], [0]]


def test_sort_empty_and_single():
    assert merge_sort([]) == []
    assert merge_sort([4]) == [4]


def test_sort_already_sorted():
    assert merge_sort([1, 2, 3, 4]) == [1, 2, 3, 4]


def test_sort_two_runs():
    assert merge_sort([5, 6, 1, 2]) == [1, 2, 5, 6]


def test_sort_descending():
    assert merge_sort([5, 4, 3, 2, 1]) == [1, 2, 3, 4, 5]


def test_sort_four_runs_with_duplicates():
    assert merge_sort([3, 1, 4, 1, 5, 4]) == [1, 1, 3, 4, 4, 5]


def test_sort_leaves_its_argument_alone():
    values = [2, 3, 1]
    merge_sort(values)
    assert values == [2, 3, 1]
