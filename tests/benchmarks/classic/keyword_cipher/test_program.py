import pytest

from program import KeywordCipher, caesar, encrypt_all


def test_caesar():
    assert caesar("abc", 3) == "def"


def test_caesar_goes_round_the_alphabet():
    assert caesar("xyz XYZ", 3) == "abc ABC"
    assert caesar("abc", -1) == "zab"
    assert caesar("abc", 26) == "abc"


def test_caesar_keeps_other_characters():
    assert caesar("é, 1!", 5) == "é, 1!"


def test_keyword_moves_each_letter():
    assert KeywordCipher("bc").encrypt("aaaa") == "bcbc"


def test_keyword_skips_other_characters():
    assert KeywordCipher("bc").encrypt("a a-A") == "b c-B"


def test_keyword_ignores_case():
    assert KeywordCipher("LEMON").encrypt("Attack at dawn") == "Lxfopv ef rnhr"


def test_decrypting_with_a_new_cipher():
    secret = KeywordCipher("lemon").encrypt("Attack at dawn")
    assert KeywordCipher("lemon").decrypt(secret) == "Attack at dawn"


def test_decrypting_with_the_same_cipher():
    cipher = KeywordCipher("lemon")
    assert cipher.decrypt(cipher.encrypt("Hello, World")) == "Hello, World"


@pytest.mark.parametrize("keyword", ["", "two words", "k9"])
def test_bad_keywords(keyword):
    with pytest.raises(ValueError):
        KeywordCipher(keyword)


def test_several_texts():
    assert encrypt_all("bcd", ["aa", "", "aaaa"]) == ["bc", "", "bcdb"]


def test_no_texts():
    assert encrypt_all("key", []) == []
