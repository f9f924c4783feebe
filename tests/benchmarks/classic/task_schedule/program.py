"""Bring tasks into an order in which every task follows its prerequisites."""

from collections import deque


class CycleError(ValueError):
    """Raised when tasks wait for each other."""


def schedule(needs: dict[str, list[str]]) -> list[str]:
    """Return all tasks in a possible order.

    ``needs`` maps a task to its prerequisites, which may be listed more than
    once and need no entry of their own. Of the tasks ready at the same time
    those named first in the alphabet come first.
    """
    waiting: dict[str, int] = {}
    followers: dict[str, set[str]] = {}
    for task, prerequisites in needs.items():
        waiting[task] = len(prerequisites)
        for prerequisite in prerequisites:
            followers.setdefault(prerequisite, set()).add(task)
    for prerequisite in followers:
        waiting.setdefault(prerequisite, 0)
    ready = deque(sorted(task for task, count in waiting.items() if count == 0))
    order = []
    while ready:
        task = ready.popleft()
        order.append(task)
        for follower in sorted(followers.get(task, ())):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                ready.append(follower)
    if len(order) < len(waiting):
        raise CycleError("some tasks wait for each other")
    return order


def finish_times(needs: dict[str, list[str]], duration: dict[str, int]) -> dict[str, int]:
    """Return when each task ends if it starts as soon as it can."""
    ends: dict[str, int] = {}
    for task in schedule(needs):
        start = max((ends[before] for before in needs.get(task, [])), default=0)
        ends[task] = start + duration.get(task, 1)
    return ends
