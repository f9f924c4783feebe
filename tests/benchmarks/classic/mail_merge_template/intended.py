"""Fill in mail templates with ``{name}`` or ``{name|default}`` placeholders."""

import re

PLACEHOLDER = re.compile(r"\{(\w+)(?:\|([^{}]*))?\}")


def placeholders(template):
    """Return the distinct placeholder names in order of first appearance."""
    return list(dict.fromkeys(match.group(1) for match in PLACEHOLDER.finditer(template)))


def render(template, values):
    """Return the template with its placeholders filled in.

    A missing or None value is replaced by the default. Raise KeyError if there
    is no default either.
    """
    def substitute(match):
        name, default = match.groups()
        value = values.get(name)
        if value is None:
            if default is None:
                raise KeyError(name)
            return default
        return str(value)

    return PLACEHOLDER.sub(substitute, template)


def render_all(template, recipients, shared=None):
    """Return one text per recipient; a recipient's values override shared ones."""
    texts = []
    for recipient in recipients:
        values = dict(shared or {})
        values.update(recipient)
        texts.append(render(template, values))
    return texts
