"""Read and write the query part of web addresses."""

SPECIAL = {" ": "+", "&": "%26", "%": "%25", "+": "%2B", "#": "%23"}


def decode(text: str) -> str:
    """Replace plus signs and %-codes by the characters they stand for."""
    decoded = ""
    position = 0
    while position < len(text):
        char = text[position]
        if char == "%":
            code = text[position + 1 : position + 3]
            if len(code) < 2:
                raise ValueError("incomplete code at the end")
            decoded += chr(int(code, 16))
            position += 3
        else:
            decoded += " " if char == "+" else char
            position += 1
    return decoded


def encode(text: str) -> str:
    """Return the text with its special characters replaced by codes."""
    return "".join(SPECIAL.get(char, char) for char in text)


def parse_query(query: str) -> dict[str, list[str]]:
    """Return the values of each parameter in the order they are given.

    A parameter without an equals sign has an empty value; empty parts are
    skipped.
    """
    parameters: dict[str, list[str]] = {}
    for part in query.lstrip("?").split("&"):
        if not part:
            continue
        if "=" in part:
            name, value = part.split("=", 1)
        else:
            name, value = part, ""
        parameters.setdefault(decode(name), []).append(decode(value))
    return parameters


def build_query(parameters: dict[str, list[str]]) -> str:
    """Return a query with the given parameters."""
    return "&".join(
        f"{encode(name)}={encode(value)}"
        for name, values in parameters.items()
        for value in values
    )
