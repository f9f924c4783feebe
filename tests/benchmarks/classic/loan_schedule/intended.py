"""Repayment schedules of loans; amounts in cents, rates in basis points a year."""


def monthly_interest(amount, rate):
    """Return one month's interest on an amount, rounded half up to a cent."""
    return (amount * rate * 2 + 120_000) // 240_000


def schedule(principal, rate, payment):
    """Return rows (interest, repaid, balance), one per month until the end.

    The last payment is only as large as it needs to be. Raise ValueError if
    the payment never pays back the loan.
    """
    if principal > 0 and payment <= monthly_interest(principal, rate):
        raise ValueError("payment does not cover the interest")
    rows = []
    balance = principal
    while balance > 0:
        interest = monthly_interest(balance, rate)
        repaid = min(payment - interest, balance)
        balance -= repaid
        rows.append((interest, repaid, balance))
    return rows


def total_interest(principal, rate, payment):
    """Return the sum of interest paid; raise ValueError as schedule does."""
    return sum(interest for interest, _, _ in schedule(principal, rate, payment))


def last_payment(principal, rate, payment):
    """Return the size of the final payment; raise ValueError as schedule does."""
    rows = schedule(principal, rate, payment)
    if not rows:
        return 0
    interest, repaid, _ = rows[-1]
    return interest + repaid
