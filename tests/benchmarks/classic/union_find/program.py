"""Disjoint sets of things, merged step by step."""

from collections.abc import Hashable, Iterable


class UnionFind:
    """Keeps a partition of its items into groups."""

    def __init__(self, items: Iterable[Hashable] = ()) -> None:
        self._parent: dict[Hashable, Hashable] = {}
        self._size: dict[Hashable, int] = {}
        self.groups = 0
        for item in items:
            self.add(item)

    def add(self, item: Hashable) -> None:
        """Put a new item into a group of its own."""
        if item not in self._parent:
            self._parent[item] = item
            self._size[item] = 1
            self.groups += 1

    def find(self, item: Hashable) -> Hashable:
        """Return the representative of the item's group."""
        root = item
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[item] != root:
            self._parent[item], item = root, self._parent[item]
        return root

    def union(self, first: Hashable, second: Hashable) -> bool:
        """Merge two groups; return False if they were one already."""
        first_root = self.find(first)
        second_root = self.find(second)
        if first_root == second_root:
            return False
        if self._size[first_root] < self._size[second_root]:
            first_root, second_root = second_root, first_root
        self._parent[second] = first_root
        self._size[first_root] += self._size[second_root]
        self.groups -= 1
        return True

    def connected(self, first: Hashable, second: Hashable) -> bool:
        """Tell whether two items are in the same group."""
        return self.find(first) == self.find(second)

    def size(self, item: Hashable) -> int:
        """Return the size of the item's group."""
        return self._size[self.find(item)]


def partition(items: list[str], pairs: list[tuple[str, str]]) -> list[list[str]]:
    """Return the groups that the pairs join the items into, sorted."""
    sets = UnionFind(items)
    for first, second in pairs:
        sets.union(first, second)
    groups: dict[Hashable, list[str]] = {}
    for item in sorted(set(items)):
        groups.setdefault(sets.find(item), []).append(item)
    return sorted(groups.values())
