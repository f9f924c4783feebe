"""Split a line into comma-separated fields that may be quoted."""

START = "start"
PLAIN = "plain"
QUOTED = "quoted"
CLOSING = "closing"


def split_fields(line: str) -> list[str]:
    """Return the fields of one line.

    A field in double quotes may contain commas; a quote within it is doubled.
    Raises ValueError for text after a closing quote and for a missing one.
    """
    fields: list[str] = []
    field = ""
    state = START
    for char in line:
        if state == QUOTED:
            if char == '"':
                state = CLOSING
            else:
                field += char
        elif state == CLOSING and char == '"':
            field += char
        elif char == ",":
            fields.append(field)
            field = ""
            state = START
        elif state == CLOSING:
            raise ValueError(f"unexpected {char!r} after a closing quote")
        elif state == START and char == '"':
            state = QUOTED
        else:
            field += char
            state = PLAIN
    if state == QUOTED:
        raise ValueError("a closing quote is missing")
    fields.append(field)
    return fields


def join_fields(fields: list[str]) -> str:
    """Return the line that splits into the given fields."""
    cells = []
    for field in fields:
        if "," in field or '"' in field:
            field = '"' + field.replace('"', '""') + '"'
        cells.append(field)
    return ",".join(cells)
