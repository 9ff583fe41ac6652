"""Invariants of a whole run: its script is done again with one thing changed. I6, I13, I15, I16, I17, I19, I22, I23."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.replay import replay
from tickwright.systems.flows.results import FlowFilter, FlowInstance, GuardFailed, InvalidAction, InvalidState, Success
from tickwright.systems.flows.structure import StateType
from tickwright.systems.flows.testing.invariant import Invariant, invariant
from tickwright.systems.flows.testing.model import Shape
from tickwright.systems.flows.testing.recorder import PlantedFault
from tickwright.systems.flows.testing.run import FlowRun, Observation, Seen
from tickwright.systems.flows.testing.script import Script, Step
from tickwright.systems.flows.testing.structure import Structure
from tickwright.systems.flows.testing.twin import Taken
from tickwright.systems.flows.ticket import ERROR, GUARD_FAILED, INVALID_ACTION, SUCCESS

__all__ = ["RUN_INVARIANTS", "fault_sweep"]

_FAULTS = 8
_CODES: dict[Any, int] = {Success: SUCCESS, GuardFailed: GUARD_FAILED, InvalidAction: INVALID_ACTION}


@invariant("I2 the same again", scope="run")
def same_again(run: FlowRun) -> Iterator[str]:
    """The same script comes to the same, step by step."""
    with run.runs.open() as again:
        for step, seen in zip(run.script, run.observed, strict=True):
            answer = again.call(step)
            if run.told(seen.answer) != again.told(answer):
                yield f"`{seen.step}` came to {run.told(seen.answer)}, and the second time to {again.told(answer)}"
            if problem := _unlike(run, seen.after, again, again.see()):
                yield f"`{seen.step}` the second time: {problem}"


@invariant("I6 history replays", scope="run")
def history_replays(run: FlowRun) -> Iterator[str]:
    """What an instance was started with and its history rebuild its state and context."""
    subject = run.subject
    for number, seen in run.see().items():
        found = seen.instance
        try:
            rebuilt = replay(
                subject.definition, found.started_with, found.history, handlers=subject.handlers, subject=found.subject
            )
        except FlowError as error:
            yield f"the history of instance {number} does not replay: {error.what}"
            continue
        if (rebuilt.current_state, rebuilt.configuration) != (found.current_state, found.configuration):
            yield f"instance {number} is in `{found.current_state}`, its history replays to `{rebuilt.current_state}`"
        if rebuilt.context != found.context:
            yield f"instance {number} has {found.context}, its history replays to {rebuilt.context}"


@invariant("I13 faults roll back", scope="run")
def faults_roll_back(run: FlowRun) -> Iterator[str]:
    """A handler that raises leaves everything bit-identical, and a retry comes to what never failed."""
    yield from fault_sweep(run, limit=_FAULTS)


def fault_sweep(run: FlowRun, *, limit: int | None = None) -> Iterator[str]:
    """Do a run's script again with a raise at the k-th handler call, for every k (or `limit` of them, spread evenly).

    Queued actions are sent instead, so that each failure is seen alone. Yields what is wrong.
    """
    script = _sent_at_once(run.script)
    with run.runs.open() as smooth:
        smooth.play(script)
        calls, final = smooth.recorder.calls, _all(smooth, smooth.see())
        emitted = sorted(smooth.told(event) for seen in smooth.observed for event in seen.events)
        alone = not any(_sends(seen.expected) for seen in smooth.observed)
        crowded = {index for index, seen in enumerate(smooth.observed) if _crowded(seen)}
    chosen = range(calls) if limit is None else sorted({calls * i // limit for i in range(limit)} if calls else set())
    for k in chosen:
        with run.runs.open(fault_at=k) as shaken:
            hits = set()
            for index, step in enumerate(script):
                for problem, hit in _retried(shaken, step, k, alone=alone):
                    hits |= {index} if hit else set()
                    if problem:
                        yield problem
            if not alone or hits & crowded:
                continue  # what others sent, or other timers, went first: the end may differ
            if problem := _first_difference(final, _all(shaken, shaken.see())):
                yield f"a retry after a fault in handler call {k} differs from a run that never failed: {problem}"
            found = sorted(shaken.told(event) for event in shaken.new_events())
            if found != emitted:
                yield f"a fault in handler call {k} changed what is emitted: {len(found)} events, not {len(emitted)}"


def _crowded(seen: Observation) -> bool:
    """Return whether one instance has several timers due at once, so that after a failure others go first."""
    shapes = [each.shape for each in seen.before.values()]
    waits = ([*shape.timers.values(), *(each[0] for each in shape.delayed)] for shape in shapes)
    due = (sum(at <= seen.now for at in each) for each in waits)
    return len(seen.expected) > 1 or max(due, default=0) > 1


def _sends(expected: tuple[Taken, ...]) -> bool:
    return any(kind == "send" for taken in expected for kind, *_ in taken.outcome.outbox)


def _retried(run: FlowRun, step: Step, k: int, *, alone: bool) -> Iterator[tuple[str, bool]]:
    """Do a step, and once more if the planted fault hit it; yield (what is wrong, whether it was hit)."""
    before, audited = run.see(), len(run.flows.audit)
    answer = run.call(step)
    after, where = run.see(), f"a fault in handler call {k} during `{step}`"
    in_tick = step.do == "tick" and any(_planted(each.result) for each in list(run.flows.audit)[audited:])
    if isinstance(answer, Exception) and not isinstance(answer, FlowError):
        yield f"{where} came out as {type(answer).__name__}: {answer}", False
    if _planted(answer):
        if after != before and alone:  # else a send first takes what others sent
            yield f"{where} left something changed", True
        if step.do == "start":
            run.ids.pop()  # the retry is the start that counts
        run.call(step)
    if in_tick:
        run.call(Step("tick", wait_ms=0))
    yield "", _planted(answer) or in_tick


def _planted(error: Any) -> bool:
    return isinstance(error, FlowError) and isinstance(error.cause, PlantedFault)


def _sent_at_once(script: list[Step]) -> Script:
    return tuple(msgspec.structs.replace(step, do="send") if step.do == "enqueue" else step for step in script)


def _all(run: FlowRun, seen: dict[int, Seen]) -> list[dict[str, str]]:
    """Return instances field by field as comparable text, ids and subjects aside."""
    names = [name for name in FlowInstance.__struct_fields__ if name not in ("id", "subject")]
    return [
        {name: run.told(getattr(each.instance, name)) for name in names} | {"timers": run.told(_ordered(each.shape))}
        for each in seen.values()
    ]


def _ordered(shape: Shape) -> tuple[Any, ...]:
    return sorted(shape.active), sorted(shape.memory.items()), sorted(shape.timers.items()), shape.delayed


def _first_difference(one: list[dict[str, str]], two: list[dict[str, str]]) -> str:
    """Say how two sets of instances differ."""
    if len(one) != len(two):
        return f"{len(one)} instances and {len(two)}"
    for number, (first, second) in enumerate(zip(one, two, strict=True)):
        for name, value in first.items():
            if value != second[name]:
                return f"instance {number}: {name} is {value} and {second[name]}"
    return ""


def _unlike(run: FlowRun, one: dict[int, Seen], other: FlowRun, two: dict[int, Seen]) -> str:
    return _first_difference(_all(run, one), _all(other, two))


@invariant("I15 order of instances", scope="run")
def order_of_instances(run: FlowRun) -> Iterator[str]:
    """In a tick, whose turn comes first changes nothing."""
    first = run.script[0]
    actions = [step for step in run.script if step.do in ("send", "enqueue")][:6]
    if first.do != "start" or run.ids[0] is None or not actions:
        return
    outcomes = []
    for order in ((0, 1, 2), (2, 0, 1)):
        with run.runs.open() as each:
            for _ in order:
                each.call(first)
            if len(each.alive()) != len(order):
                return
            for number in order:
                for step in actions[number:]:
                    each.call(msgspec.structs.replace(step, do="enqueue", instance=number))
            each.call(Step("tick", wait_ms=7))
            outcomes.append(_all(each, each.see()))
    if problem := _first_difference(*outcomes):
        yield f"the order in which instances were queued made a difference: {problem}"


@invariant("I16 batch equals loop", scope="run")
def batch_equals_loop(run: FlowRun) -> Iterator[str]:
    """`send_batch` comes to what a loop of sends comes to, vectorised or not."""
    starts = [step for step in run.script if step.do == "start"][:1] * 3
    actions = [step for step in run.script if step.do in ("send", "enqueue")][:8]
    with run.runs.open(plain=True) as bulk, run.runs.open(plain=True) as loop:
        for step in starts:
            ids = (bulk.call(step), loop.call(step))
            if any(isinstance(each, Exception) for each in ids):
                return
        for turn in range(len(actions)):
            names = [actions[(turn + number) % len(actions)].action for number in range(3)]
            user = actions[turn].user
            ticket = bulk.flows.send_batch(np.array(bulk.ids), names, user=user)
            bulk.app.update(0)
            codes = [_code(loop, number, name, user) for number, name in enumerate(names)]
            loop.app.update(0)
            if ticket.columns["status"].tolist() != codes:
                yield f"a batch of {names} came to {ticket.columns['status'].tolist()}, a loop to {codes}"
            if problem := _unlike(bulk, bulk.see(), loop, loop.see()):
                yield f"a batch of {names} and a loop of sends differ: {problem}"


def _code(run: FlowRun, number: int, action: str, user: str) -> int:
    answer = run.call(Step("send", number, action, user=user))
    return _CODES.get(type(answer), ERROR)


@invariant("I17 queries partition", scope="run")
def queries_partition(run: FlowRun) -> Iterator[str]:
    """Started instances are active or done, and queries by state find each where it is, and nowhere else."""
    flows, name = run.flows, run.subject.definition.id
    ids = sorted(each for each in run.ids if each is not None)
    done = list(flows.query(FlowFilter(definition=name, done=True)))
    active = list(flows.query(FlowFilter(definition=name, done=False)))
    if sorted(done + active) != ids:
        yield f"started {ids}, active {active}, done {done}"
    seen_now = list(run.see().values())
    for path in run.subject.structure.states:
        wanted = [seen.instance.id for seen in seen_now if path and path in seen.shape.active]
        found = list(flows.query(FlowFilter(definition=name, state=path))) if path else wanted
        if sorted(found) != sorted(wanted):
            yield f"a query for `{path}` found {found}, and {wanted} are there"


@invariant("I19 splitting a tick", scope="run")
def splitting_a_tick(run: FlowRun) -> Iterator[str]:
    """Two short ticks come to what one long tick does, when nothing but timers is waiting."""
    script = _sent_at_once(run.script)
    halves: list[Step] = []
    for step in script:
        cut = step.wait_ms // 2 if step.do == "tick" else 0
        halves += [Step("tick", wait_ms=cut), Step("tick", wait_ms=step.wait_ms - cut)] if cut else [step]
    with run.runs.open() as whole, run.runs.open() as split:
        whole.play(script)
        for seen in whole.observed:
            eventless = any(taken.cause == "always" for taken in seen.expected)
            failed = any(taken.cause == "timer" and taken.outcome.kind == "error" for taken in seen.expected)
            if eventless or failed or _sends(seen.expected):
                return  # what is sent, what waits for a time to pass, what is tried again: each once a tick
        for step in halves:
            split.call(step)
        if problem := _unlike(whole, whole.see(), split, split.see()):
            yield f"two short ticks differ from a long one: {problem}"


@invariant("I22 dump and restore", scope="run")
def dump_and_restore(run: FlowRun) -> Iterator[str]:
    """An instance survives being written and read: as JSON, and in a snapshot where the app keeps flows."""
    for number, seen in run.see().items():
        text = msgspec.json.encode(seen.instance)
        read = msgspec.json.decode(text, type=FlowInstance)
        if msgspec.json.encode(read) != text:
            yield f"instance {number} is not what it was after a round trip through JSON"
    if any(section.name == "flows" for section in run.app.sections):
        yield from _restored(run)


def _restored(run: FlowRun) -> Iterator[str]:
    with run.runs.open() as one, run.runs.open() as two:
        for step in run.script:
            one.call(step)
        two.app.restore(one.app.snapshot())
        two.ids = list(one.ids)
        if problem := _unlike(one, one.see(), two, two.see()):
            yield f"a restored app differs: {problem}"
        for step in [*[each for each in run.script if each.do != "start"][:6], Step("tick", wait_ms=30)]:
            answers = one.told(one.call(step)), two.told(two.call(step))
            problem = _unlike(one, one.see(), two, two.see())
            if answers[0] != answers[1] or problem:
                yield f"a restored app takes `{step}` differently: {answers[0]} and {answers[1]}; {problem}"


@invariant("I23 migration total or refused", scope="run")
def migration_total(run: FlowRun) -> Iterator[str]:
    """An instance whose state is gone answers InvalidState until `migrate` moves it, whole or not at all."""
    with FlowRun(run.subject) as moved:  # not one of those that are used again: its definition is replaced
        for step in run.script:
            moved.call(step)
        gone = {"id": run.subject.definition.id, "initial": "moved", "states": {"moved": {}}}
        gone["version"] = run.subject.definition.version
        before = moved.see()
        moved.flows.register(gone)
        for number, seen in before.items():
            instance, state = seen.instance.id, seen.instance.current_state
            answer = moved.flows.send(instance, "anything")
            if not isinstance(answer, InvalidState):
                yield f"instance {number} is in `{state}`, which is gone, and answered {answer!r}"
            for mapping, refused in (({}, True), ({state: "nowhere"}, True), ({state: "moved"}, False)):
                yield from _migrated(moved, instance, mapping, refused=refused, context=seen.instance.context)


def _migrated(run: FlowRun, instance: int, mapping: dict[str, str], *, refused: bool, context: Any) -> Iterator[str]:
    before = run.look(instance)
    try:
        run.flows.migrate(instance, mapping)
    except FlowError:
        if not refused or run.look(instance) != before:
            yield f"migrate by {mapping} was refused{'' if refused else ' without a reason'}, or changed something"
        return
    after = run.look(instance).instance
    if refused or after.current_state != "moved" or after.context != context:
        yield f"migrate by {mapping} left {after.current_state!r} with {after.context}"


@invariant("I25 history remembered", scope="run")
def history_remembered(run: FlowRun) -> Iterator[str]:
    """What a history state restores is what was active when its parent was left, told from what was left and entered.

    Steps that several instances take part in say nothing here: their entries and exits are in one trace.
    """
    watches: dict[int, _Watch] = {}
    for seen in run.observed:
        mine = {taken.instance for taken in seen.expected}
        failed = any(taken.outcome.kind == "error" for taken in seen.expected)
        for number in mine:
            if len(mine) > 1 or failed:
                watches.pop(number, None)  # until it is known anew, nothing is
            elif seen.step.do == "start":
                watches[number] = _Watch(run.subject.structure)
        if len(mine) == 1 and (watch := watches.get(next(iter(mine)))) is not None:
            yield from watch.follow(seen.trace)


class _Watch:
    """One instance's active states and memories, followed by what is left and entered alone."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.sites = {way.site: way for way in structure.all_ways}
        self.active: set[str] = set()
        self.memory: dict[str, tuple[str, ...]] = {}

    def follow(self, trace: tuple[tuple[str, str], ...]) -> Iterator[str]:
        """Follow one step, microstep by microstep: left, taken, entered."""
        before, exited, targets, last = set(self.active), set[str](), list[str](), ""
        for kind, where in (*trace, ("exit", "")):
            if kind == "run":
                continue
            if kind == "exit" != last or (kind == "take" and last == "enter"):
                yield from self._restored(targets)
                before, exited, targets = set(self.active), set(), []
            if kind == "exit":
                exited.add(where)
                self.active.discard(where)
            elif kind == "take":
                self.memory = self.structure.remembered(before, exited, self.memory)
                targets += self.sites[where].targets
            else:
                self.active.add(where)
            last = kind

    def _restored(self, targets: list[str]) -> Iterator[str]:
        for target in targets:
            missing = set(self.memory.get(target, ())) - self.active
            if self.structure.states[target].type is StateType.HISTORY and missing:
                yield f"`{target}` remembered {list(self.memory[target])}, and {sorted(missing)} were not entered"


RUN_INVARIANTS: tuple[Invariant, ...] = (
    same_again,
    history_replays,
    faults_roll_back,
    order_of_instances,
    batch_equals_loop,
    queries_partition,
    splitting_a_tick,
    history_remembered,
    dump_and_restore,
    migration_total,
)
