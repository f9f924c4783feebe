"""Line differences by longest common subsequence."""


def common_lengths(old, new):
    """Return table[i][j], the length of the longest common part of old[i:] and new[j:]."""
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            if old[i] == new[j]:
                table[i][j] = table[i + 1][j + 1] + 1
            else:
                table[i][j] = max(table[i + 1][j], table[i][j + 1])
    return table


def diff(old, new):
    """Return lines marked ``-`` (only old), ``+`` (only new) or a blank (both).

    There are as few marked lines as possible; removals come before additions.
    """
    table = common_lengths(old, new)
    result = []
    i = j = 0
    while i < len(old) and j < len(new):
        if old[i] == new[j]:
            result.append(" " + old[i])
            i += 1
            j += 1
        elif table[i + 1][j] >= table[i][j + 1]:
            result.append("-" + old[i])
            i += 1
        else:
            result.append("+" + new[j])
            j += 1
    result.extend("-" + line for line in old[i:])
    result.extend("+" + line for line in new[j:])
    return result


def similarity(old, new):
    """Return the percentage of lines that two texts share, rounded down."""
    total = len(old) + len(new)
    if total == 0:
        return 100
    return 200 * common_lengths(old, new)[0][0] // total
