"""Arithmetic with square matrices of whole numbers."""

Matrix = list[list[int]]


def zeros(size: int) -> Matrix:
    """Return a matrix filled with zeros."""
    return [[0] * size for _ in range(size)]


def identity(size: int) -> Matrix:
    """Return the matrix that changes nothing in a product."""
    matrix = zeros(size)
    for index in range(size):
        matrix[index][index] = 1
    return matrix


def add(left: Matrix, right: Matrix) -> Matrix:
    """Return the sum of two matrices of equal size."""
    if len(left) != len(right):
        raise ValueError("the sizes differ")
    return [[a + b for a, b in zip(*rows)] for rows in zip(left, right)]


def multiply(left: Matrix, right: Matrix) -> Matrix:
    """Return the product of two matrices of equal size."""
    if len(left) != len(right):
        raise ValueError("the sizes differ")
    size = len(left)
    product = zeros(size)
    for row in range(size):
        for column in range(size):
            for inner in range(size):
                product[row][column] += left[row][inner] * right[inner][column]
    return product


def power(matrix: Matrix, exponent: int) -> Matrix:
    """Return the matrix raised to an exponent of zero or more."""
    if exponent < 0:
        raise ValueError("negative exponent")
    result = identity(len(matrix))
    while exponent:
        if exponent % 2:
            result = multiply(result, matrix)
        matrix = multiply(matrix, matrix)
        exponent //= 2
    return result


def trace(matrix: Matrix) -> int:
    """Return the sum of the diagonal."""
    return sum(matrix[index][index] for index in range(len(matrix)))
