import pytest

from program import Order, WorkflowError, replay


def test_ordinary_delivery():
    assert replay(["pay", "ship", "deliver"]) == ["paid", "shipped", "delivered"]


def test_cancelling_a_paid_order_refunds_it():
    assert replay(["pay", "cancel"]) == ["paid", "refunded"]


def test_refused_action_keeps_the_state():
    order = Order()
    with pytest.raises(WorkflowError):
        order.apply("ship")
    assert order.state == "new"
    assert order.history == []


def test_allowed_actions():
    order = Order()
    assert order.allowed() == ["cancel", "pay"]
    order.apply("cancel")
    assert order.allowed() == []


def test_history_lists_the_steps():
    order = Order()
    order.apply("pay")
    order.apply("ship")
    assert order.history == [("new", "pay", "paid"), ("paid", "ship", "shipped")]


def test_undo_restores_the_state_before():
    order = Order()
    order.apply("pay")
    assert order.undo() == "new"
    assert order.state == "new"
    assert order.history == []


def test_undo_twice():
    order = Order()
    for action in ["pay", "ship", "return"]:
        order.apply(action)
    assert order.undo() == "shipped"
    assert order.undo() == "paid"
    assert order.allowed() == ["cancel", "ship"]


def test_undo_without_history():
    with pytest.raises(WorkflowError):
        Order().undo()


def test_another_way_after_undo():
    assert replay(["cancel", "undo", "pay", "undo", "undo"]) == [
        "cancelled", "new", "paid", "new", "refused",
    ]
