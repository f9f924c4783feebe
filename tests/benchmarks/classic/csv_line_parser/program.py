"""Reading and writing lines of comma-separated values with quoted fields."""


def split_line(line, delimiter=","):
    """Return the fields of one line.

    Inside quotes the delimiter is literal and a doubled quote stands for one.
    Raise ValueError if a quote is never closed.
    """
    fields = []
    current = []
    quoted = False
    index = 0
    while index < len(line):
        character = line[index]
        if quoted:
            if character != '"':
                current.append(character)
            elif line[index + 1:index + 2] == '"':
                current.append('"')
            else:
                quoted = False
        elif character == '"':
            quoted = True
        elif character == delimiter:
            fields.append("".join(current))
            current = []
        else:
            current.append(character)
        index += 1
    if quoted:
        raise ValueError("unclosed quote")
    fields.append("".join(current))
    return fields


def join_line(fields, delimiter=","):
    """Return the line for the given fields, quoting where it is needed."""
    parts = []
    for field in fields:
        if delimiter in field or '"' in field:
            field = '"' + field.replace('"', '""') + '"'
        parts.append(field)
    return delimiter.join(parts)
