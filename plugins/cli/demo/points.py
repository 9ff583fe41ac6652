"""The demo's points, each a function of the app that does its part and returns what happened."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tickwright.ecs_core import App
from tickwright.plugins.cli.demo.report import (
    Attempt,
    DecayReport,
    HistoryLine,
    LoadReport,
    RefusedSave,
    ResearchReport,
    ReviewReport,
    SaveReport,
    StampedSave,
)
from tickwright.plugins.cli.pipelines import Tell, run_pipeline
from tickwright.plugins.lua import PluginHost
from tickwright.systems.flows import FlowManager, GuardFailed, InvalidAction, InvalidState, Success, TransitionResult
from tickwright.systems.hooks import Hooks
from tickwright.systems.notes import Notes

__all__ = ["load", "research", "review", "save", "tick_decay", "title_of"]

AUTHOR, REVIEWER = "ines", "tomas"
EMPTY_PATH, GOOD_PATH = "Inbox/Empty.md", "Inbox/What to read first.md"
STEP_S = 0.1


def load(app: App) -> LoadReport:
    """Count what the vault and the plugins brought."""
    notes = app.world.resource(Notes)
    records = list(notes.records())
    return LoadReport(
        notes=len(records),
        folders=len({record.path.rpartition("/")[0] for record in records}),
        words=sum(len(_text(notes, record.path).split()) for record in records),
        links=sum(len(record.links) for record in records),
        unresolved=len(notes.unresolved()),
        tags=len({tag for record in records for tag in record.tags}),
        with_frontmatter=sum(bool(record.frontmatter) for record in records),
        hub=_hub(notes),
        plugins=[info.name for info in app.world.resource(PluginHost).list()],
    )


def _text(notes: Notes, path: str) -> str:
    note = notes.get(path)
    return note.content if note is not None else ""


def _hub(notes: Notes) -> str:
    """Return the note that most others link to, the first by path among equals."""
    return min(notes.paths(), key=lambda path: (-len(notes.backlinks(path)), path))


def title_of(path: str) -> str:
    """Return a note's name, as a link says it."""
    return path.rpartition("/")[2].removesuffix(".md")


def save(app: App, *, hub: str, folder: Path) -> SaveReport:
    """Save an empty note and a good one; what became of them is read back from the disk."""
    notes = app.world.resource(Notes)
    refused = notes.save(EMPTY_PATH, "\n \n")
    sources = "".join(f"- [[{path.removesuffix('.md')}]]\n" for path in notes.backlinks(hub)[:5])
    stamped = notes.save(GOOD_PATH, f"# What to read first\n\nStart at [[{title_of(hub)}]], then:\n\n{sources}")
    app.settle()
    data = (folder / GOOD_PATH).read_bytes() if (folder / GOOD_PATH).exists() else b""
    return SaveReport(
        refused=RefusedSave(
            path=EMPTY_PATH,
            saved=refused.saved,
            cancelled=refused.cancelled,
            reason=refused.reason,
            on_disk=(folder / EMPTY_PATH).exists(),
        ),
        stamped=StampedSave(
            path=stamped.path,
            saved=stamped.saved,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            last_line=data.decode("utf-8", "replace").rstrip("\n").rpartition("\n")[2],
        ),
    )


def review(app: App, *, subject: str) -> ReviewReport:
    """Walk a review: submitted, approved by the submitter (refused), approved by somebody else."""
    flows, heard = app.world.resource(FlowManager), _Heard(app, "notification:review_requested", "workflow:completed")
    instance = flows.start("review", subject=subject, user=AUTHOR)
    attempts = [
        _attempt(flows, instance, action, user)
        for action, user in (("submit", AUTHOR), ("approve", AUTHOR), ("approve", REVIEWER))
    ]
    app.settle()
    found = flows.get(instance)
    assert found is not None, "it was started above"
    lines = [HistoryLine(from_=each.from_, to=each.to, action=each.action, user=each.user) for each in found.history]
    return ReviewReport(
        flow="review",
        instance=str(instance),
        subject=found.subject,
        attempts=attempts,
        history=lines,
        events=heard.names(),
        done=found.done,
    )


class _Heard:
    """Hears the named events until asked which there were."""

    def __init__(self, app: App, *events: str) -> None:
        hooks = app.world.resource(Hooks)
        self._names: list[str] = []
        self._subscriptions = [hooks.on(event, self._hear) for event in events]

    def _hear(self, event: Any, _: Any) -> None:
        self._names.append(event.name_of_event)

    def names(self) -> list[str]:
        for subscription in self._subscriptions:
            subscription.off()
        return self._names


def _attempt(flows: FlowManager, instance: int, action: str, user: str) -> Attempt:
    result = flows.send(instance, action, user=user)
    found = flows.get(instance)
    guard, reason = (result.guard, result.reason) if isinstance(result, GuardFailed) else ("", "")
    state = found.current_state if found is not None else ""
    return Attempt(action=action, user=user, result=_NAMES[type(result)], state=state, guard=guard, reason=reason)


_NAMES: dict[type[TransitionResult], str] = {
    Success: "success",
    GuardFailed: "guard_failed",
    InvalidAction: "invalid_action",
    InvalidState: "invalid_state",
}


def research(app: App, *, question: str, note: str, tell: Tell) -> ResearchReport:
    """Run the research pipeline, telling what happens on the way."""
    run = run_pipeline(app, "research", {"user_query": question, "current_note": note}, tell=tell)
    return ResearchReport(
        pipeline=run.result.pipeline_id,
        question=question,
        encoding=run.context.encoding,
        budget_tokens=run.context.budget,
        context_tokens=run.context.total_tokens,
        sources=run.sources,
        steps=run.steps,
        chunks=run.chunks,
        streamed_characters=run.characters,
        result=run.result.final_result,
        tokens=run.result.total_tokens_used,
    )


def tick_decay(app: App, *, rows: int, ticks: int, clock: Callable[[], float] = time.perf_counter) -> DecayReport:
    """Spawn rows of the component that a plugin defined, and tick the system it added."""
    import numpy as np

    world: Any = app.world
    decay = world.components.named("Decay")
    rates = np.linspace(0.01, 1.0, rows)
    ids = world.spawn_batch(rows, decay.columns(rate=rates, left=1.0))
    app.update(0.0)  # the engine compiles the system on its first tick
    begun = clock()
    for _ in range(ticks):
        app.update(STEP_S)
    taken_s = clock() - begun
    expected = np.ones(rows)
    for _ in range(ticks):
        expected = np.maximum(expected - rates * STEP_S, 0.0)
    engines = {info.name: info.engine for info in app.world.resource(PluginHost).list()}
    return DecayReport(
        engine=engines["decay"],
        rows=rows,
        ticks=ticks,
        rows_ticked=rows * ticks,
        rows_per_s=int(rows * ticks / taken_s),
        left=float(np.asarray(world.get_batch(ids, decay).left).sum()),
        expected=float(expected.sum()),
    )
