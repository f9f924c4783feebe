import pytest

from program import navigation, page_count, page_items, page_links


def test_page_count():
    assert page_count(0, 10) == 1
    assert page_count(10, 10) == 1
    assert page_count(11, 10) == 2


def test_page_size_must_be_positive():
    with pytest.raises(ValueError):
        page_count(5, 0)


def test_page_items():
    items = list(range(7))
    assert page_items(items, 1, 3) == [0, 1, 2]
    assert page_items(items, 3, 3) == [6]
    assert page_items([], 1, 3) == []


def test_pages_that_do_not_exist():
    for page in (0, 3):
        with pytest.raises(IndexError):
            page_items([1, 2, 3, 4], page, 2)
    with pytest.raises(IndexError):
        page_links(6, 5)


def test_links_in_the_middle():
    assert page_links(10, 20) == [8, 9, 10, 11, 12]
    assert page_links(10, 20, 3) == [9, 10, 11]


def test_links_at_the_beginning():
    assert page_links(1, 20) == [1, 2, 3, 4, 5]
    assert page_links(2, 20) == [1, 2, 3, 4, 5]


def test_links_at_the_end():
    assert page_links(20, 20) == [16, 17, 18, 19, 20]
    assert page_links(19, 20) == [16, 17, 18, 19, 20]
    assert page_links(17, 20) == [15, 16, 17, 18, 19]


def test_few_pages():
    assert page_links(2, 3) == [1, 2, 3]
    assert page_links(1, 1) == [1]
    assert page_links(5, 5) == [1, 2, 3, 4, 5]


def test_even_width():
    assert page_links(5, 10, 4) == [3, 4, 5, 6]
    assert page_links(10, 10, 4) == [7, 8, 9, 10]


def test_navigation():
    assert navigation(5, 9, 3) == "< 4 [5] 6 >"
    assert navigation(1, 9, 3) == "[1] 2 3 >"
    assert navigation(9, 9, 3) == "< 7 8 [9]"
