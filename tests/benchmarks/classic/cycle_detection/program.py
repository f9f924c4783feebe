"""Circular imports among modules given as {module: [imported modules]}."""


def find_cycle(imports):
    """Return one circular chain such as ['a', 'b', 'a'], or None.

    Modules are visited in the order of the mapping.
    """
    finished = set()
    path = []

    def visit(module):
        if module in finished:
            return None
        if module in path:
            return path[path.index(module):] + [module]
        path.append(module)
        for imported in imports.get(module, []):
            cycle = visit(imported)
            if cycle:
                return cycle
        finished.add(module)
        return None

    for module in imports:
        cycle = visit(module)
        if cycle:
            return cycle
    return None


def explain(imports):
    """Return a sentence on whether the imports are circular."""
    cycle = find_cycle(imports)
    if cycle is None:
        return "no circular imports"
    return "circular import: " + " -> ".join(cycle)
