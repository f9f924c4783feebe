"""Commands about the model that thinks: `model serve`."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from workflows.exits import Refused

app = typer.Typer(name="model", help="The model that thinks along.", no_args_is_help=True)


@app.callback()
def overview() -> None:
    """The model that thinks along."""


@app.command()
def serve(
    *,
    gpus: Annotated[int, typer.Option(min=1, max=64, help="GPUs of the machine.")] = 1,
    gpu_memory: Annotated[float, typer.Option(min=1, max=1000, help="Memory of each, in GB.")] = 80,
    context: Annotated[
        int | None, typer.Option(min=2048, max=131_072, help="Tokens of prompt and reply. Above 32,768: YaRN.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to serve on.")] = 8000,
    small: Annotated[bool, typer.Option("--small", help="A small model for a laptop, to try things out.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Run it instead of printing it.")] = False,
) -> None:
    """Print the `vllm serve` command for QwQ-32B on this machine, or run it."""
    from agent.vllm.serving import Machine, TooSmall, serve_command, small_command

    try:
        argv = small_command(context=context, port=port) if small else serve_command(
            Machine(gpus, gpu_memory), context=context, port=port
        )  # fmt: skip
    except TooSmall as error:
        raise Refused(str(error)) from error
    if run:
        _become(argv)
    sys.stdout.write(shlex.join(argv) + "\n")
    served = argv[argv.index("--served-model-name") + 1]
    told = f"then: PATCHWRIGHT_MODEL_URL=http://localhost:{port}/v1 PATCHWRIGHT_MODEL_NAME={served} patchwright doctor"
    Console(stderr=True).print(told, markup=False, highlight=False, soft_wrap=True)


def _become(argv: tuple[str, ...]) -> NoReturn:
    """This process becomes the server. Raises Refused when there is no vLLM here."""
    program = shutil.which(argv[0])
    if program is None:
        raise Refused("there is no vllm on this machine's path: pip install vllm, or see deploy/vllm/")
    os.execv(program, argv)  # noqa: S606 - an argv list, no shell
