"""A small reader for INI-style configuration text."""

TRUE_WORDS = {"yes", "true", "on", "1"}
FALSE_WORDS = {"no", "false", "off", "0"}


def parse(text):
    """Return {section: {key: value}}; keys before any section belong to ''.

    Keys are lower-cased. Blank lines and lines beginning with '#' or ';' are
    ignored. Raise ValueError for a line that is neither a section nor an option.
    """
    sections = {"": {}}
    current = sections[""]
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1].strip()
            current = sections.setdefault(name, {})
        elif "=" in line:
            key, value = line.split("=", 1)
            current[key.strip().lower()] = value.strip()
        else:
            raise ValueError(f"line {number}: expected an option")
    return sections


def get_text(text, section, key, default=None):
    """Return an option's value, or the default if it is not there."""
    return parse(text).get(section, {}).get(key.lower(), default)


def get_flag(text, section, key):
    """Return an option as a boolean, False if it is not there.

    Raise ValueError if the value is not a yes/no word.
    """
    value = get_text(text, section, key, "no").lower()
    if value in TRUE_WORDS:
        return True
    if value in FALSE_WORDS:
        return False
    raise ValueError(f"not a flag: {value!r}")
