"""The life of a web shop order, from payment to delivery or refund."""

from typing import NamedTuple

TRANSITIONS = {
    ("new", "pay"): "paid",
    ("new", "cancel"): "cancelled",
    ("paid", "ship"): "shipped",
    ("paid", "cancel"): "refunded",
    ("shipped", "deliver"): "delivered",
    ("shipped", "return"): "returned",
    ("delivered", "return"): "returned",
    ("returned", "refund"): "refunded",
}


class WorkflowError(Exception):
    """Raised for an action the present state does not allow."""


class Step(NamedTuple):
    """One action taken on an order."""

    source: str
    action: str
    target: str


class Order:
    """An order with its state and the steps that led to it."""

    def __init__(self) -> None:
        self.state = "new"
        self.history: list[Step] = []

    def allowed(self) -> list[str]:
        """Return the actions possible now, sorted."""
        return sorted(action for state, action in TRANSITIONS if state == self.state)

    def apply(self, action: str) -> str:
        """Take an action and return the new state."""
        target = TRANSITIONS.get((self.state, action))
        if target is None:
            raise WorkflowError(f"cannot {action} an order that is {self.state}")
        self.history.append(Step(self.state, action, target))
        self.state = target
        return target

    def undo(self) -> str:
        """Take back the latest step and return the state restored."""
        if not self.history:
            raise WorkflowError("nothing to undo")
        step = self.history.pop()
        self.state = step.source
        return self.state


def replay(actions: list[str]) -> list[str]:
    """Return the state of a new order after each action; "undo" takes one back."""
    order = Order()
    states = []
    for action in actions:
        try:
            states.append(order.undo() if action == "undo" else order.apply(action))
        except WorkflowError:
            states.append("refused")
    return states
