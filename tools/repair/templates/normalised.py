"""Values brought into one form elsewhere in the file, by the name they have there: `key.lower()`, `canonical(name)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.site import Proposal, Site, is_load, template
from tools.repair.templates.entries import grouped

_MOST_FORMS = 4


@template("normalised-elsewhere", prior=0.36, limit=6, decay=0.15)
def normalised_elsewhere(site: Site) -> Iterator[Proposal]:
    """`name` to what other functions of the file make of a `name` before they use it."""
    forms = site.facts.normalised
    for node in site.expressions if forms else ():
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name not in forms or not is_load(node) or _is_part(site, node):
            continue
        text = grouped(site, node)
        for form, count in forms[name].most_common(_MOST_FORMS):
            yield site.replace(node, form.replace("{}", text), weight=0.9 if count > 1 else 0.7)


def _is_part(site: Site, node: ast.expr) -> bool:
    """Whether it is called, or an attribute of it is taken, or it stands alone in the call that would be made of it."""
    above = site.parent(node)
    return isinstance(above, ast.Attribute | ast.Starred) or (isinstance(above, ast.Call) and above.func is node)
