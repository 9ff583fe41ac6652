"""Takes the common case of a single send; see `quick`. It repeats `Stepper.commit` for rows where less can happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwright.systems.contracts.events import FlowTransitioned
from tickwright.systems.flows.cells import Cells
from tickwright.systems.flows.context import FlowContext, FlowEvent
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.quick import FlatCall, Quick, Way
from tickwright.systems.flows.results import GuardFailed, TransitionResult
from tickwright.systems.flows.step import Image, Run

if TYPE_CHECKING:
    from tickwright.systems.flows.stepper import Stepper

__all__ = ["take_quick"]

_NO_MEMORY: dict[int, tuple[int, ...]] = {}


def take_quick(
    stepper: Stepper, cells: Cells, row: int, instance: int, quick: Quick, event: FlowEvent
) -> TransitionResult:
    """Take one action of an instance at rest, which its configuration's `quick` knows.

    Raises:
        FlowError: a handler raised; nothing changed but the audit stream.
    """
    store, table, version = stepper.store, cells.table, cells.archetype.version
    if store.stepping:
        store.guarded(lambda: None)
    before = table.flow.config_list[cells.config_at[row]]
    context = table.context(cells, row, instance) if cells.values else table.contexts.get(instance, table.defaults)
    symbol = cells.subject_at[row]
    image = Image(before, context, _NO_MEMORY, ())
    run = Run(table.flow, image, store.world.symbols.text(symbol) if symbol else "", event, instance)
    store.stepping = True
    try:
        way = _choose(run, quick)
        if not isinstance(way, Way):
            store.stepping = False
            return stepper.reject(cells, row, instance, event["action"], event["user"], way)
        if way.leaving:
            _call(run, way.leaving)
        run.config = way.after
        if way.entering:
            _call(run, way.entering)
        ran_on = bool(run.raised)
        if ran_on:
            run.exited, run.entered = way.plan.exited, way.plan.entered
            run.drive(run.settle())
    except FlowError as error:
        stepper.note_failure(instance, event, error)
        raise
    finally:
        store.stepping = False
    if cells.archetype.version != version:  # a handler changed the world: the row may be elsewhere
        cells, row, _ = store.locate(instance)
    if ran_on or run.delayed or cells.values:
        if not run.entered:
            run.exited, run.entered = way.plan.exited, way.plan.entered
        return stepper.committed(cells, row, instance, image, run, event)
    return _commit(stepper, cells, row, instance, way, run, image)


def _choose(run: Run, quick: Quick) -> Way | GuardFailed:
    """Return the first way whose guards hold."""
    if not quick[0].checks:
        return quick[0]
    failures: list[tuple[str, str]] = []
    run.guarding = True
    for way in quick:
        for check in way.checks:
            if (failure := check(run)) is not None:
                failures.append((failure[0], failure[1]))
                break
        else:
            run.guarding = False
            return way
    run.guarding = False
    return GuardFailed(*failures[0], tuple(failures))


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
    stepper: Stepper, cells: Cells, row: int, instance: int, way: Way, run: Run, image: Image
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
    if run.context is not image.context:
        table.contexts[instance] = run.context
    event, start, end = run.event, image.config.current_state, after.current_state
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
