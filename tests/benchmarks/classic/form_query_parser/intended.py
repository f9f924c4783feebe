"""Query strings of web forms, such as ``name=Ann+Lee&tag=a%26b``."""

HEX_DIGITS = "0123456789abcdefABCDEF"
SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"


def unescape(text):
    """Replace %XX escapes of ASCII characters; keep anything else as it is."""
    result = []
    index = 0
    while index < len(text):
        digits = text[index + 1:index + 3]
        if text[index] == "%" and len(digits) == 2 and all(d in HEX_DIGITS for d in digits):
            result.append(chr(int(digits, 16)))
            index += 3
        else:
            result.append(text[index])
            index += 1
    return "".join(result)


def decode(text):
    """Decode one key or value, where a plus sign stands for a space."""
    return unescape(text.replace("+", " "))


def encode(text):
    """Encode one key or value of ASCII characters."""
    return "".join(c if c in SAFE else "+" if c == " " else f"%{ord(c):02X}" for c in text)


def parse_query(query):
    """Return {key: [values in order]}; a key without '=' has the value ''."""
    fields = {}
    for part in query.split("&"):
        if not part:
            continue
        key, _, value = part.partition("=")
        fields.setdefault(decode(key), []).append(decode(value))
    return fields


def build_query(fields):
    """Return the query string for {key: [values]}."""
    return "&".join(f"{encode(k)}={encode(v)}" for k, values in fields.items() for v in values)
