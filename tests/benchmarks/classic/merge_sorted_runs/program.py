"""Natural merge sort: find ascending runs and merge them pairwise."""


def find_runs(values):
    """Split values into maximal non-descending runs."""
    runs = []
    for value in values:
        if runs and runs[-1][-1] <= value:
            runs[-1].append(value)
        else:
            runs.append([value])
    return runs


def merge(left, right):
    """Merge two sorted lists into a new sorted list."""
    merged = []
    i = j = 0
    while i < len(left) and j < len(right):
        if right[j] < left[i]:
            merged.append(right[j])
            j += 1
        else:
            merged.append(left[i])
            i += 1
    merged.extend(left[i:])
    merged.extend(right[j:])
    return merged


def merge_pass(runs):
    """Merge neighbouring runs in pairs and return the new list of runs."""
    merged = []
    for index in range(0, len(runs) - 1, 2):
        merged.append(merge(runs[index], runs[index + 1]))
    return merged


def merge_sort(values):
    """Return the values as a new sorted list."""
    runs = find_runs(values)
    if not runs:
        return []
    while len(runs) > 1:
        runs = merge_pass(runs)
    return runs[0]
