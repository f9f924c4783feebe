"""Order statistics by quickselect."""


def partition(pool, low, high):
    """Partition pool[low..high] around its last item; return the pivot's index."""
    pivot = pool[high]
    boundary = low
    for index in range(low, high):
        if pool[index] < pivot:
            pool[index], pool[boundary] = pool[boundary], pool[index]
            boundary += 1
    pool[boundary], pool[high] = pool[high], pool[boundary]
    return boundary


def kth_smallest(values, k):
    """Return the k-th smallest of the values, counting from 1.

    Raise ValueError if there is no such value.
    """
    if not 1 <= k <= len(values):
        raise ValueError("k is out of range")
    pool = values
    low, high = 0, len(pool) - 1
    while True:
        pivot = partition(pool, low, high)
        if pivot == k - 1:
            return pool[pivot]
        if pivot < k - 1:
            low = pivot + 1
        else:
            high = pivot - 1


def median(values):
    """Return the lower median of the values; raise ValueError if there are none."""
    return kth_smallest(values, (len(values) + 1) // 2)


def deviations(readings):
    """Return each reading's distance above or below the median, in order."""
    middle = median(readings)
    return [reading - middle for reading in readings]
