"""Takes the common case of a single send; see `quick`. It repeats `Stepper.commit` for rows where less can happen.

What is written twice here, and not called, is what a Python call costs beside it: docs/decisions/0052-flat-send.md.
"""

from __future__ import annotations

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

__all__ = ["QuickRun", "take_quick"]

_OURS = 3  # the run's own, the step's own, and the one that is counted
_NO_MEMORY: dict[int, tuple[int, ...]] = {}


class QuickRun(Run):
    """A run of an instance that has no timer, memory or delayed action, made without an image.

    One is used again and again, as long as no handler holds on to its context; so is its event, which cannot change
    and which many instances get in one tick.
    """

    __slots__ = ("action", "data")

    def __init__(self) -> None:
        self.memory = _NO_MEMORY
        self.timers = self.done_events = self.delayed = self.outbox = self.raised = self.exited = self.entered = ()
        self.guarding = False
        self.params = EMPTY
        self.ctx = FlowContext(self)
        self.ask("", None, "", -1)

    def ask(self, action: str, data: Any, user: str, now: int) -> None:
        """Be about another action."""
        self.action, self.data, self.user, self.now = action, data, user, now
        self.event = FlowEvent.of(action, user, now, data)


def take_quick(stepper: Stepper, cells: Cells, row: int, instance: int, ways: Quick, run: QuickRun) -> TransitionResult:
    """Take the run's action of an instance at rest, whose configuration knows its ways.

    Raises:
        FlowError: a handler raised; nothing changed but the audit stream.
    """
    store, table, version, ctx, event = stepper.store, cells.table, cells.archetype.version, run.ctx, run.event
    if store.stepping:
        store.guarded(lambda: None)
    symbol = cells.subject_at[row]
    run.subject = store.world.symbols.text(symbol) if symbol else ""
    run.flow = table.flow
    run.instance = instance
    run.context = before = (
        table.context(cells, row, instance) if cells.values else table.contexts.get(instance, table.defaults)
    )
    failures: tuple[tuple[str, str], ...] = ()
    store.stepping = run.guarding = True
    try:
        for way in ways:
            if (check := way.check) is None or (failure := check(run)) is None:
                break
            failures = (*failures, (failure[0], failure[1]))
        else:
            return _refuse(stepper, cells, row, instance, run, failures)
        run.guarding = False
        for name, function, run.params, phase, index, run.config in way.calls:
            try:
                answer = function(ctx, event)
            except Exception as error:
                raise run.failed(error, phase, name, index) from error
            if answer is not None:
                run.refuse_waiting(answer, phase, name, index)
        run.config = way.after
        if run.raised or run.delayed:
            run.exited, run.entered = way.plan.exited, way.plan.entered
            run.drive(run.settle())
            stepper.quick_run = QuickRun()
    except FlowError as error:
        stepper.quick_run = QuickRun()
        stepper.note_failure(instance, event, error)
        raise
    finally:
        store.stepping = False
    if cells.archetype.version != version:  # a handler changed the world: the row may be elsewhere
        cells, row, _ = store.locate(instance)
    if stepper.quick_run is not run:  # more happened than the way's own calls
        image = Image(table.flow.config_list[cells.config_at[row]], before, _NO_MEMORY, ())
        return stepper.committed(cells, row, instance, image, finish(run), event)
    return _commit(stepper, cells, row, instance, way, run, before)


def _commit(
    stepper: Stepper, cells: Cells, row: int, instance: int, way: Way, run: QuickRun, before: FrozenDict
) -> TransitionResult:
    table, store, after, action, now = cells.table, stepper.store, way.after, run.action, run.now
    if run.context is not before:
        if cells.values:
            _write_typed(stepper, cells, row, instance, run)
        table.contexts[instance] = run.context
    cells.config_at[row] = after.index
    cells.state_at[row] = way.symbol if way.symbol >= 0 else way.find_symbol(table.symbol_of)
    cells.updated_at[row] = now
    cells.revision_at[row] = revision = cells.revision_at[row] + 1
    ticks = cells.changed
    if ticks.rows is None:
        cells.mark_one(row)
    else:
        ticks.rows[row] = ticks.latest = store.world.clock.advance()
    record = (
        way.start,
        after.current_state,
        action,
        now,
        run.event["data"],
        revision,
        run.user,
        way.exited,
        way.entered,
    )
    records = table.records.get(instance)
    if records is None:
        table.records[instance] = [record]
    else:
        records.append(record)
    if store.emitted.readers:
        definition, start, end = table.flow.definition.id, way.start, after.current_state
        store.tell(FlowTransitioned(definition=definition, instance=str(instance), from_=start, to=end, action=action))
    if run.outbox:
        stepper.flush(table, run, instance)
        run.outbox = ()
    if getrefcount(run.ctx) > _OURS:  # a handler holds on to it
        stepper.quick_run = QuickRun()
    return after.success


def _refuse(
    stepper: Stepper, cells: Cells, row: int, instance: int, run: QuickRun, failures: tuple[tuple[str, str], ...]
) -> TransitionResult:
    stepper.store.stepping = False
    if getrefcount(run.ctx) > _OURS:  # a guard holds on to it
        stepper.quick_run = QuickRun()
    return stepper.reject(cells, row, instance, run.action, run.user, GuardFailed(*failures[0], failures))


def _write_typed(stepper: Stepper, cells: Cells, row: int, instance: int, run: QuickRun) -> None:
    """Write the typed fields, all or none.

    Raises:
        FlowStepError: one of them does not fit its column.
    """
    try:
        typed = cells.table.typed(run.context)
    except FlowError as error:
        stepper.quick_run = QuickRun()
        stepper.note_failure(instance, run.event, error)
        raise
    for name, value in typed.items():
        cells.values[name][row] = value
