import pytest

from program import compare, newest, parse


def test_release_numbers_are_compared_as_numbers():
    assert compare("1.10", "1.9") == 1
    assert compare("2.0", "10.0") == -1


def test_equal_versions():
    assert compare("1.2.3", "1.2.3") == 0
    assert compare("1.2rc1", "1.2rc1") == 0


def test_missing_numbers_count_as_zero():
    assert compare("1.2", "1.2.0") == 0
    assert compare("1", "1.0.1") == -1
    assert compare("1.0.1b2", "1") == 1


def test_prereleases_come_before_the_release():
    assert compare("2.0rc1", "2.0") == -1
    assert compare("2.0a1", "1.9") == 1


def test_stages():
    assert compare("2.0a2", "2.0b1") == -1
    assert compare("2.0rc1", "2.0b9") == 1


def test_numbers_within_a_stage():
    assert compare("1.0rc1", "1.0rc2") == -1
    assert compare("1.0rc10", "1.0rc9") == 1
    assert compare("1.0b2", "1.0b11") == -1


def test_leading_zero_within_a_stage():
    assert compare("1.0rc01", "1.0rc1") == 0


def test_texts_that_are_no_versions():
    for text in ("", "beta", "1.0x2", "1..2"):
        with pytest.raises(ValueError):
            parse(text)


def test_newest_release():
    assert newest(["1.2", "1.10", "2.0rc1", "1.9.9"]) == "1.10"


def test_newest_prerelease():
    assert newest(["2.0rc9", "2.0rc12", "1.10", "2.0b30"], prereleases=True) == "2.0rc12"


def test_no_candidate():
    assert newest([]) is None
    assert newest(["1.0a1"]) is None
