"""What the README says of the code: the drawing of the machine is the machine."""

from __future__ import annotations

import re
from pathlib import Path

from agent.graph import build

README = Path(__file__).parents[2] / "README.md"


def edges(drawing: str) -> set[tuple[str, str]]:
    return set(re.findall(r"(\w+) (?:-->|-\.->) (\w+);", drawing))


def test_the_drawing_of_the_machine_is_the_machine() -> None:
    (shown,) = re.findall(r"```mermaid\n(.*?)```", README.read_text(), re.DOTALL)
    assert edges(shown) == edges(build().get_graph().draw_mermaid())
