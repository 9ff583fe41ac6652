"""Whether the demo's points did what they say: one line for each thing that did not."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose

from tickwright.plugins.cli.demo.report import (
    DecayReport,
    DemoReport,
    LoadReport,
    ResearchReport,
    ReviewReport,
    SaveReport,
)

__all__ = ["faults"]


def faults(report: DemoReport) -> list[str]:
    """Return what went wrong, as `point: what`; empty if nothing did."""
    points = {
        "load": _load(report.load),
        "save": _save(report.saves),
        "review": _review(report.review),
        "research": _research(report.research),
        "decay": _decay(report.decay),
        "totals": _totals(report),
    }
    return [f"{point}: {what}" for point, found in points.items() for what in found]


def _load(load: LoadReport) -> Iterator[str]:
    if not load.notes:
        yield "the vault has no notes"
    if not load.hub:
        yield "no note is linked to"


def _save(saves: SaveReport) -> Iterator[str]:
    refused, stamped = saves.refused, saves.stamped
    if refused.saved or not refused.cancelled or refused.on_disk:
        yield f"the empty note {refused.path!r} was saved"
    if not refused.reason:
        yield "the refused save has no reason"
    if not stamped.saved or not stamped.size:
        yield f"the note {stamped.path!r} was not saved"
    if not stamped.last_line.startswith("<!-- modified: "):
        yield f"the saved note ends with {stamped.last_line!r}, which is no stamp"


def _review(review: ReviewReport) -> Iterator[str]:
    results = [attempt.result for attempt in review.attempts]
    if results != ["success", "guard_failed", "success"]:
        yield f"the attempts came to {', '.join(results)}"
    elif not review.attempts[1].guard or not review.attempts[1].reason:
        yield "the refused approval names no guard or no reason"
    if [line.action for line in review.history] != ["submit", "approve"]:
        yield f"the history holds {[line.action for line in review.history]}"
    if not review.done:
        yield "the review has not ended"


def _research(research: ResearchReport) -> Iterator[str]:
    for source in research.sources:
        if source.used + source.dropped != source.asked:
            yield f"source {source.id}: {source.used} used + {source.dropped} dropped is not {source.asked} asked"
        if source.dropped and not source.reason:
            yield f"source {source.id} dropped {source.dropped} tokens without a reason"
    if sum(source.used for source in research.sources) > research.budget_tokens:
        yield "the context is larger than its budget"
    ended: set[str] = set()
    for number, step in enumerate(research.steps):
        if step.status != "done":
            yield f"step {step.id} is {step.status}"
        if missing := set(step.after) - ended:
            yield f"step {step.id} ended before {', '.join(sorted(missing))}"
        if not any(later.id == step.id for later in research.steps[number + 1 :]):
            ended.add(step.id)  # a mapped step has ended when its last branch has
    if not research.result or not research.steps:
        yield "the pipeline gave no result"
    if not research.chunks:
        yield "no text was streamed"


def _decay(decay: DecayReport) -> Iterator[str]:
    if decay.rows_ticked != decay.rows * decay.ticks or not decay.rows:
        yield f"{decay.rows_ticked} rows were ticked"
    if not isclose(decay.left, decay.expected, rel_tol=1e-9):
        yield f"the system left {decay.left}, expected {decay.expected}"


def _totals(report: DemoReport) -> Iterator[str]:
    totals = report.totals
    if totals.transitions < len(report.review.history):
        yield f"{totals.transitions} transitions were counted"
    mapped = {step.id for step in report.research.steps if step.branch >= 0}
    asked = [step for step in report.research.steps if step.branch >= 0 or step.id not in mapped]
    if totals.steps != len(asked):
        yield f"{totals.steps} steps were counted, {len(asked)} ended"
    if totals.tokens != report.research.tokens:
        yield f"{totals.tokens} tokens were counted, {report.research.tokens} were used"
    if totals.ticks < report.decay.ticks:
        yield f"{totals.ticks} ticks were counted"
