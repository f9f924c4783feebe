import pytest

from program import fold, shorten, slugify, unique_slugs


def test_fold_removes_accents_and_case():
    assert fold("Crème BRÛLÉE") == "creme brulee"


def test_slug_of_plain_words():
    assert slugify("Hello World") == "hello-world"


def test_slug_without_punctuation():
    assert slugify("  What's new -- in 2024?! ") == "whats-new-in-2024"


def test_slug_of_nothing():
    assert slugify("") == ""
    assert slugify("?!") == ""


def test_short_slug_is_kept():
    assert shorten("one-two", 7) == "one-two"
    assert shorten("one-two", 20) == "one-two"


def test_shorten_drops_a_partial_word():
    assert shorten("one-two-three", 9) == "one-two"
    assert shorten("one-two-three", 8) == "one-two"


def test_shorten_keeps_a_word_that_just_fits():
    assert shorten("one-two-three", 7) == "one-two"
    assert shorten("one-two", 3) == "one"


def test_shorten_cuts_a_long_first_word():
    assert shorten("extraordinary-day", 5) == "extra"


def test_bad_limit():
    with pytest.raises(ValueError):
        shorten("one", 0)


def test_repeated_slugs_are_numbered():
    headlines = ["News", "news!", "Other", "NEWS"]
    assert unique_slugs(headlines) == ["news", "news-2", "other", "news-3"]


def test_untitled():
    assert unique_slugs(["", "..."]) == ["untitled", "untitled-2"]


def test_limited_slugs():
    assert unique_slugs(["Big city lights", "Big city nights"], 8) == ["big-city", "big-city-2"]
