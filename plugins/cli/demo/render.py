"""The demo for people: each point's report, as it is finished."""

from __future__ import annotations

import msgspec

from tickwright.plugins.cli.activity import Totals
from tickwright.plugins.cli.demo.report import (
    DecayReport,
    LoadReport,
    ResearchReport,
    ReviewReport,
    SaveReport,
)
from tickwright.plugins.cli.output import Printer

__all__ = [
    "show_decay",
    "show_end",
    "show_load",
    "show_question",
    "show_research",
    "show_review",
    "show_saves",
]


def show_load(printer: Printer, load: LoadReport) -> None:
    """Show the counts of point 1."""
    printer.heading("1. The vault")
    printer.table(
        ("notes", "folders", "words", "links", "tags", "plugins"),
        [(load.notes, load.folders, load.words, load.links, load.tags, len(load.plugins))],
    )
    printer.line(f"  most linked to: {load.hub}")


def show_saves(printer: Printer, saves: SaveReport) -> None:
    """Show what became of both saves of point 2."""
    printer.heading("2. Saving through a guard")
    refused, stamped = saves.refused, saves.stamped
    printer.line(f"  {refused.path}: cancelled, {refused.reason!r}; nothing on disk", style="red")
    printer.line(f"  {stamped.path}: saved, {stamped.size} bytes on disk", style="green")
    printer.fields({"last line": stamped.last_line, "sha256": stamped.sha256})


def show_review(printer: Printer, review: ReviewReport) -> None:
    """Show the attempts and the history of point 3."""
    printer.heading(f"3. A review of {review.subject}")
    for attempt in review.attempts:
        if attempt.result == "success":
            printer.line(f"  {attempt.user}: {attempt.action} -> {attempt.state}", style="green")
        else:
            refusal = f"{attempt.result} by {attempt.guard}: {attempt.reason}" if attempt.guard else attempt.result
            printer.line(f"  {attempt.user}: {attempt.action} -> refused, {refusal}", style="red")
    rows = [(line.from_, line.to, line.action, line.user) for line in review.history]
    printer.table(("from", "to", "action", "by"), rows)
    printer.line(f"  emitted: {', '.join(review.events)}")


def show_question(printer: Printer, question: str) -> None:
    """Begin point 4, whose parts are shown while it runs."""
    printer.heading("4. A research pipeline")
    printer.line(f"  question: {question}")


def show_research(printer: Printer, research: ResearchReport) -> None:
    """Show the sums of point 4."""
    printer.line(
        f"  context {research.context_tokens} of {research.budget_tokens} tokens; {research.chunks} chunks, "
        f"{research.streamed_characters} characters, {research.tokens} tokens in all ({research.encoding})"
    )


def show_decay(printer: Printer, decay: DecayReport) -> None:
    """Show the speed of point 5."""
    printer.heading(f"5. A system from Lua ({decay.engine})")
    printer.table(
        ("entities", "ticks", "rows ticked", "rows per second"),
        [(decay.rows, decay.ticks, decay.rows_ticked, decay.rows_per_s)],
    )
    printer.line(f"  left {decay.left:.6f}, computed apart {decay.expected:.6f}")


def show_end(printer: Printer, totals: Totals, *, duration_s: float, faults: list[str]) -> None:
    """Show the totals of point 6, and what went wrong."""
    printer.heading("6. What happened")
    counts = msgspec.structs.asdict(totals)
    printer.table(tuple(counts), [tuple(counts.values())])
    printer.line(f"  in {duration_s:.1f} s")
    for fault in faults:
        printer.line(f"failed: {fault}", style="bold red")
