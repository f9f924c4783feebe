from __future__ import annotations

import socket

import pytest

from workflows.exits import Refused
from workflows.service.node import Plan, listening_on


def test_answers_are_not_held_back_until_the_client_confirms() -> None:
    """Small answers on kept connections went out 40 ms late: Nagle's algorithm against delayed confirmations."""
    plan = Plan(host="127.0.0.1", port=0, workers=0, concurrency=1)
    with (
        listening_on(plan) as server,
        socket.create_connection(server.getsockname()),
        server.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_refused_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plan = Plan(host="127.0.0.1", port=taken.getsockname()[1], workers=0, concurrency=1)
        with pytest.raises(Refused, match="cannot listen on"):
            listening_on(plan)
