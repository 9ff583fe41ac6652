"""What commands print: rich on a terminal, plain text in a pipe, JSON for machines; errors on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import typer

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["BadInputError", "Printer", "fail", "print_json", "print_json_line", "printable", "to_plain"]

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class BadInputError(TickwrightError):
    """Something on the command line that cannot be used."""


def printable(text: str) -> str:
    """Return text without control characters: what a model or a note says must not steer the terminal."""
    return _CONTROLS.sub("", text)


def to_plain(value: Any) -> Any:
    """Return structs, dataclasses, paths and the like as plain JSON data."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=str)


def print_json(data: Any) -> None:
    """Print data as indented JSON."""
    typer.echo(json.dumps(to_plain(data), indent=2, ensure_ascii=False))


def print_json_line(data: Any) -> None:
    """Print data as one line of JSON, at once, for programs that read along."""
    typer.echo(json.dumps(to_plain(data), ensure_ascii=False))
    sys.stdout.flush()


def fail(error: Exception, *, as_json: bool = False) -> typer.Exit:
    """Print an error on stderr, and return what to raise for exit status 2."""
    if as_json:
        parts = {key: getattr(error, key, "") for key in ("what", "where", "expected", "todo")}
        parts["what"] = parts["what"] or str(error)
        typer.echo(json.dumps({"error": {"type": type(error).__name__, **parts}}, ensure_ascii=False), err=True)
    else:
        typer.echo(f"error: {printable(str(error))}", err=True)
    return typer.Exit(2)


class Printer:
    """Headings, fields, tables and streamed text, with colours and boxes on a terminal and without in a pipe.

    Args:
        quiet: print nothing, for commands that print JSON at their end.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.fancy = not quiet and sys.stdout.isatty()
        self._console: Any = None
        if self.fancy:
            from rich.console import Console

            self._console = Console(highlight=False)

    def heading(self, text: str) -> None:
        """Print a heading, with an empty line before it."""
        if self.fancy:
            self._console.print()
            self._console.rule(f"[bold]{_escape(text)}", align="left")
        else:
            self._plain(f"\n{text}")

    def line(self, text: str, *, style: str = "") -> None:
        """Print one line; `style` is a rich style, and counts on a terminal only."""
        if self.fancy:
            self._console.print(printable(text), style=style or None, markup=False)
        else:
            self._plain(text)

    def fields(self, fields: Mapping[str, object]) -> None:
        """Print names and values, aligned."""
        width = max((len(name) for name in fields), default=0)
        for name, value in fields.items():
            if self.fancy:
                self._console.print(f"  [cyan]{_escape(name):<{width}}[/]  {_escape(str(value))}")
            else:
                self._plain(f"  {name:<{width}}  {value}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print rows under column heads; numbers are set to the right."""
        texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
        right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
        if self.fancy:
            from rich import box
            from rich.table import Table

            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for name, numeric in zip(columns, right, strict=True):
                table.add_column(name, justify="right" if numeric else "left", overflow="fold")
            for row in texts:
                table.add_row(*(_escape(cell) for cell in row))
            self._console.print(table)
            return
        widths = [max(len(row[i]) for row in [list(columns), *texts]) for i in range(len(columns))]
        for row in [list(columns), *texts]:
            cells = zip(row, widths, right, strict=True)
            self._plain("  " + "  ".join(f"{c:>{w}}" if r else f"{c:<{w}}" for c, w, r in cells).rstrip())

    def text(self, piece: str) -> None:
        """Print a piece of streamed text, without a line end."""
        if self.fancy:
            self._console.print(printable(piece), end="", markup=False, style="green", soft_wrap=True)
        elif not self.quiet:
            sys.stdout.write(piece)
            sys.stdout.flush()

    def _plain(self, text: str) -> None:
        if not self.quiet:
            typer.echo(text)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))
