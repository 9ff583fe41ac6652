"""One instance, one action: step, commit, tell. The tick and `send` both come here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from tickwright.systems.contracts.events import (
    CustomEvent,
    FlowFinished,
    FlowRejected,
    FlowStarted,
    FlowTransitioned,
)
from tickwright.systems.contracts.json import EMPTY, FrozenDict
from tickwright.systems.flows.audit import Rejection
from tickwright.systems.flows.cells import CONFIG, ENTERED, Cells
from tickwright.systems.flows.components import FlowState
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.nodes import is_internal
from tickwright.systems.flows.quick_step import QuickRun, take
from tickwright.systems.flows.results import GuardFailed, InvalidAction, InvalidState, Success, TransitionResult
from tickwright.systems.flows.step import Image, Run, Timer, begin, choose, finish, step
from tickwright.systems.flows.store import FlowStore
from tickwright.systems.flows.table import FlowTable

__all__ = ["REJECTIONS", "Stepper"]

REJECTIONS: dict[type, str] = {
    GuardFailed: "guard_failed",
    InvalidAction: "invalid_action",
    InvalidState: "invalid_state",
}
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class Stepper:
    """Steps instances of a store one by one."""

    def __init__(self, store: FlowStore) -> None:
        self.store = store
        self.renew()

    # -- starting ----------------------------------------------------------------------------------------

    def start(self, table: FlowTable, given: FrozenDict, subject: str, user: str) -> int:
        """Start one instance; a handler that raises leaves nothing behind. Return its id."""
        store = self.store
        context = FrozenDict({**table.defaults, **given}) if given else table.defaults
        table.typed(context)
        now = store.world.now()
        run = store.guarded(lambda: begin(table.flow, context, FlowEvent.of("", user, now, None), subject=subject))
        typed = table.typed(run.context)
        config = run.config
        public = FlowState(table.flow.definition.id, config.current_state, subject, 0, now, now, config.done)
        own = table.kind(**{CONFIG: config.index, **({ENTERED: now} if table.dense.clocked else {}), **typed})
        instance = store.world.spawn(public, own)
        table.begin(instance, run)
        if given or user:
            table.started[instance] = (context, user)
        if store.listened:
            name, state = table.flow.definition.id, run.config.current_state
            store.tell(FlowStarted(definition=name, instance=str(instance), state=state, subject_=subject))
        self.wind(instance, run, None)
        self.flush(table, run, instance)
        store.deliver()
        return instance

    # -- stepping ----------------------------------------------------------------------------------------

    def take(self, cells: Cells, row: int, instance: int, action: str, data: Any, user: str) -> TransitionResult:
        """Take one action.

        Raises:
            FlowError: a handler raised; nothing changed but the audit stream.
        """
        if self.store.stepping:
            self.store.guarded(lambda: None)
        return take(self, cells, row, instance, action, data, user)

    def take_whole(self, cells: Cells, row: int, instance: int, action: str, data: Any, user: str) -> TransitionResult:
        """Take one action, whatever it leads to; see `take`."""
        table, at = cells.table, cells.config_at[row]
        if at < 0:
            return self.reject(cells, row, instance, action, user, InvalidState(table.lost.get(instance, "")))
        if table.learn(at, action):
            return take(self, cells, row, instance, action, data, user)
        image = table.image(cells, row, instance)
        if is_internal(action):
            return self.reject(cells, row, instance, action, user, InvalidAction(action, image.config.current_state))
        event = FlowEvent.of(action, user, self.store.world.now(), data)
        return self._step(cells, row, instance, image, event)

    def fire(self, cells: Cells, row: int, instance: int, timer: Timer) -> TransitionResult | None:
        """Take a due `after`, or deliver a due delayed action.

        Raises:
            FlowError: a handler raised; all of the instance is as it was, the timer included.
        """
        table = cells.table
        deadline, node, place = timer
        table.held.discard((instance, *timer))
        now = max(deadline, cells.updated_at[row])
        image = table.image(cells, row, instance)
        if node >= 0:
            image.timers = tuple([each for each in image.timers if each != timer])
            event = FlowEvent.of(table.flow.nodes[node].after[place][2], "", now, None)
            result = self._step(cells, row, instance, image, event)
            if not isinstance(result, Success) and cells.entered is None:
                table.timers[instance] = image.timers  # it is spent, though its guard said no
            return result
        mine = next(each for each in image.delayed if each[:2] == (deadline, place))
        image.delayed = tuple([each for each in image.delayed if each is not mine])
        _, _, target, action, data, _, user = mine
        if target >= 0:
            self.store.sent.append((instance, (target, action, data, user)))
            table.delayed[instance] = image.delayed
            return None
        result = self._step(cells, row, instance, image, FlowEvent.of(action, user, now, data))
        if not isinstance(result, Success):
            table.delayed[instance] = image.delayed
        return result

    def always(self, cells: Cells, row: int, instance: int) -> TransitionResult | None:
        """Take the eventless transitions of an instance at rest whose guards hold now; None where none does."""
        table = cells.table
        image = table.image(cells, row, instance)
        subject = self.store.world.symbols.text(cells.subject[row])
        event = FlowEvent.of("", "", self.store.world.now(), None)

        def call() -> Run | None:
            run, edges = choose(table.flow, image, event, subject=subject, instance=instance)
            if not edges:
                return None
            run.drive(run.take(edges))
            run.drive(run.settle())
            return finish(run)

        try:
            done = self.store.guarded(call)
            if done is None:
                return None
            cells, row, _ = self.store.locate(instance)
            return self.commit(cells, row, instance, image, done, event)
        except FlowError as error:
            self.note_failure(instance, event, error)
            raise

    def _step(self, cells: Cells, row: int, instance: int, image: Image, event: FlowEvent) -> TransitionResult:
        store, table, version = self.store, cells.table, cells.archetype.version
        subject = store.world.symbols.text(cells.subject[row])
        try:
            if store.stepping:
                store.guarded(lambda: None)
            store.stepping = True
            try:
                run = step(table.flow, image, event, subject=subject, instance=instance)
            finally:
                store.stepping = False
            if cells.archetype.version != version:  # a handler changed the world: the row may be elsewhere
                cells, row, _ = store.locate(instance)
            if isinstance(run, Run):
                return self.commit(cells, row, instance, image, run, event)
        except FlowError as error:
            self.note_failure(instance, event, error)
            raise
        return self.reject(cells, row, instance, event["action"], event["user"], run)

    def renew(self) -> None:
        """Make a new quick run: handlers hold on to the old one, or it did not end well."""
        self.quick_run = QuickRun(self.store.world.symbols.text)

    def give_up(self, run: QuickRun, error: FlowError) -> None:
        """Put a quick run that was rolled back into the audit stream."""
        self.renew()
        self.note_failure(run.instance, FlowEvent.of(run.action, run.user, run.now, run.data), error)

    def note_failure(self, instance: int, event: FlowEvent, error: FlowError) -> None:
        """Put a macrostep that was rolled back into the audit stream."""
        self.store.audit.append(Rejection(instance, event["action"], event["user"], event["timestamp"], error))

    def committed(
        self, cells: Cells, row: int, instance: int, image: Image, run: Run, event: FlowEvent
    ) -> TransitionResult:
        """Commit, and put a context that does not fit into the audit stream."""
        try:
            return self.commit(cells, row, instance, image, run, event)
        except FlowError as error:
            self.note_failure(instance, event, error)
            raise

    def commit(
        self, cells: Cells, row: int, instance: int, image: Image, run: Run, event: FlowEvent
    ) -> TransitionResult:
        """Put a finished run in place: swap, append, flush.

        Raises:
            FlowStepError: its context does not fit the typed columns; nothing changed.
        """
        table = cells.table
        typed = table.typed(run.context) if cells.values and run.context is not image.context else EMPTY
        revision = cells.revision_at[row] + 1
        before, after, action = image.config, run.config, event["action"]
        table.commit(cells, row, instance, run, image, typed)
        cells.revision_at[row] = revision
        path = table.flow.path(before, after, run.exited, run.entered)
        record = (path, action, run.now, event["data"], revision, run.user)
        records = table.records.get(instance)
        if records is None:
            table.records[instance] = [record]
        else:
            records.append(record)
        if self.store.listened:
            definition, start, end = table.flow.definition.id, before.current_state, after.current_state
            self.store.tell(
                FlowTransitioned(definition=definition, instance=str(instance), from_=start, to=end, action=action)
            )
        if run.timers or run.delayed:
            self.wind(instance, run, image)
        if run.outbox or after.done:
            self.flush(table, run, instance)
        return after.success

    def wind(self, instance: int, run: Run, image: Image | None) -> None:
        """Put new timers and delayed actions into the calendar."""
        for timer in run.timers:
            if image is None or timer not in image.timers:
                self.store.calendar.add(timer[0], instance, timer[1], timer[2])
        for each in run.delayed:
            if image is None or each not in image.delayed:
                self.store.calendar.add(each[0], instance, -1, each[1])

    def reject(
        self,
        cells: Cells,
        row: int,
        instance: int,
        action: str,
        user: str,
        result: GuardFailed | InvalidAction | InvalidState,
    ) -> TransitionResult:
        """Put a refusal into the audit stream and tell of it."""
        store, table = self.store, cells.table
        store.audit.append(Rejection(instance, action, user, store.world.now(), result))
        if store.listened:
            lost = isinstance(result, InvalidState)
            state = table.lost.get(instance, "") if lost else _state(cells, row)
            store.tell(
                FlowRejected(
                    definition=table.flow.definition.id,
                    instance=str(instance),
                    state=state,
                    action=action,
                    result=REJECTIONS[type(result)],
                    reason=result.reason if isinstance(result, GuardFailed) else "",
                )
            )
        return result

    def flush(self, table: FlowTable, run: Run, instance: int) -> None:
        """Send what the handlers left in the outbox, in order, once."""
        store = self.store
        definition = table.flow.definition.id
        deliver: dict[str, Callable[[Any, Any], object]] = {
            "emit": lambda name, payload: store.tell(CustomEvent(name=name, payload=payload)),
            "log": lambda level, text: logging.getLogger(f"tickwright.flow.{definition}").log(
                _LEVELS.get(level, logging.INFO), "%s", text
            ),
            "send": lambda to, message: store.sent.append((instance, (instance if to < 0 else to, *message, run.user))),
            "command": lambda _, apply: apply(store.world),
        }
        for kind, what, value in run.outbox:
            try:
                deliver[kind](what, value)
            except Exception as error:  # the step is committed; what follows in the outbox is owed all the same
                logging.getLogger(f"tickwright.flow.{definition}").exception("a command of a flow failed")
                store.audit.append(Rejection(instance, run.event["action"], run.user, store.world.now(), error))
        if run.config.done and store.listened:
            output = table.flow.output_of(run.config)
            state = run.config.current_state
            store.tell(FlowFinished(definition=definition, instance=str(instance), state=state, output=output))


def _state(cells: Cells, row: int) -> str:
    return cells.table.flow.config_list[cells.config_at[row]].current_state
