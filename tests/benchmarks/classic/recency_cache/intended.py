"""A cache that forgets the entries not used for the longest time."""

from collections import OrderedDict
from collections.abc import Hashable


class RecencyCache:
    """Holds up to ``capacity`` entries, ordered from stale to fresh."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("capacity must be positive")
        self.capacity = capacity
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[Hashable, object] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> list[Hashable]:
        """Return the keys, the stalest first."""
        return list(self._entries)

    def get(self, key: Hashable, default: object = None) -> object:
        """Return the value of a key and mark it as used."""
        if key not in self._entries:
            self.misses += 1
            return default
        self.hits += 1
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: Hashable, value: object) -> None:
        """Store a value, dropping the stalest entry if there is no room."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)


def replay(capacity: int, operations: list[tuple[object, ...]]) -> list[object]:
    """Run get and put operations; list the values got and the final keys."""
    cache = RecencyCache(capacity)
    results: list[object] = []
    for name, *arguments in operations:
        if name == "get":
            results.append(cache.get(*arguments))
        else:
            cache.put(*arguments)
    results.append(cache.keys())
    return results
