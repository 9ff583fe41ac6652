"""Count what an app does, for the table at the end of a command."""

from __future__ import annotations

from collections import Counter

import msgspec

from tickwright.ecs_core import App, EventReader, Last, Plugin, ResMut
from tickwright.systems.contracts.events import (
    Emitted,
    FlowTransitioned,
    HookEvent,
    PipelineFailed,
    PipelineFinished,
    PipelineStarted,
    PipelineStepFinished,
)
from tickwright.systems.hooks import Hooks

__all__ = ["Activity", "ActivityPlugin", "Totals", "count_activity"]


class Totals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an app did.

    Attributes:
        events: hook events that were queued for subscribers, of every kind.
        transitions: committed steps of flows.
        steps: generation steps that ended, each branch of a mapped step on its own.
        tokens: tokens those steps used.
    """

    ticks: int
    events: int
    transitions: int
    steps: int
    tokens: int


class Activity:
    """Running counts; a resource.

    Attributes:
        by_event: how often each event was queued, by name.
    """

    def __init__(self) -> None:
        self.by_event: Counter[str] = Counter()
        self.ticks = 0
        self.steps = 0
        self.tokens = 0
        self._mapped: set[tuple[str, str]] = set()

    @property
    def totals(self) -> Totals:
        """The counts so far."""
        return Totals(
            ticks=self.ticks,
            events=self.by_event.total(),
            transitions=self.by_event[FlowTransitioned.event_name],
            steps=self.steps,
            tokens=self.tokens,
        )

    def count(self, event: HookEvent) -> None:
        """Count one queued event; a mapped step as a whole is the sum of its branches, and those were counted."""
        self.by_event[event.name_of_event] += 1
        if not isinstance(event, PipelineStepFinished):
            return
        step = (event.run, event.step)
        if event.branch >= 0:
            self._mapped.add(step)
        elif step in self._mapped:
            self._mapped.discard(step)
            return
        self.steps += 1
        self.tokens += event.tokens_used


class ActivityPlugin(Plugin):
    """Provide `Activity`, counted at the end of every tick."""

    @property
    def name(self) -> str:
        """The plugin's name."""
        return "activity"

    def build(self, app: App) -> None:
        """Insert the counts, add the system, and subscribe: these events are made only where somebody hears them."""
        app.add_event(Emitted)
        app.insert_resource(Activity())
        app.add_systems(Last, count_activity)
        hooks = app.world.get_resource(Hooks)
        if hooks is not None:
            for kind in (FlowTransitioned, PipelineStarted, PipelineStepFinished, PipelineFinished, PipelineFailed):
                hooks.on(kind.event_name, _hear, transient=True)


def _hear(event: HookEvent, context: object) -> None:
    """Be somebody who hears."""


def count_activity(activity: ResMut[Activity], queued: EventReader[Emitted]) -> None:
    """Count a tick and what was queued since the last one."""
    activity.ticks += 1
    for emitted in queued:
        activity.count(emitted.event)
