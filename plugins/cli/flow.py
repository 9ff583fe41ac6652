"""`tickwright flow check|graph`: look at flow definitions without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from tickwright.ecs_core.errors import TickwrightError
from tickwright.plugins.cli.output import BadInputError, fail, print_json
from tickwright.systems.flows import FlowDefinition, from_scxml, from_xstate, read_definition, to_dot, to_mermaid
from tickwright.systems.flows.checks import dead_ends, unreachable
from tickwright.systems.flows.compiled import CompiledFlow

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


_SUFFIXES = {".json": Kind.FLOW, ".scxml": Kind.SCXML, ".xml": Kind.SCXML, ".luau": Kind.LUAU, ".fnl": Kind.LUAU}

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
        rows = [_checked(each, file, kit=kit) for each in _read(file, kind)]
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
        for definition in _read(file, kind):
            typer.echo(draw(definition), nl=False)
    except TickwrightError as error:
        raise fail(error) from None


def _read(file: Path, kind: Kind | None) -> list[FlowDefinition]:
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
    return [readers[found](text)]


def _from_plugin(file: Path) -> list[FlowDefinition]:
    """Load a plugin into an empty world and return the flows it registered."""
    from tickwright.ecs_core import App
    from tickwright.plugins.lua import LuaPlugins
    from tickwright.systems.flows import FlowManager, FlowsPlugin
    from tickwright.systems.hooks import HooksPlugin
    from tickwright.systems.notes import NotesPlugin
    from tickwright.systems.tools import ToolsPlugin

    with App() as app:
        app.add_plugins(HooksPlugin(), NotesPlugin(), ToolsPlugin(), FlowsPlugin(), LuaPlugins(file))
        found = app.world.resource(FlowManager).definitions()
    if not found:
        raise BadInputError("the plugin registers no flow", where=str(file))
    return found


def _checked(definition: FlowDefinition, file: Path, *, kit: bool) -> dict[str, Any]:
    """Return what there is to say of one definition."""
    names: set[str] = set()

    def stand_in(name: str, _path: str) -> Callable[..., Any]:
        names.add(name)
        return lambda _ctx, _event: True

    flow = CompiledFlow(definition, stand_in)
    problems = [f"state {path} is unreachable" for path in unreachable(flow)]
    problems += [f"state {path} is a dead end: nothing leads out, and it is not final" for path in dead_ends(flow)]
    report = _kit(definition, file) if kit else None
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
        "problems": problems,
    }


def _kit(definition: FlowDefinition, file: Path) -> Any:
    """Run the property-testing kit, with stand-ins for handlers where a file has none; None if it is not there."""
    try:
        run = import_module("tickwright.systems.flows.testing").check_flow
    except (ImportError, AttributeError):
        return None
    return run(file if file.suffix == ".luau" else definition)


def _print(row: dict[str, Any]) -> None:
    version = f" {row['version']}" if row["version"] else ""
    typer.echo(f"{row['id']}{version}: {row['states']} states, {row['transitions']} transitions, hash {row['hash']}")
    for label in ("actions", "handlers"):
        if row[label]:
            typer.echo(f"  {label}: {_joined(row[label])}")
    if row["kit"] != "not run":
        typer.echo(f"  property tests: {row['kit']}")
    for problem in row["problems"]:
        typer.echo(f"  problem: {problem}")
    typer.echo(f"  {len(row['problems'])} problems")


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)
