"""`tickwright demo`: the six points, one after the other, on a copy of a vault."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tickwright.plugins.cli.output import BadInputError, Printer, print_json

if TYPE_CHECKING:
    from tickwright.ecs_core import App
    from tickwright.plugins.cli.demo.report import DemoReport

__all__ = ["demo", "run_demo"]

QUESTION = "What does the saltmarsh need before the bank is breached, and who decides?"


def demo(
    vault: Annotated[Path | None, typer.Option(help="Another vault than the example; it is copied.")] = None,
    plugins: Annotated[Path | None, typer.Option(help="Other plugins than the examples.")] = None,
    question: Annotated[str | None, typer.Option(help="What the research is about.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Work in this new folder, and leave it there.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Entities that the system from Lua ticks.")] = 100_000,
    ticks: Annotated[int, typer.Option(min=1, help="How often it ticks them.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; its schema is docs/demo-schema.json.")] = False,  # noqa: FBT002 (typer options are declared this way)
) -> None:
    """Show all of it on a copy of the example vault; exit status 0 only if every step did what it says."""
    example = files("tickwright.plugins.cli.demo")
    with (
        as_file(example / "vault") as own_vault,
        as_file(example / "plugins") as own_plugins,
        _copy(vault or own_vault, keep) as folder,
    ):
        printer = Printer(quiet=as_json)
        asked = question or (QUESTION if vault is None else None)
        report = run_demo(folder, plugins or own_plugins, asked, printer, rows=rows, ticks=ticks)
    if as_json:
        print_json(report)
    if report.faults:
        raise typer.Exit(1)


@contextmanager
def _copy(vault: Path, keep: Path | None) -> Iterator[Path]:
    if not vault.is_dir():
        raise BadInputError(
            f"the vault {str(vault)!r} is no folder",
            where=str(vault.absolute()),
            expected="a folder of Markdown files",
            todo="name a folder that exists",
        )
    if keep is not None:
        try:
            shutil.copytree(vault, keep)
        except FileExistsError:
            raise BadInputError(
                f"{str(keep)!r} is there already", expected="a new folder", todo="choose another for --keep"
            ) from None
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="tickwright-") as temporary:
        folder = Path(temporary) / "vault"
        shutil.copytree(vault, folder)
        yield folder


def run_demo(
    folder: Path, plugins: Path, question: str | None, printer: Printer, *, rows: int = 100_000, ticks: int = 50
) -> DemoReport:
    """Go through the six points in a vault that may be changed, showing each when it is done.

    Args:
        question: of the research; about the vault's hub if None.
    """
    import msgspec

    from tickwright.plugins.cli.demo.checks import faults
    from tickwright.plugins.cli.demo.render import show_end
    from tickwright.plugins.cli.session import open_app

    begun = time.perf_counter()
    with open_app(folder, [plugins]) as app:
        report = _go_through(app, folder, question, printer, rows=rows, ticks=ticks)
    duration_s = round(time.perf_counter() - begun, 3)
    report = msgspec.structs.replace(report, duration_s=duration_s, faults=faults(report))
    show_end(printer, report.totals, duration_s=duration_s, faults=report.faults)
    return report


def _go_through(app: App, folder: Path, question: str | None, printer: Printer, *, rows: int, ticks: int) -> DemoReport:
    from tickwright.plugins.cli.activity import Activity
    from tickwright.plugins.cli.demo import points, render
    from tickwright.plugins.cli.demo.report import DemoReport
    from tickwright.plugins.cli.live import Live

    load = points.load(app)
    render.show_load(printer, load)
    saves = points.save(app, hub=load.hub, folder=folder)
    render.show_saves(printer, saves)
    review = points.review(app, subject=saves.stamped.path)
    render.show_review(printer, review)
    question = question or f"What is known about {points.title_of(load.hub)}?"
    render.show_question(printer, question)
    research = points.research(app, question=question, note=load.hub, tell=Live(printer))
    render.show_research(printer, research)
    decay = points.tick_decay(app, rows=rows, ticks=ticks)
    render.show_decay(printer, decay)
    totals = app.world.resource(Activity).totals
    return DemoReport(
        load=load,
        saves=saves,
        review=review,
        research=research,
        decay=decay,
        totals=totals,
        duration_s=0.0,
        faults=[],
    )
