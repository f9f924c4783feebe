from program import build_query, decode, encode, parse_query, unescape


def test_empty_query():
    assert parse_query("") == {}


def test_single_pair():
    assert parse_query("name=Ann") == {"name": ["Ann"]}


def test_repeated_keys_keep_their_order():
    assert parse_query("t=b&t=a&u=1") == {"t": ["b", "a"], "u": ["1"]}


def test_stray_separators_and_missing_values():
    assert parse_query("&a&&b=&") == {"a": [""], "b": [""]}


def test_value_with_equals_sign():
    assert parse_query("formula=a=b") == {"formula": ["a=b"]}


def test_unescape_keeps_broken_escapes():
    assert unescape("100%") == "100%"
    assert unescape("%zz%4") == "%zz%4"
    assert unescape("%41%2f") == "A/"


def test_plus_is_a_space():
    assert decode("Ann+Lee") == "Ann Lee"


def test_escaped_plus_is_a_plus():
    assert decode("1%2B1") == "1+1"
    assert parse_query("lang=C%2B%2B+17") == {"lang": ["C++ 17"]}


def test_encode_special_characters():
    assert encode("a b&c=d+e") == "a+b%26c%3Dd%2Be"


def test_round_trip():
    fields = {"a key": ["x&y", "50% off"], "z": [""]}
    assert parse_query(build_query(fields)) == fields


def test_round_trip_of_a_phone_number():
    assert parse_query(build_query({"phone": ["+49 30 1234"]})) == {"phone": ["+49 30 1234"]}
