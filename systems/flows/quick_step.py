"""Takes the common case of a single send; see `quick`. It repeats `Stepper.commit` for rows where less can happen."""

from __future__ import annotations

from sys import getrefcount
from typing import TYPE_CHECKING

from tickwright.systems.contracts.events import FlowTransitioned
from tickwright.systems.contracts.json import EMPTY, FrozenDict
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.context import FlowContext, FlowEvent
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.quick import FlatCall, Quick, Way
from tickwright.systems.flows.results import GuardFailed, TransitionResult
from tickwright.systems.flows.step import Image, Run, finish

if TYPE_CHECKING:
    from tickwright.systems.flows.nodes import Config
    from tickwright.systems.flows.stepper import Stepper

__all__ = ["take_quick"]

_OURS = 2  # the run's own, and the one that is counted
_NO_MEMORY: dict[int, tuple[int, ...]] = {}


class QuickRun(Run):
    """A run of an instance that has no timer, memory or delayed action, made without an image.

    One is used again and again, as long as no handler holds on to its context.
    """

    __slots__ = ()

    def __init__(self) -> None:
        self.memory = _NO_MEMORY
        self.timers = self.done_events = self.delayed = self.outbox = self.raised = self.exited = self.entered = ()
        self.guarding = False
        self.params = EMPTY
        self.ctx = FlowContext(self)


def take_quick(
    stepper: Stepper, cells: Cells, row: int, instance: int, config: Config, quick: Quick, event: FlowEvent
) -> TransitionResult:
    """Take one action of an instance at rest, which its configuration's `quick` knows.

    Raises:
        FlowError: a handler raised; nothing changed but the audit stream.
    """
    store, table, version = stepper.store, cells.table, cells.archetype.version
    if store.stepping:
        store.guarded(lambda: None)
    context = table.context(cells, row, instance) if cells.values else table.contexts.get(instance, table.defaults)
    symbol = cells.subject_at[row]
    subject = store.world.symbols.text(symbol) if symbol else ""
    run = stepper.spare or QuickRun()
    stepper.spare = None
    run.flow = table.flow
    run.config = config
    run.context = context
    run.subject = subject
    run.instance = instance
    run.event = event
    run.user = event["user"]
    run.now = event["timestamp"]
    store.stepping = True
    ran_on = False
    try:
        way = quick[0] if not quick[0].checks else _choose(run, quick)
        if isinstance(way, GuardFailed):
            store.stepping = False
            return stepper.reject(cells, row, instance, event["action"], event["user"], way)
        if way.leaving:
            _call(run, way.leaving)
        run.config = way.after
        if way.entering:
            _call(run, way.entering)
        if run.raised:
            ran_on, run.exited, run.entered = True, way.plan.exited, way.plan.entered
            run.drive(run.settle())
    except FlowError as error:
        stepper.note_failure(instance, event, error)
        raise
    finally:
        store.stepping = False
        kept = getrefcount(run.ctx) > _OURS  # a handler holds on to it
    if cells.archetype.version != version:  # a handler changed the world: the row may be elsewhere
        cells, row, _ = store.locate(instance)
    if ran_on or run.delayed or cells.values:
        if not ran_on:
            run.exited, run.entered = way.plan.exited, way.plan.entered
        image = Image(config, context, _NO_MEMORY, ())
        return stepper.committed(cells, row, instance, image, finish(run), event)
    result = _commit(stepper, cells, row, instance, way, run, context)
    if not kept:
        if run.outbox:
            run.outbox = ()
        stepper.spare = run
    return result


def _choose(run: Run, quick: Quick) -> Way | GuardFailed:
    """Return the first way whose guards hold."""
    failures: tuple[tuple[str, str], ...] = ()
    run.guarding = True
    for way in quick:
        for check in way.checks:
            if (failure := check(run)) is not None:
                failures = (*failures, (failure[0], failure[1]))
                break
        else:
            run.guarding = False
            return way
    run.guarding = False
    return GuardFailed(*failures[0], failures)


def _call(run: Run, calls: tuple[FlatCall, ...]) -> None:
    ctx: FlowContext = run.ctx
    for name, function, params, phase, index in calls:
        run.params = params
        try:
            answer = function(ctx, run.event)
        except Exception as error:
            raise run.failed(error, phase, name, index) from error
        if answer is not None:
            run.refuse_waiting(answer, phase, name, index)


def _commit(
    stepper: Stepper, cells: Cells, row: int, instance: int, way: Way, run: Run, context: FrozenDict
) -> TransitionResult:
    table, store, after = cells.table, stepper.store, way.after
    cells.config_at[row] = after.index
    cells.state_at[row] = way.symbol if way.symbol >= 0 else way.find_symbol(table.symbol_of)
    cells.updated_at[row] = run.now
    cells.revision_at[row] = revision = cells.revision_at[row] + 1
    ticks = cells.changed
    if ticks.rows is None:
        cells.mark_one(row)
    else:
        ticks.rows[row] = ticks.latest = store.world.clock.advance()
    if run.context is not context:
        table.contexts[instance] = run.context
    start, end, event = way.start, after.current_state, run.event
    action = event["action"]
    record = (start, end, action, run.now, event["data"], revision, run.user, way.exited, way.entered)
    records = table.records.get(instance)
    if records is None:
        table.records[instance] = [record]
    else:
        records.append(record)
    if store.emitted.readers:
        definition = table.flow.definition.id
        store.tell(FlowTransitioned(definition=definition, instance=str(instance), from_=start, to=end, action=action))
    if run.outbox:
        stepper.flush(table, run, instance)
    return after.success
