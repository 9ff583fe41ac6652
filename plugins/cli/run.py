"""`tickwright run`: tick a user's own vault and plugins."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tickwright.plugins.cli.output import BadInputError, Printer, print_json, print_json_line

if TYPE_CHECKING:
    from tickwright.ecs_core import App
    from tickwright.plugins.cli.activity import Totals
    from tickwright.plugins.cli.requests import Answer, Request

__all__ = ["RunReport", "run", "run_app"]

RATE_HZ = 20.0


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `tickwright run --json` prints.

    Attributes:
        answers: what came of each request of `--do`.
        flows: every instance: id, definition, state, subject, done.
        runs: every pipeline run: id, pipeline, status, tokens, result, error.
        notes_with_errors: notes kept although their frontmatter is wrong, as `path:line: problem`.
        failures: requests that could not be done, with file and line; what raised in handlers and plugins meanwhile.
        waiting_tasks: tasks of plugins that still wait, for ticks, time or an event, and go no further.
    """

    vault: str
    notes: int
    notes_with_errors: list[str]
    plugins: list[str]
    answers: list[Answer]
    flows: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    failures: list[str]
    waiting_tasks: int
    totals: Totals


def run(
    vault: Annotated[Path, typer.Argument(help="The folder of notes.")],
    plugins: Annotated[list[Path] | None, typer.Option("--plugins", help="A plugin file or a folder of them.")] = None,
    ticks: Annotated[int | None, typer.Option(min=1, help="Tick so many times.")] = None,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Tick until nothing is left to do.")] = False,  # noqa: FBT002 (typer options are declared this way)
    watch: Annotated[bool, typer.Option("--watch", help="Follow the files until Ctrl-C.")] = False,  # noqa: FBT002
    state: Annotated[Path | None, typer.Option(help="Keep flows and runs in this file between runs.")] = None,
    do: Annotated[Path | None, typer.Option(help="Requests, one JSON object a line, done before ticking.")] = None,
    provider: Annotated[
        str, typer.Option(help="extractive, local, the path of a .gguf file, or a URL.")
    ] = "extractive",
    seed: Annotated[int, typer.Option(help="Of every random stream.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """Load a vault and plugins, do what is asked, tick, and tell what happened; until idle if nothing else is said."""
    from tickwright.plugins.cli.generate import features
    from tickwright.plugins.cli.requests import read_requests
    from tickwright.plugins.cli.session import open_app

    if sum((ticks is not None, until_idle, watch)) > 1:
        raise BadInputError("--ticks, --until-idle and --watch exclude each other", expected="one of them")
    requests = read_requests(do) if do is not None else {}
    if state is not None:
        _check_place(state)
    with open_app(vault, plugins or [], features=features(provider), watch=watch, seed=seed) as app:
        if state is not None and state.exists():
            _restore(app, state)
        printer = Printer(quiet=as_json)
        report = run_app(app, vault, requests, tick=lambda: _tick(app, ticks, watch=watch, as_json=as_json))
        if state is not None:
            _write(state, app.snapshot())
    if as_json:
        (print_json_line if watch else print_json)(report)
    else:
        show(report, printer)
    if report.failures:
        raise typer.Exit(1)


def run_app(app: App, vault: Path, requests: Mapping[str, Request], *, tick: Any) -> RunReport:
    """Do the requests, tick, and report."""
    from tickwright.plugins.cli.activity import Activity
    from tickwright.plugins.cli.requests import perform
    from tickwright.plugins.lua import PluginHost
    from tickwright.systems.notes import Notes

    answers = list(perform(app, requests))
    tick()
    notes = app.world.resource(Notes)
    return RunReport(
        vault=str(vault),
        notes=len(notes.paths()),
        notes_with_errors=[record.matter.error for record in notes.records() if record.matter.error],
        plugins=[info.name for info in app.world.resource(PluginHost).list()],
        answers=answers,
        flows=list(_flows(app)),
        runs=list(_runs(app)),
        failures=[*(answer.failed for answer in answers if answer.failed), *_failures(app)],
        waiting_tasks=len(app.world.resource(PluginHost).tasks),
        totals=app.world.resource(Activity).totals,
    )


def _tick(app: App, ticks: int | None, *, watch: bool, as_json: bool) -> None:
    if ticks is not None:
        app.run(ticks)
    elif watch:
        _watch(app, print_json_line if as_json else _print_event)
    else:
        app.settle(max_ticks=100_000)


def _print_event(event: dict[str, str]) -> None:
    typer.echo(f"{event['event']} {event['subject']}")


def _watch(app: App, tell: Callable[[dict[str, str]], None]) -> None:
    """Tick and tell of events until Ctrl-C, and on stderr of plugins that were reloaded or could not be."""
    import logging

    from tickwright.ecs_core import EventReader, Last
    from tickwright.systems.contracts.events import Emitted

    def tell_events(queued: EventReader[Emitted]) -> None:
        for emitted in queued:
            tell({"event": emitted.event.name_of_event, "subject": emitted.event.subject})

    app.add_systems(Last, tell_events)
    log, to_stderr = logging.getLogger("tickwright.plugins.lua"), logging.StreamHandler()
    log.addHandler(to_stderr)
    log.setLevel(logging.INFO)
    try:
        app.run(rate_hz=RATE_HZ)
    except KeyboardInterrupt:
        pass
    finally:
        log.removeHandler(to_stderr)


def _flows(app: App) -> Iterable[dict[str, Any]]:
    from tickwright.systems.flows import FlowManager

    flows = app.world.resource(FlowManager)
    for number in flows.query():
        one = flows.get(number)
        if one is not None:
            yield {
                "id": str(one.id),
                "definition": one.definition_id,
                "state": one.current_state,
                "subject": one.subject,
                "done": one.done,
            }


def _runs(app: App) -> Iterable[dict[str, Any]]:
    from tickwright.systems.generation import GenerationManager

    manager = app.world.resource(GenerationManager)
    for run in manager.runs():
        result = manager.result(run)
        yield {
            "id": result.run,
            "pipeline": result.pipeline_id,
            "status": result.status,
            "tokens": result.total_tokens_used,
            "result": result.final_result,
            "error": result.error,
        }


def _failures(app: App) -> Iterable[str]:
    from tickwright.plugins.lua import PluginHost
    from tickwright.systems.hooks import Hooks

    yield from (str(failure) for failure in app.world.resource(Hooks).errors)
    yield from (str(error) for error in app.world.resource(PluginHost).errors)


def _check_place(file: Path) -> None:
    """Refuse a place where no state can be kept before anything is done whose state would be lost."""
    if file.is_dir() or not file.parent.is_dir():
        raise BadInputError(
            f"the state cannot be kept in {str(file)!r}",
            where=str(file),
            expected="a file, or a new name in a folder that exists",
            todo="make the folder, or name another file",
        )


def _restore(app: App, file: Path) -> None:
    """Restore an app from a file; what is wrong with it is told with the file's name."""
    from tickwright.ecs_core import TickwrightError

    try:
        app.restore(file.read_bytes())
    except TickwrightError as error:
        raise BadInputError(
            error.what,
            where=f"--state {file}",
            expected="what an earlier run with the same plugins wrote",
            todo=error.todo or "name another file for --state",
        ) from error


def _write(file: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, file)  # noqa: PTH105 (says what it does: the old file or the new one)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def show(report: RunReport, printer: Printer) -> None:
    """Print a report for people."""
    printer.fields({"vault": report.vault, "notes": report.notes, "plugins": ", ".join(report.plugins) or "none"})
    for problem in report.notes_with_errors:
        printer.line(f"  kept: {problem}", style="yellow")
    if report.answers:
        printer.heading("Requests")
        printer.table(("request", "result"), [(a.request, _short(a.result)) for a in report.answers])
    if report.flows:
        printer.heading("Flows")
        rows = [(f["id"], f["definition"], f["state"], f["subject"]) for f in report.flows]
        printer.table(("id", "flow", "state", "about"), rows)
    if report.runs:
        printer.heading("Runs")
        runs = [(run["id"], run["pipeline"], run["status"], run["tokens"], run["result"]) for run in report.runs]
        printer.table(("id", "pipeline", "status", "tokens", "result"), runs)
    printer.heading("Totals")
    totals = msgspec.structs.asdict(report.totals)
    printer.table(tuple(totals), [tuple(totals.values())])
    if report.waiting_tasks:
        printer.line(f"still waiting: {report.waiting_tasks} of the plugins' tasks; --ticks or --watch ticks on")
    for failure in report.failures:
        printer.line(f"failed: {failure}", style="red")


def _short(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
