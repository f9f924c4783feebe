"""Summaries of a sample of measurements."""


def mean(values: list[float]) -> float:
    """Return the arithmetic mean."""
    if not values:
        raise ValueError("no values")
    return sum(values) / len(values)


def variance(values: list[float]) -> float:
    """Return the sample variance, which needs two values."""
    if len(values) < 2:
        raise ValueError("two values needed")
    centre = mean(values)
    return sum((value - centre) ** 2 for value in values) / (len(values) - 1)


def quantile(values: list[float], fraction: float) -> float:
    """Return the value below which a fraction of the sample lies.

    Values between two ranks are interpolated: 0 gives the least value,
    1 the greatest and 0.5 the median.
    """
    if not values:
        raise ValueError("no values")
    if not 0 <= fraction <= 1:
        raise ValueError("the fraction lies between 0 and 1")
    ordered = sorted(values)
    position = fraction * (len(ordered) - 1)
    lower = int(position)
    if lower == len(ordered) - 1:
        return float(ordered[lower])
    share = position - lower
    return ordered[lower] * (1 - share) + ordered[lower + 1] * share


def summary(values: list[float]) -> dict[str, float]:
    """Return mean, extremes and quartiles by name."""
    return {
        "mean": mean(values),
        "least": quantile(values, 0),
        "lower": quantile(values, 0.25),
        "median": quantile(values, 0.5),
        "upper": quantile(values, 0.75),
        "greatest": quantile(values, 1),
    }
