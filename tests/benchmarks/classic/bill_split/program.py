"""Split amounts of cents without losing any."""


def split_evenly(total, people):
    """Return equal shares of a total; the first people pay any odd cents.

    Raise ValueError if there is nobody to pay.
    """
    if people < 1:
        raise ValueError("nobody to pay")
    share, odd_cents = divmod(total, people)
    return [share + 1 if index <= odd_cents else share for index in range(people)]


def split_by_weight(total, weights):
    """Return shares in proportion to weights; odd cents go to the largest remainders.

    Raise ValueError if the weights do not add up to something positive.
    """
    weight_sum = sum(weights)
    if weight_sum <= 0:
        raise ValueError("weights must add up to something")
    shares = [total * weight // weight_sum for weight in weights]
    remainders = [total * weight % weight_sum for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: -remainders[index])
    for index in order[:total - sum(shares)]:
        shares[index] += 1
    return shares


def settle(expenses):
    """Return {name: cents to receive (or pay, if negative)} for {name: paid cents}.

    The total is shared evenly among everyone, in order of names. Raise
    ValueError if there is nobody.
    """
    names = sorted(expenses)
    shares = split_evenly(sum(expenses.values()), len(names))
    return {name: expenses[name] - share for name, share in zip(names, shares)}
