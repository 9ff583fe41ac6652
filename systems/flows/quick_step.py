"""Takes the common case of a single action; see `quick`. It comes to what `Stepper.take_whole` comes to.

What `step`, `Stepper.commit` and `FlowTable.commit` do is written again here for rows where less can happen, because
the calls between them cost as much as what they do: docs/decisions/0052-one-flat-send.md.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import TYPE_CHECKING, Any

from tickwright.systems.contracts.events import FlowTransitioned
from tickwright.systems.contracts.json import EMPTY, FrozenDict
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.context import FlowContext, FlowEvent
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.quick import Quick, Way
from tickwright.systems.flows.results import GuardFailed, TransitionResult
from tickwright.systems.flows.step import Image, Run, finish

if TYPE_CHECKING:
    from tickwright.systems.flows.stepper import Stepper

__all__ = ["QuickRun", "take"]

_OURS = 2  # the run's own, and the one that is counted
_NO_MEMORY: dict[int, tuple[int, ...]] = {}
_NONE: tuple[tuple[str, str], ...] = ()


class QuickRun(Run):
    """A run of an instance that has no timer, memory or delayed action, made without an image.

    One is used again and again, as long as no handler holds on to its context; so is its event, which cannot change
    and which many instances get in one tick.
    """

    __slots__ = ("action", "data", "failures", "symbol", "text")

    symbol: int

    def __init__(self, text: Callable[[int], str]) -> None:
        self.text = text
        self.memory = _NO_MEMORY
        self.timers = self.done_events = self.delayed = self.outbox = self.raised = self.exited = self.entered = ()
        self.failures = _NONE
        self.guarding = False
        self.params = EMPTY
        self.ctx = FlowContext(self)
        self.ask("", None, "", -1)

    def ask(self, action: str, data: Any, user: str, now: int) -> None:
        """Be about another action."""
        self.action, self.data, self.user, self.now = action, data, user, now
        self.event = FlowEvent.of(action, user, now, data)

    @property
    def subject(self) -> str:  # type: ignore[override]  # few handlers ask
        """What the instance is about."""
        return self.text(self.symbol)


def take(
    stepper: Stepper, cells: Cells, row: int, instance: int, action: str, data: Any, user: str
) -> TransitionResult:
    """Take one action.

    Raises:
        FlowError: a handler raised; nothing changed but the audit stream.
    """
    table, run, store, at = cells.table, stepper.quick_run, stepper.store, cells.config_at[row]
    flow = table.flow
    config = flow.config_list[at]
    ways = config.quick.get(action)
    if ways is None or at < 0 or table.delayed:
        return stepper.take_whole(cells, row, instance, action, data, user)
    run.flow, run.config = flow, config
    now = store.world.now()
    if run.now != now or run.action != action or run.user != user or run.data is not data:
        run.ask(action, data, user, now)
    run.instance, run.symbol = instance, cells.subject_at[row]
    before = table.contexts.get(instance, table.defaults)
    if cells.values:
        before = table.context(cells, row, instance)
    run.context = before
    version = cells.archetype.version
    store.stepping = True
    try:
        way = _act(run, ways)
    except FlowError as error:
        stepper.give_up(run, error)
        raise
    finally:
        store.stepping = False
    if cells.archetype.version != version:  # a handler changed the world: the row may be elsewhere
        cells, row, _ = store.locate(instance)
    if way is None:
        return _otherwise(stepper, cells, row, run, before)
    after, context = way.after, run.context
    if context is not before:
        if cells.values:
            _write_typed(stepper, cells, row, run)
        table.contexts[instance] = context
    cells.config_at[row] = after.index
    cells.state_at[row] = way.symbol
    cells.updated_at[row] = now
    cells.revision_at[row] = revision = cells.revision_at[row] + 1
    ticks = cells.changed
    if ticks.rows is None:
        cells.mark_one(row)
    else:
        ticks.rows[row] = ticks.latest = store.clock.advance()
    record = (way.path, action, now, data, revision, user)
    records = table.records.get(instance)
    if records is None:
        table.records[instance] = [record]
    else:
        records.append(record)
    if store.emitted.readers or run.outbox:
        _tell(stepper, cells, run, way)
    if getrefcount(run.ctx) > _OURS:  # a handler holds on to it
        run.config = after
        stepper.renew()
    return after.success


def _act(run: QuickRun, ways: Quick) -> Way | None:
    """Ask guards and call handlers; None where no guard held, or handlers left more to do."""
    ctx, event, failures = run.ctx, run.event, _NONE
    run.guarding = True
    for way in ways:
        if (guard := way.guard) is None:
            failure = None if way.check is None else way.check(run)
        else:
            run.params = guard.params
            try:
                answer = guard.function(ctx, event)
                failure = None if answer is True else guard.judge(answer)
            except Exception as error:
                failure = guard.raised(error)
        if failure is None:
            break
        failures = (*failures, (failure[0], failure[1]))
    else:
        run.failures = failures
        return None
    run.guarding = False
    for name, function, run.params, phase, index, run.config in way.calls:
        try:
            answer = function(ctx, event)
        except Exception as error:
            raise run.failed(error, phase, name, index) from error
        if answer is not None:
            run.refuse_waiting(answer, phase, name, index)
    if not run.raised and not run.delayed:
        return way
    run.config, run.exited, run.entered = way.after, way.plan.exited, way.plan.entered
    run.drive(run.settle())
    return None


def _otherwise(stepper: Stepper, cells: Cells, row: int, run: QuickRun, before: FrozenDict) -> TransitionResult:
    """Refuse, or commit what `step` would have come to."""
    stepper.renew()
    if run.failures:
        refusal = GuardFailed(*run.failures[0], run.failures)
        return stepper.reject(cells, row, run.instance, run.action, run.user, refusal)
    image = Image(run.flow.config_list[cells.config_at[row]], before, _NO_MEMORY, ())
    event = FlowEvent.of(run.action, run.user, run.now, run.data)
    return stepper.committed(cells, row, run.instance, image, finish(run), event)


def _write_typed(stepper: Stepper, cells: Cells, row: int, run: QuickRun) -> None:
    """Write the typed fields, all or none.

    Raises:
        FlowStepError: one of them does not fit its column.
    """
    try:
        typed = cells.table.typed(run.context)
    except FlowError as error:
        stepper.give_up(run, error)
        raise
    for name, value in typed.items():
        cells.values[name][row] = value


def _tell(stepper: Stepper, cells: Cells, run: QuickRun, way: Way) -> None:
    """Tell of a transition, and send what its handlers left in the outbox."""
    store, table = stepper.store, cells.table
    if store.listened:
        name, instance, (start, end, _, _) = table.flow.definition.id, str(run.instance), way.path
        store.tell(FlowTransitioned(definition=name, instance=instance, from_=start, to=end, action=run.action))
    if run.outbox:
        run.config = way.after
        stepper.flush(table, run, run.instance)
        run.outbox = ()
