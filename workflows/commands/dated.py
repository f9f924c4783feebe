"""The option of `triage` and `logs` that says how dates such as 04/03/2026 are read."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

FIRST = {"auto": None, "day-first": True, "month-first": False}
Dated = Literal["auto", "day-first", "month-first"]
DatedOption = Annotated[Dated, typer.Option(help="How 04/03/2026 is read. auto: by what the logs show.")]
