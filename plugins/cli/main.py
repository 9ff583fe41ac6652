"""The command line `tickwright`: puts the commands together, and turns errors into exit status 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tickwright.ecs_core.errors import TickwrightError
from tickwright.plugins.cli import notes, plugin
from tickwright.plugins.cli.demo.command import demo
from tickwright.plugins.cli.doctor import doctor
from tickwright.plugins.cli.flow import flow_app
from tickwright.plugins.cli.generate import complete, generate, pipeline_app
from tickwright.plugins.cli.output import fail
from tickwright.plugins.cli.run import run

__all__ = ["build", "main"]

HELP = "An entity-component-system engine with notes, hooks, flows, generation pipelines and Lua plugins."


def build(*, fancy: bool = False) -> typer.Typer:
    """Return the whole command line; `fancy` draws its help with boxes and colours."""
    app = typer.Typer(
        name="tickwright",
        help=HELP,
        rich_markup_mode="rich" if fancy else None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    app.command()(demo)
    app.command()(run)
    app.command()(generate)
    app.command()(complete)
    app.command()(doctor)
    app.add_typer(flow_app, name="flow")
    app.add_typer(pipeline_app, name="pipeline")
    app.add_typer(notes.app, name="notes")
    app.add_typer(plugin.app, name="plugin")
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; bad input is one message on stderr and exit status 2.

    Args:
        argv: the words after the program's name; those of the process if None.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        build(fancy=sys.stdout.isatty())(args=words, prog_name="tickwright")
    except (TickwrightError, OSError) as error:
        if os.environ.get("TICKWRIGHT_TRACEBACK"):
            raise
        sys.exit(fail(error, as_json="--json" in words).exit_code)


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,  # noqa: FBT002 (typer options are declared this way)
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("tickwright"))
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
