"""Counting sorts for small integer keys, negative ones included."""


def count_keys(keys):
    """Return (lowest key, list of counts from the lowest to the highest key)."""
    low, high = min(keys), max(keys)
    counts = [0] * (high - low + 1)
    for key in keys:
        counts[key - low] += 1
    return low, counts


def sort_integers(values):
    """Return the integers as a new sorted list."""
    if not values:
        return []
    low, counts = count_keys(values)
    result = []
    for offset, count in enumerate(counts):
        result.extend([low + offset] * count)
    return result


def sort_records(records, field):
    """Sort tuples stably by the integer at index field."""
    if not records:
        return []
    low, counts = count_keys([record[field] for record in records])
    starts = [0] * len(counts)
    for index in range(1, len(counts)):
        starts[index] = starts[index - 1] + counts[index]
    result = [None] * len(records)
    for record in records:
        slot = record[field] - low
        result[starts[slot]] = record
        starts[slot] += 1
    return result
