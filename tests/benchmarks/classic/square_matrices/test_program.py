import pytest

from program import add, identity, multiply, power, trace, zeros

FIBONACCI = [[1, 1], [1, 0]]


def test_zeros():
    assert zeros(2) == [[0, 0], [0, 0]]
    assert zeros(0) == []


def test_identity():
    assert identity(1) == [[1]]
    assert identity(3) == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_sum():
    assert add([[1, 2], [3, 4]], [[5, 6], [7, 8]]) == [[6, 8], [10, 12]]


def test_sizes_must_agree():
    with pytest.raises(ValueError):
        add([[1]], [[1, 2], [3, 4]])
    with pytest.raises(ValueError):
        multiply([[1]], [[1, 2], [3, 4]])


def test_product():
    assert multiply([[1, 2], [3, 4]], [[0, 1], [1, 0]]) == [[2, 1], [4, 3]]
    assert multiply([[2]], [[7]]) == [[14]]


def test_product_with_identity():
    matrix = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert multiply(matrix, identity(3)) == matrix
    assert multiply(identity(3), matrix) == matrix


def test_powers():
    assert power(FIBONACCI, 0) == [[1, 0], [0, 1]]
    assert power(FIBONACCI, 1) == FIBONACCI
    assert power(FIBONACCI, 10) == [[89, 55], [55, 34]]


def test_power_of_a_number():
    assert power([[3]], 4) == [[81]]


def test_negative_exponent():
    with pytest.raises(ValueError):
        power(FIBONACCI, -1)


def test_trace():
    assert trace([[1, 9], [9, 5]]) == 6
    assert trace([]) == 0


def test_arguments_are_left_alone():
    matrix = [[1, 1], [1, 0]]
    power(matrix, 5)
    add(matrix, matrix)
    assert matrix == [[1, 1], [1, 0]]
