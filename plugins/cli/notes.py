"""`tickwright notes search|links|check`: ask a vault from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tickwright.ecs_core import App, TickwrightError
from tickwright.plugins.cli.output import BadInputError, fail, print_json
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.notes import FoundNote, Notes, NotesPlugin

__all__ = ["app"]

app = typer.Typer(help="Search a vault, follow its links, check it.", no_args_is_help=True)

Vault = Annotated[Path, typer.Argument(help="The folder of notes.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _open(vault: Path, *, as_json: bool) -> Notes:
    try:
        return App().add_plugins(NotesPlugin(), VaultPlugin(vault)).world.resource(Notes)
    except TickwrightError as error:
        raise fail(error, as_json=as_json) from None


def _print(rows: list[dict[str, Any]], *, as_json: bool, line: str) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(line.format(**row))


@app.command()
def search(
    vault: Vault,
    text: Annotated[str, typer.Argument(help="Words; notes with all of them come first.")],
    limit: Annotated[int, typer.Option(min=1, help="At most so many notes.")] = 10,
    as_json: Json = False,  # noqa: FBT002 (typer options are declared this way)
) -> None:
    """Find notes by words."""
    hits = _open(vault, as_json=as_json).search(text, limit)
    rows = [
        {"path": hit.path, "score": round(hit.score, 6), "snippet": hit.snippet}
        for hit in hits
        if isinstance(hit, FoundNote)
    ]
    _print(rows, as_json=as_json, line="{path}\n    {snippet}")
    if not rows:
        raise typer.Exit(1)


@app.command()
def links(
    vault: Vault,
    note: Annotated[str, typer.Argument(help="A note's path, or its name as in a link.")],
    depth: Annotated[int, typer.Option(min=1, help="How many links away.")] = 1,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show where a note links to, and what links to it."""
    notes = _open(vault, as_json=as_json)
    path = notes.resolve(note)
    if path is None:
        unknown = BadInputError(
            f"no note {note!r}", where=str(vault), expected="a note's path, or its name as in a link"
        )
        raise fail(unknown, as_json=as_json)
    rows = [{"direction": "to", "path": hit.path} for hit in notes.linked(path, depth)]
    rows += [{"direction": "from", "path": source} for source in notes.backlinks(path)]
    _print(rows, as_json=as_json, line="{direction:>4}  {path}")


@app.command()
def check(vault: Vault, as_json: Json = False) -> None:  # noqa: FBT002
    """Report links that lead nowhere and frontmatter that is wrong; exit status 1 if there are any."""
    notes = _open(vault, as_json=as_json)
    rows = [
        {"path": link.source, "line": link.ref.line, "problem": f"no note {link.ref.target!r}"}
        for link in notes.unresolved()
        if link.ref.kind != "embed" or link.ref.target.lower().endswith(".md")
    ]
    rows += [
        {"path": record.path, "line": record.matter.line, "problem": record.matter.error.partition(": ")[2]}
        for record in notes.records()
        if record.matter.error
    ]
    _print(rows, as_json=as_json, line="{path}:{line}: {problem}")
    if not as_json:
        typer.echo(f"{len(notes.paths())} notes checked, {len(rows)} problems")
    if rows:
        raise typer.Exit(1)
