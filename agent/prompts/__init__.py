"""Prompts, one file per thinking step, and how they are filled in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(  # noqa: S701 - prompts are no HTML
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def render(name: str, **values: object) -> str:
    """The prompt NAME.md with its values; one that is missing is an error."""
    return _environment().get_template(f"{name}.md").render(**values).strip()
