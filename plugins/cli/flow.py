"""`tickwright flow check|graph`: look at flow definitions without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tickwright.ecs_core.errors import TickwrightError
from tickwright.plugins.cli.output import BadInputError, fail, print_json
from tickwright.systems.flows import FlowDefinition, from_scxml, from_xstate, read_definition, to_dot, to_mermaid
from tickwright.systems.flows.checks import dead_ends, unreachable
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.testing import check_flow

__all__ = ["flow_app"]

flow_app = typer.Typer(help="Check flow definitions and draw them.", no_args_is_help=True)


class Kind(StrEnum):
    """What a file holds."""

    FLOW = "flow"
    XSTATE = "xstate"
    SCXML = "scxml"
    LUAU = "luau"


class Format(StrEnum):
    """How a flow is drawn."""

    MERMAID = "mermaid"
    DOT = "dot"


_SUFFIXES = {
    ".json": Kind.FLOW,
    ".scxml": Kind.SCXML,
    ".xml": Kind.SCXML,
    ".luau": Kind.LUAU,
    ".lua": Kind.LUAU,
    ".fnl": Kind.LUAU,
}

File = Annotated[Path, typer.Argument(help="A definition as JSON, an SCXML document, or a Lua plugin.")]
As = Annotated[Kind | None, typer.Option("--as", help="What the file holds; by its suffix if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@flow_app.command()
def check(
    file: File,
    kind: As = None,
    kit: Annotated[bool, typer.Option(help="Also draw schedules and hold every invariant against them.")] = True,  # noqa: FBT002 (typer options are declared this way)
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Validate definitions; report unreachable states, dead ends and broken invariants (exit status 1)."""
    try:
        rows = [_checked(definition, handlers, kit=kit) for definition, handlers in _read(file, kind)]
    except TickwrightError as error:
        raise fail(error, as_json=as_json) from None
    problems = [problem for row in rows for problem in row["problems"]]
    if as_json:
        print_json({"flows": rows, "ok": not problems})
    else:
        for row in rows:
            _print(row)
    if problems:
        raise typer.Exit(1)


@flow_app.command()
def graph(
    file: File,
    style: Annotated[Format, typer.Option("--format", help="mermaid or dot.")] = Format.MERMAID,
    kind: As = None,
) -> None:
    """Print definitions as Mermaid state diagrams or Graphviz digraphs."""
    draw = to_mermaid if style is Format.MERMAID else to_dot
    try:
        for definition, _ in _read(file, kind):
            typer.echo(draw(definition), nl=False)
    except TickwrightError as error:
        raise fail(error) from None


Handlers = Mapping[str, Callable[..., Any]]


def _read(file: Path, kind: Kind | None) -> list[tuple[FlowDefinition, Handlers | None]]:
    """Return the definitions of a file, with their handlers where it has some."""
    found = kind or _SUFFIXES.get(file.suffix)
    if found is None:
        raise BadInputError(f"what is a {file.suffix or 'file without suffix'}", where=str(file),
                            expected=", ".join(_SUFFIXES), todo="say what it holds with --as")  # fmt: skip
    if found is Kind.LUAU:
        return _from_plugin(file)
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BadInputError(f"cannot read the file: {error.strerror}", where=str(file)) from None
    readers: dict[Kind, Callable[[bytes], FlowDefinition]] = {
        Kind.FLOW: read_definition,
        Kind.XSTATE: from_xstate,
        Kind.SCXML: from_scxml,
    }
    return [(readers[found](text), None)]


def _from_plugin(file: Path) -> list[tuple[FlowDefinition, Handlers | None]]:
    from tickwright.plugins.lua.flow_files import load_flow_files

    found = load_flow_files(file)
    if not found:
        raise BadInputError("the plugin registers no flow", where=str(file))
    return [(each.definition, each.handlers) for each in found]


def _checked(definition: FlowDefinition, handlers: Handlers | None, *, kit: bool) -> dict[str, Any]:
    """Return what there is to say of one definition."""
    names: set[str] = set()

    def stand_in(name: str, _path: str) -> Callable[..., Any]:
        names.add(name)
        return lambda _ctx, _event: True

    flow = CompiledFlow(definition, stand_in)
    problems = [f"state {path} is unreachable" for path in unreachable(flow)]
    problems += [f"state {path} is a dead end: nothing leads out, and it is not final" for path in dead_ends(flow)]
    report = check_flow(definition, handlers) if kit else None
    if report is not None and not report.ok:
        problems.append(str(report.failure or report))
    return {
        "id": definition.id,
        "version": definition.version,
        "hash": definition.content_hash,
        "states": len(flow.nodes) - 1,
        "transitions": len(flow.edges),
        "actions": list(flow.actions),
        "handlers": sorted(names),
        "kit": "passed" if report is not None and report.ok else "failed" if report is not None else "not run",
        "untaken": list(report.untaken) if report is not None else [],
        "one_sided": dict(report.one_sided) if report is not None else {},
        "problems": problems,
    }


def _print(row: dict[str, Any]) -> None:
    version = f" {row['version']}" if row["version"] else ""
    typer.echo(f"{row['id']}{version}: {row['states']} states, {row['transitions']} transitions, hash {row['hash']}")
    for label in ("actions", "handlers"):
        if row[label]:
            typer.echo(f"  {label}: {_joined(row[label])}")
    if row["kit"] != "not run":
        taken = row["transitions"] - len(row["untaken"])
        typer.echo(f"  property tests: {row['kit']}, {taken} of {row['transitions']} transitions taken")
        for site in row["untaken"]:
            typer.echo(f"  never taken: {site}")
        for site, lack in row["one_sided"].items():
            typer.echo(f"  guard of {site}: {lack}")
    for problem in row["problems"]:
        typer.echo(f"  problem: {problem}")
    typer.echo(f"  {len(row['problems'])} problems")


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)
