import pytest

from program import RoleBook, UnknownRole, granted


@pytest.fixture
def book():
    book = RoleBook()
    book.define("reader", ["read"])
    book.define("writer", ["write"], base="reader")
    book.define("chief", ["delete", "publish"], base="writer")
    book.define("root", ["*"])
    return book


def test_own_permissions(book):
    assert book.permissions("reader") == {"read"}


def test_permissions_of_the_bases(book):
    assert book.permissions("chief") == {"read", "write", "delete", "publish"}


def test_result_can_be_changed_safely(book):
    book.permissions("reader").add("write")
    assert book.permissions("reader") == {"read"}


def test_unknown_roles(book):
    with pytest.raises(UnknownRole):
        book.permissions("guest")
    book.define("orphan", ["x"], base="nobody")
    with pytest.raises(UnknownRole):
        book.permissions("orphan")


def test_defining_anew(book):
    book.define("writer", ["draft"])
    assert book.permissions("chief") == {"draft", "delete", "publish"}


def test_allows(book):
    assert book.allows(["reader", "writer"], "write")
    assert not book.allows(["reader"], "write")
    assert not book.allows([], "read")


def test_star_grants_everything(book):
    assert book.allows(["reader", "root"], "anything")


def test_base_defined_later():
    assert granted([("b", ["2"], "a"), ("a", ["1"], None)], "b") == ["1", "2"]


def test_circle_of_two_roles():
    definitions = [("a", ["1"], "b"), ("b", ["2"], "a")]
    assert granted(definitions, "a") == ["1", "2"]
    assert granted(definitions, "b") == ["1", "2"]


def test_role_extending_itself():
    assert granted([("a", ["1"], "a")], "a") == ["1"]


def test_way_into_a_circle():
    definitions = [("a", ["1"], "b"), ("b", ["2"], "c"), ("c", ["3"], "b")]
    assert granted(definitions, "a") == ["1", "2", "3"]
