"""The hooks feature as a plugin, and its systems."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from tickwright.ecs_core import App, Changed, Entity, Mut, Objects, Or, Plugin, Query, Res, ResMut, Time, Update, World
from tickwright.systems.contracts.events import Decided, Emitted, EventTiming, HookEvent
from tickwright.systems.contracts.ports import Dispatcher, Handlers
from tickwright.systems.contracts.sets import UpdateSet
from tickwright.systems.contracts.ticks import RoundWork
from tickwright.systems.hooks.components import Subscription, SubscriptionHandler
from tickwright.systems.hooks.errors import HookCycleError
from tickwright.systems.hooks.manager import Hooks
from tickwright.systems.hooks.rounds import MAX_ROUNDS
from tickwright.systems.hooks.saved import hooks_section

__all__ = ["HooksPlugin", "follow_subscriptions", "has_events", "tell_after", "tell_before"]


class HooksPlugin(Plugin):
    """Provide `Hooks` (also as `Dispatcher`), and drain the queue of events in the hook sets.

    Args:
        handler_timeout_s: seconds an async handler may take; None for as long as it likes.
    """

    def __init__(self, *, handler_timeout_s: float | None = None) -> None:
        self._handler_timeout_s = handler_timeout_s

    @property
    def name(self) -> str:
        """The feature's name."""
        return "hooks"

    def build(self, app: App) -> None:
        """Insert the manager and add the systems."""
        app.add_event(Emitted)
        app.add_event(Decided)
        hooks = Hooks(app, handler_timeout_s=self._handler_timeout_s)
        app.insert_resource(hooks)
        app.insert_resource(hooks, as_type=Dispatcher)
        app.insert_resource(hooks.errors)
        if not app.world.has_resource(Handlers):
            app.insert_resource(Handlers())
        app.on_release(hooks.release)
        app.sections.append(hooks_section(app.world, hooks.rows))
        app.plugin_context = lambda _, owner: hooks.context(owner)
        sets = (UpdateSet.HOOKS_BEFORE, UpdateSet.COMMIT, UpdateSet.HOOKS_AFTER)
        app.configure_sets(Update, *sets, UpdateSet.FLOWS, UpdateSet.GENERATION, chained=True)
        # one round more than may bring events, so that the error that names them is raised
        RoundWork.of(app.world).waiting["hooks"] = lambda: hooks.waiting
        app.add_subschedule(Update, sets, repeat_while=has_events, max_rounds=MAX_ROUNDS + 1)
        app.add_systems(Update, follow_subscriptions, in_set=UpdateSet.HOOKS_BEFORE)
        app.add_systems(Update, tell_before, after=follow_subscriptions, in_set=UpdateSet.HOOKS_BEFORE)
        app.add_systems(Update, tell_after, in_set=UpdateSet.HOOKS_AFTER)


ChangedRows: TypeAlias = Query[
    tuple[Entity, Mut[Subscription], Objects[SubscriptionHandler]],
    Or[Changed[Subscription], Changed[SubscriptionHandler]],
]


def follow_subscriptions(hooks: ResMut[Hooks], changed: ChangedRows) -> None:
    """Take in subscriptions that somebody spawned or wrote."""
    if not changed.is_empty():
        rows: Any = changed.rows()  # one object a row, where a chunk has a sequence of them
        hooks.rows.follow(rows)


def tell_before(world: World) -> None:
    """Decide the queued before-events, and send what came of each as `Decided`."""
    hooks = world.resource(Hooks)
    hooks.rows.settle()
    events = hooks.drain(EventTiming.BEFORE)
    hooks.rounds.begin(world.resource(Time).tick)
    if not events:
        return
    hooks.rounds.note(events)

    def decide(event: HookEvent) -> None:
        outcome = hooks.dispatch_event(event)
        world.send(Decided(event, outcome.event, outcome.cancelled, outcome.reason))

    _each(events, decide)


def tell_after(world: World) -> None:
    """Tell of the queued after-events; what their handlers queue waits for the next round."""
    hooks = world.resource(Hooks)
    events = hooks.drain(EventTiming.AFTER)
    if not events:
        return
    hooks.rounds.note(events)
    _each(events, hooks.dispatch_event)


def has_events(work: Res[RoundWork]) -> bool:
    """Say whether the hook sets have another round to run."""
    return work.is_left()


def _each(events: Iterable[HookEvent], tell: Callable[[HookEvent], object]) -> None:
    """Tell of every event; one whose handlers call each other without end does not take the others with it."""
    endless: HookCycleError | None = None
    for event in events:
        try:
            tell(event)
        except HookCycleError as error:
            endless = endless or error
    if endless is not None:
        raise endless
