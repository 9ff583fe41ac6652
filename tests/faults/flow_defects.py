"""Defects planted in the flow engine, one at a time: what the testing kit has to catch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tickwright.systems.contracts.events import CustomEvent
from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows import FlowManager, GuardFailed
from tickwright.systems.flows import context as context_module
from tickwright.systems.flows import migrating as migrating_module
from tickwright.systems.flows import snapshots as snapshots_module
from tickwright.systems.flows import stepper as stepper_module
from tickwright.systems.flows.advancing import Advancer
from tickwright.systems.flows.audit import AuditStream
from tickwright.systems.flows.bulk import DenseStep
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.context import FlowContext, FlowEvent
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.nodes import Plan
from tickwright.systems.flows.step import Run
from tickwright.systems.flows.stepper import Stepper
from tickwright.systems.flows.store import FlowStore
from tickwright.systems.flows.table import FlowTable
from tickwright.systems.flows.timers import Calendar

Patch = pytest.MonkeyPatch
Defect = Callable[[Patch], None]
DEFECTS: dict[str, tuple[Defect, tuple[str, ...]]] = {}
"""Name -> (what plants it, the invariants that may report it)."""


def defect(*caught_by: str) -> Callable[[Defect], Defect]:
    def keep(plant: Defect) -> Defect:
        DEFECTS[plant.__name__] = (plant, caught_by)
        return plant

    return keep


def around(patch: Patch, owner: Any, name: str, wrap: Callable[..., Any]) -> None:
    """Replace a method by `wrap(original, self, *args)`."""
    original = getattr(owner, name)

    def replaced(*args: Any, **kwargs: Any) -> Any:
        return wrap(original, *args, **kwargs)

    patch.setattr(owner, name, replaced)


@defect("I3", "I13")
def missing_rollback_of_the_context(patch: Patch) -> None:
    written: list[FlowContext] = []

    def set_context(original: Any, ctx: Any, key: str, value: Any) -> None:
        original(ctx, key, value)
        written.append(ctx)

    def step(original: Any, self: Any, cells: Any, row: int, instance: int, *args: Any) -> Any:
        written.clear()
        try:
            return original(self, cells, row, instance, *args)
        except FlowError:
            if written:
                cells.table.contexts[instance] = written[-1]._run.context
            raise

    around(patch, FlowContext, "set_context", set_context)
    around(patch, Stepper, "_step", step)


@defect("I3", "I13")
def missing_rollback_of_a_column(patch: Patch) -> None:
    def step(original: Any, self: Any, cells: Any, row: int, *args: Any) -> Any:
        try:
            return original(self, cells, row, *args)
        except FlowError:
            cells.updated_at[row] = self.store.world.now() + 1
            raise

    around(patch, Stepper, "_step", step)


@defect("I3", "I2")
def a_context_value_mutated_in_place(patch: Patch) -> None:
    patch.setattr(context_module, "freeze", lambda value, *_: value)


@defect("I12")
def wrong_exit_order(patch: Patch) -> None:
    def init(original: Any, plan: Any, exited: Any, entered: Any, config: Any) -> None:
        original(plan, tuple(reversed(exited)), entered, config)

    around(patch, Plan, "__init__", init)


@defect("I12")
def wrong_entry_order(patch: Patch) -> None:
    def init(original: Any, plan: Any, exited: Any, entered: Any, config: Any) -> None:
        original(plan, exited, tuple(reversed(entered)), config)

    around(patch, Plan, "__init__", init)


@defect("I2", "I4", "I12", "I14", "I18")
def guard_ignored(patch: Patch) -> None:
    patch.setattr(Run, "_holds", lambda *_: True)


@defect("I2", "I4", "I9", "I12", "I14", "I18")
def a_user_forged_through_data(patch: Patch) -> None:
    def of(cls: Any, action: str, user: str, timestamp: int, data: Any) -> Any:
        fields = {"action": action, "user": user, "timestamp": timestamp, "data": data}
        return cls({**fields, **(data if isinstance(data, dict) else {})})

    patch.setattr(FlowEvent, "of", classmethod(of))


@defect("I4", "I18")
def a_lost_action(patch: Patch) -> None:
    def enqueue(original: Any, self: Any, instance: Any, action: str, *args: Any, **options: Any) -> None:
        if action != "a1":
            original(self, instance, action, *args, **options)

    around(patch, FlowManager, "enqueue", enqueue)


@defect("I4", "I12", "I18", "I2", "I14")
def a_queue_that_is_a_stack(patch: Patch) -> None:
    def enqueue(original: Any, self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        self._store.queue.rotate(1)

    around(patch, FlowManager, "enqueue", enqueue)


@defect("I19", "I4", "I24")
def an_early_timer(patch: Patch) -> None:
    around(patch, Calendar, "take_due", lambda original, self, now: original(self, now + 4))


@defect("I19", "I4", "I12")
def a_lost_timer(patch: Patch) -> None:
    patch.setattr(Calendar, "add", lambda *_: None)


@defect("I14")
def a_duplicated_emit(patch: Patch) -> None:
    def tell(original: Any, self: Any, event: Any) -> None:
        original(self, event)
        if isinstance(event, CustomEvent):
            original(self, event)

    around(patch, FlowStore, "tell", tell)


@defect("I14", "I13")
def an_emit_before_the_commit(patch: Patch) -> None:
    stores: list[Any] = []

    def init(original: Any, self: Any, store: Any) -> None:
        original(self, store)
        stores.append(store)

    def emit(original: Any, ctx: Any, event: str, payload: Any = None) -> None:
        stores[-1].tell(CustomEvent(name=event, payload=payload))

    around(patch, Stepper, "__init__", init)
    around(patch, FlowContext, "emit", emit)


@defect("I4")
def history_edited(patch: Patch) -> None:
    def commit(original: Any, self: Any, cells: Any, row: int, instance: int, *args: Any) -> Any:
        answer = original(self, cells, row, instance, *args)
        records = cells.table.records[instance]
        if len(records) > 1:
            records[0] = (*records[0][:5], "somebody")
        return answer

    around(patch, Stepper, "commit", commit)


@defect("I3", "I4", "I5")
def a_rejection_in_the_history(patch: Patch) -> None:
    def reject(original: Any, self: Any, cells: Any, row: int, instance: int, action: str, *args: Any) -> Any:
        state = cells.table.flow.config_list[cells.config_at[row]].current_state
        line = ((state, state, (), ()), action, self.store.world.now(), None, cells.revision_at[row], "")
        cells.table.records.setdefault(instance, []).append(line)
        return original(self, cells, row, instance, action, *args)

    around(patch, Stepper, "reject", reject)


@defect("I7", "I2", "I11", "I12", "I4")
def a_final_state_that_lets_go(patch: Patch) -> None:
    def is_done(original: Any, self: Any, index: int, active: Any) -> bool:
        return bool(index) and original(self, index, active)

    around(patch, CompiledFlow, "is_done", is_done)


@defect("I7", "I2", "I4", "I11", "I12")
def a_state_that_absorbs_and_is_not_final(patch: Patch) -> None:
    def is_done(original: Any, self: Any, index: int, active: Any) -> bool:
        return original(self, index, active) or (index == 0 and self.by_path.get("c", -1) in active)

    around(patch, CompiledFlow, "is_done", is_done)


@defect("I24", "I4")
def a_revision_that_skips(patch: Patch) -> None:
    def commit(original: Any, self: Any, cells: Any, row: int, *args: Any) -> Any:
        answer = original(self, cells, row, *args)
        cells.revision_at[row] += 1
        return answer

    around(patch, Stepper, "commit", commit)


@defect("I25", "I2", "I12", "I4")
def a_history_state_that_forgets(patch: Patch) -> None:
    patch.setattr(CompiledFlow, "remember", lambda self, config, exits, memory: memory)


@defect("I9")
def can_says_yes_to_everything(patch: Patch) -> None:
    patch.setattr(FlowManager, "can", lambda *_, **__: True)


@defect("I9", "I2")
def a_refusal_without_a_reason(patch: Patch) -> None:
    def step(original: Any, *args: Any, **options: Any) -> Any:
        answer = original(*args, **options)
        return GuardFailed(answer.guard, "") if isinstance(answer, GuardFailed) else answer

    around(patch, stepper_module, "step", step)


@defect("I1", "I12", "I8", "I4")
def a_region_left_alone(patch: Patch) -> None:
    def exits(original: Any, self: Any, config: Any, edge: Any) -> Any:
        left = original(self, config, edge)
        return left if len(left) < 3 else left - {max(left)}

    around(patch, CompiledFlow, "exits", exits)


@defect("I8", "I12", "I2", "I4", "I5")
def a_teleport(patch: Patch) -> None:
    def commit(original: Any, self: Any, cells: Any, row: int, *args: Any) -> None:
        original(self, cells, row, *args)
        if cells.config_at[row] == 1:
            cells.config_at[row] = 0

    around(patch, FlowTable, "commit", commit)


@defect("I18")
def an_audit_stream_that_misses_things(patch: Patch) -> None:
    patch.setattr(AuditStream, "append", lambda *_: None)


@defect("I16")
def a_batch_without_guards(patch: Patch) -> None:
    around(patch, DenseStep, "step", _without_guards)


def _without_guards(original: Any, self: Any, cells: Any, rows: Any, places: Any, codes: Any, job: Any) -> Any:
    kept = {name: cells.values[name][rows].copy() for name in cells.values}
    for name in kept:
        cells.values[name][rows] = 0
    answer = original(self, cells, rows, places, codes, job)
    for name, values in kept.items():
        cells.values[name][rows] = values
    return answer


@defect("I18", "I13", "I4")
def one_failure_that_stops_a_tick(patch: Patch) -> None:
    def try_(original: Any, self: Any, queued: Any) -> Any:
        instance, action, data, user = queued
        cells, row, number = self.store.locate(instance)
        return self.stepper.take(cells, row, number, action, data, user)

    around(patch, Advancer, "_try", try_)


@defect("I6", "I2")
def a_start_that_is_not_written_down(patch: Patch) -> None:
    patch.setattr(FlowTable, "started_with", lambda *_: (FrozenDict(n=7, seen=()), "nobody"))


@defect("I23")
def a_migration_to_nowhere(patch: Patch) -> None:
    def plan(original: Any, store: Any, instance: Any, state_map: Any, context_fn: Any) -> Any:
        try:
            return original(store, instance, state_map, context_fn)
        except FlowError:
            cells, row, _ = store.locate(instance)
            cells.updated_at[row] += 1
            raise

    around(patch, migrating_module, "plan_migration", plan)
    patch.setattr("tickwright.systems.flows.manager.plan_migration", migrating_module.plan_migration)


@defect("I17")
def a_query_that_counts_the_done_as_active(patch: Patch) -> None:
    def query(original: Any, self: Any, wanted: Any = None) -> Any:
        if wanted is not None and wanted.done is False:
            wanted = type(wanted)(definition=wanted.definition)
        return original(self, wanted)

    around(patch, FlowManager, "query", query)


@defect("I22")
def a_snapshot_without_timers(patch: Patch) -> None:
    def place(original: Any, store: Any, *args: Any) -> None:
        original(store, *args)
        store.calendar.clear()

    around(patch, snapshots_module, "_place", place)


@defect("I22")
def a_snapshot_without_the_queue(patch: Patch) -> None:
    def place(original: Any, store: Any, *args: Any) -> None:
        original(store, *args)
        store.queue.clear()

    around(patch, snapshots_module, "_place", place)


@defect("I15", "I12", "I4", "I2", "I18")
def sends_that_arrive_as_they_were_made(patch: Patch) -> None:
    def deliver(self: Any) -> None:
        self.queue.extend(each for _, each in self.sent)
        self.sent.clear()

    patch.setattr(FlowStore, "deliver", deliver)


@defect("I19", "I4", "I2")
def a_timer_stamped_with_the_tick(patch: Patch) -> None:
    def fire(original: Any, self: Any, cells: Any, row: int, *args: Any) -> Any:
        cells.updated_at[row] = self.store.world.now()
        return original(self, cells, row, *args)

    around(patch, Stepper, "fire", fire)


@defect("I25", "I2", "I12", "I4")
def a_history_state_that_ignores_its_memory(patch: Patch) -> None:
    around(
        patch, CompiledFlow, "enter_set", lambda original, self, targets, inside, _: original(self, targets, inside, {})
    )


@defect("I8", "I21", "I2", "I4", "I12", "I14")
def a_wrong_turn(patch: Patch) -> None:
    """Leads to a state that nothing in the document leads to."""

    def enter_set(original: Any, self: Any, targets: Any, *args: Any) -> Any:
        turned = tuple(self.by_path["lost"] if each == self.by_path["d"] else each for each in targets)
        return original(self, turned, *args)

    around(patch, CompiledFlow, "enter_set", enter_set)


@defect("I17")
def an_instance_that_vanishes(patch: Patch) -> None:
    def reject(original: Any, self: Any, cells: Any, row: int, instance: int, *args: Any) -> Any:
        answer = original(self, cells, row, instance, *args)
        self.store.world.despawn(instance)
        return answer

    around(patch, Stepper, "reject", reject)
