"""Invariants of a single step: I1 to I5, I7 to I12, I14, I17 to I21, I24, I25."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec

from tickwright.systems.contracts.events import CustomEvent, FlowRejected, FlowTransitioned
from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.results import GuardFailed, InvalidAction, InvalidState, Success
from tickwright.systems.flows.structure import StateType
from tickwright.systems.flows.testing.invariant import Invariant, invariant
from tickwright.systems.flows.testing.run import Observation, Seen
from tickwright.systems.flows.testing.structure import Structure
from tickwright.systems.flows.testing.twin import Taken

__all__ = ["STEP_INVARIANTS"]

_KINDS: dict[Any, str] = {Success: "success", GuardFailed: "guard_failed", InvalidAction: "invalid_action"}


def _single(seen: Observation) -> Taken | None:
    """Return the one macrostep of a send, or None where there are several or none."""
    return seen.expected[0] if seen.step.do == "send" and len(seen.expected) == 1 else None


def _both(seen: Observation) -> Iterator[tuple[int, Seen, Seen]]:
    """Yield (number, before, after) of the instances that there were before and are after a step."""
    for number, before in seen.before.items():
        if number in seen.after:
            yield number, before, seen.after[number]


def _kind(answer: Any) -> str:
    return "error" if isinstance(answer, Exception) else _KINDS.get(type(answer), type(answer).__name__)


@invariant("I1 configuration legal")
def configuration_legal(seen: Observation) -> Iterator[str]:
    """Every set of active states is one that the definition allows."""
    for number, each in seen.after.items():
        for problem in seen.subject.structure.problems(each.shape.active):
            yield f"instance {number}: {problem}"


@invariant("I2 result determined")
def result_determined(seen: Observation) -> Iterator[str]:
    """What comes of an action is what the rules say of (definition, configuration, context, action, data, now)."""
    if seen.step.do == "send" and seen.expected:
        wanted = seen.expected[-1].outcome
        if _kind(seen.answer) != wanted.kind:
            yield f"{seen.step}: the rules say {wanted.kind}, and it was {seen.answer!r}"
        why = (seen.answer.guard, seen.answer.reason) if isinstance(seen.answer, GuardFailed) else None
        if why is not None and wanted.failures and why != wanted.failures[0]:
            yield f"{seen.step}: the rules say {wanted.failures[0]}, and it was {seen.answer!r}"
    if seen.step.do == "start" and isinstance(seen.answer, Exception) != (seen.expected[0].outcome.kind == "error"):
        yield f"{seen.step}: the rules say {seen.expected[0].outcome.kind}, and it was {seen.answer!r}"
    for number, rule in seen.wanted.items():
        found = seen.after[number].shape if number in seen.after else rule
        for name in ("active", "context", "memory", "timers", "delayed"):
            one, two = getattr(found, name), getattr(rule, name)
            if one != two:
                shown = (sorted(one), sorted(two)) if name == "active" else (one, two)
                yield f"instance {number} after `{seen.step}`: {name} is {shown[0]}, and the rules say {shown[1]}"


@invariant("I3 rejection changes nothing")
def rejection_changes_nothing(seen: Observation) -> Iterator[str]:
    """What did not succeed leaves every instance bit-identical, and contexts are frozen through and through."""
    refused = seen.step.do == "send" and not isinstance(seen.answer, Success) and len(seen.expected) == 1
    for number, before, after in _both(seen):
        untouched = seen.step.do != "tick" and (number != seen.step.instance or refused or seen.step.do == "enqueue")
        if untouched and after != before:
            yield f"instance {number} changed though `{seen.step}` came to {seen.answer!r}: {_change(before, after)}"
        spent = after.instance.timers if seen.step.do == "tick" else before.instance.timers  # a timer may fire in vain
        kept = msgspec.structs.replace(before.instance, timers=spent)
        if after.instance.history == before.instance.history and after.instance != kept:
            yield f"instance {number} changed without a record in its history: {_change(before, after)}"
    for number, after in seen.after.items():
        if (place := _thawed(after.instance.context, "context")) is not None:
            yield f"instance {number}: {place} can be changed in place"


def _change(before: Any, after: Any) -> str:
    for one, two in ((before.instance, after.instance), (before.shape, after.shape)):
        names = getattr(one, "__struct_fields__", ("active", "context", "memory", "timers", "delayed"))
        for name in names:
            if getattr(one, name) != getattr(two, name):
                return f"{name} was {getattr(one, name)!r} and is {getattr(two, name)!r}"
    return "no field differs"


def _thawed(value: Any, path: str) -> str | None:
    if isinstance(value, dict):
        if not isinstance(value, FrozenDict):
            return path
        return next((found for key, each in value.items() if (found := _thawed(each, f"{path}.{key}"))), None)
    if isinstance(value, tuple):
        return next((found for i, each in enumerate(value) if (found := _thawed(each, f"{path}[{i}]"))), None)
    return path if isinstance(value, list | set | bytearray) else None


@invariant("I4 success appends its records")
def success_appends(seen: Observation) -> Iterator[str]:
    """A success appends exactly its record and edits none before it."""
    for number, after in seen.after.items():
        old = seen.before[number].instance.history if number in seen.before else ()
        new = after.instance.history
        if new[: len(old)] != old:
            yield f"instance {number}: records before `{seen.step}` were edited"
        taken = [
            t for t in seen.expected if t.instance == number and t.cause != "start" and t.outcome.kind == "success"
        ]
        if len(new) - len(old) != len(taken):
            yield f"instance {number}: {len(new) - len(old)} records for {len(taken)} macrosteps of `{seen.step}`"
        for record, each in zip(new[len(old) :], taken, strict=False):
            structure = seen.subject.structure
            wanted = (
                structure.current_state(each.before.active), structure.current_state(each.outcome.shape.active),
                each.action, each.now, each.user,
            )  # fmt: skip
            found = (record.from_, record.to, record.action, record.timestamp, record.user)
            if found != wanted or record.data != each.data:
                yield f"instance {number}: the record of `{seen.step}` says {record}, and it was {wanted}"


@invariant("I5 history continuous")
def history_continuous(seen: Observation) -> Iterator[str]:
    """Every record begins where the one before ended, and the last ends where the instance is."""
    for number, each in seen.after.items():
        history = each.instance.history
        for one, two in pairwise(history):
            if one.to != two.from_:
                yield f"instance {number}: one record ends in `{one.to}`, the next begins in `{two.from_}`"
        if history and history[-1].to != each.instance.current_state:
            yield f"instance {number} is in `{each.instance.current_state}`, its history ends in `{history[-1].to}`"


@invariant("I7 final absorbs")
def final_absorbs(seen: Observation) -> Iterator[str]:
    """A flow is done when its top state is final, and then nothing leaves it: every action is an InvalidAction."""
    for number, before, after in _both(seen):
        done = seen.subject.structure.is_done("", before.shape.active)
        if before.instance.done != done:
            yield f"instance {number} is in `{before.instance.current_state}`, and done is {before.instance.done}"
        if not done:
            continue
        if after != before:
            yield f"instance {number} was done and changed: {_change(before, after)}"
        if seen.step.do == "send" and seen.step.instance == number and not isinstance(seen.answer, InvalidAction):
            yield f"instance {number} is done, and `{seen.step}` came to {seen.answer!r}"


@invariant("I8 no teleport")
def no_teleport(seen: Observation) -> Iterator[str]:
    """Every state entered lies on the way to a target of a transition that was taken from where the instance was."""
    structure = seen.subject.structure
    sites = {way.site: way for way in structure.all_ways}
    if seen.step.do == "start" or any(t.outcome.kind == "error" for t in seen.expected):
        return
    ways = [sites[where] for kind, where in seen.trace if kind == "take"]
    reached = {path for way in ways for target in way.targets for path in _around(structure, target)}
    for kind, path in seen.trace:
        if kind == "enter" and path not in reached and not any(a in reached for a in structure.ancestors(path)):
            yield f"`{path}` was entered by `{seen.step}`, and no transition taken leads there"
    for number, before, after in _both(seen):
        moved = after.shape.active != before.shape.active
        if moved and not ways:
            yield f"instance {number} moved by `{seen.step}` without a transition"


def _around(structure: Structure, target: str) -> list[str]:
    parent = structure.ancestors(target)[:1] if structure.states[target].type is StateType.HISTORY else []
    return [target, *parent, *(path for path in structure.ancestors(target) if path)]


@invariant("I9 guards agree")
def guards_agree(seen: Observation) -> Iterator[str]:
    """`can` says what `send` does, and a refusal names its guard and a reason."""
    if seen.step.do != "send" or seen.allowed is None:
        return
    refused = isinstance(seen.answer, GuardFailed | InvalidAction | InvalidState)
    if seen.allowed == refused:
        yield f"`can` said {seen.allowed}, and `{seen.step}` came to {seen.answer!r}"
    if isinstance(seen.answer, GuardFailed) and not (seen.answer.guard and seen.answer.reason):
        yield f"`{seen.step}` was refused without a guard's name or reason: {seen.answer!r}"


@invariant("I10 guards pure")
def guards_pure(seen: Observation) -> Iterator[str]:
    """A guard asked twice answers the same, and changes nothing."""
    yield from seen.impure


@invariant("I11 invalid action iff unlisted")
def invalid_iff_unlisted(seen: Observation) -> Iterator[str]:
    """InvalidAction is the answer when no active state lists the action, and only then."""
    taken = _single(seen)
    if taken is None or seen.subject.structure.is_done("", taken.before.active):
        return
    structure, action = seen.subject.structure, seen.step.action
    listed = not structure.is_internal(action) and bool(structure.candidates(taken.before.active, action))
    if isinstance(seen.answer, InvalidAction) == listed:
        says = "lists" if listed else "does not list"
        yield f"an active state {says} the action, and `{seen.step}` came to {seen.answer!r}"


@invariant("I12 handlers in order")
def handlers_in_order(seen: Observation) -> Iterator[str]:
    """Handlers run in the rules' order, and states entered less states left are the active ones."""
    wanted = tuple(entry for taken in seen.expected for entry in taken.outcome.trace)
    if seen.trace != wanted:
        at = next((i for i, (a, b) in enumerate(zip(seen.trace, wanted, strict=False)) if a != b), None)
        at = min(len(seen.trace), len(wanted)) if at is None else at
        found, rule = (" ".join(each[at]) if at < len(each) else "nothing" for each in (seen.trace, wanted))
        yield f"`{seen.step}`: call {at} was `{found}`, and the rules say `{rule}`"
    instances = {taken.instance for taken in seen.expected}
    failed = any(taken.outcome.kind == "error" for taken in seen.expected)
    if len(instances) == 1 and not failed and (number := instances.pop()) in seen.after:
        yield from _active_set(seen, number)


def _active_set(seen: Observation, number: int) -> Iterator[str]:
    active = set(seen.before[number].shape.active) if number in seen.before else set()
    for kind, path in seen.trace:
        if kind == "enter" and path in active:
            yield f"`{path}` was entered while active"
        if kind == "exit" and path not in active:
            yield f"`{path}` was left while not active"
        active = active | {path} if kind == "enter" else active - {path} if kind == "exit" else active
    found = seen.after[number].shape.active
    if active != found:
        yield f"states entered less states left are {sorted(active)}, active are {sorted(found)}"


@invariant("I14 outbox once, in order")
def outbox_once(seen: Observation) -> Iterator[str]:
    """What handlers emit leaves once, in order, after the commit, and never from a step that failed."""
    emitted = [(each.name, each.payload) for each in seen.events if isinstance(each, CustomEvent)]
    wanted = [
        (what, value)
        for taken in seen.expected
        if taken.outcome.kind == "success"
        for kind, what, value in taken.outcome.outbox
        if kind == "emit"
    ]
    if emitted != wanted:
        yield f"`{seen.step}` emitted {emitted}, and the rules say {wanted}"
    moved = sum(isinstance(each, FlowTransitioned) for each in seen.events)
    records = sum(len(after.instance.history) for after in seen.after.values())
    records -= sum(len(before.instance.history) for before in seen.before.values())
    if moved != records:
        yield f"`{seen.step}` made {records} records and {moved} flow:transitioned"


@invariant("I17 instances conserved")
def instances_conserved(seen: Observation) -> Iterator[str]:
    """No instance is lost or made up."""
    started = 1 if seen.step.do == "start" and not isinstance(seen.answer, Exception) else 0
    if len(seen.after) != len(seen.before) + started:
        yield f"{len(seen.before)} instances before `{seen.step}`, {len(seen.after)} after"


@invariant("I18 one result each, in order")
def one_result_each(seen: Observation) -> Iterator[str]:
    """Every accepted action ends in one result, and an instance's actions in the order they came."""
    if isinstance(seen.answer, Exception) and not isinstance(seen.answer, FlowError):
        yield f"`{seen.step}` raised {type(seen.answer).__name__}: {seen.answer}"
    if seen.step.do == "send" and type(seen.answer) not in _KINDS and not isinstance(seen.answer, Exception):
        yield f"`{seen.step}` came to {seen.answer!r}, which is no result"
    if seen.step.do == "tick" and isinstance(seen.answer, Exception):
        yield f"`{seen.step}` raised {type(seen.answer).__name__}: {seen.answer}"
    for number, after in seen.after.items():
        mine = [taken for taken in seen.expected if taken.instance == number and taken.cause != "start"]
        old = len(seen.before[number].instance.history) if number in seen.before else 0
        records = [record.action for record in after.instance.history[old:]]
        wanted = [taken.action for taken in mine if taken.outcome.kind == "success"]
        if records != wanted:
            yield f"instance {number}: `{seen.step}` should take {wanted}, and took {records}"
    refused = [taken.action for taken in seen.expected if taken.outcome.kind != "success" and taken.cause != "start"]
    audited = [each.action for each in seen.rejected]
    if refused != audited:
        yield f"`{seen.step}` should refuse {refused}, and the audit stream says {audited}"
    told = sum(isinstance(each, FlowRejected) for each in seen.events)
    results = sum(not isinstance(each.result, Exception) for each in seen.rejected)
    if told != results:
        yield f"`{seen.step}` was refused {results} times, and {told} flow:rejected were sent"


@invariant("I19 timers on time")
def timers_on_time(seen: Observation) -> Iterator[str]:
    """A timer fires never early, once, and in the first tick at or after its deadline."""
    for number, after in seen.after.items():
        before = seen.before.get(number)
        old = len(before.instance.history) if before else 0
        for record in after.instance.history[old:]:
            armed = {f"after.{p}.{path}": at for (path, p), at in before.shape.timers.items()} if before else {}
            if record.timestamp > seen.now:
                yield f"instance {number}: `{record.action}` was taken at {seen.now} for {record.timestamp}"
            if record.action.startswith("after.") and record.timestamp < armed.get(record.action, record.timestamp):
                yield f"instance {number}: `{record.action}` fired at {record.timestamp}, due {armed[record.action]}"
        late = [at for at in after.shape.timers.values() if at <= seen.now]
        failing = any(t.cause == "timer" and t.outcome.kind == "error" for t in seen.expected if t.instance == number)
        if seen.step.do == "tick" and late and not failing:
            yield f"instance {number}: a timer due at {late[0]} is still waiting at {seen.now}"


@invariant("I20 macrosteps terminate")
def macrosteps_terminate(seen: Observation) -> Iterator[str]:
    """No action makes the flow go round for ever."""
    errors = [seen.answer, *(each.result for each in seen.rejected)]
    for error in errors:
        if isinstance(error, FlowError) and "did not come to rest" in error.what:
            yield f"`{seen.step}`: {error.what} in `{error.state}`"


@invariant("I21 statically reachable")
def statically_reachable(seen: Observation) -> Iterator[str]:
    """An active state is one that the document leads to."""
    reachable = seen.subject.structure.reachable()
    for number, each in seen.after.items():
        for path in sorted(each.shape.active - reachable):
            yield f"instance {number} is in `{path}`, which nothing in the document leads to"


@invariant("I24 time and revision monotone")
def monotone(seen: Observation) -> Iterator[str]:
    """Timestamps never go back, and the revision counts the committed macrosteps."""
    for number, each in seen.after.items():
        instance = each.instance
        times = [instance.created_at, *(record.timestamp for record in instance.history), instance.updated_at, seen.now]
        if times != sorted(times):
            yield f"instance {number}: times go back: {times}"
        revisions = [record.revision for record in instance.history]
        if revisions != list(range(1, len(revisions) + 1)) or instance.revision != len(revisions):
            yield f"instance {number} is at revision {instance.revision}, its records at {revisions}"


@invariant("I25 history restored")
def history_restored(seen: Observation) -> Iterator[str]:
    """Taking a transition to a history state restores what was recorded when its parent was left."""
    structure, taken = seen.subject.structure, _single(seen)
    if taken is None or not isinstance(seen.answer, Success) or seen.step.instance not in seen.after:
        return
    sites = {way.site: way for way in structure.all_ways}
    took = [sites[where] for kind, where in seen.trace if kind == "take"]
    if len(took) != 1:
        return  # later microsteps may have moved on
    exited = {where for kind, where in seen.trace if kind == "exit"}
    memory = structure.remembered(taken.before.active, exited, taken.before.memory)
    for target in took[0].targets:
        if structure.states[target].type is StateType.HISTORY and target in memory:
            missing = set(memory[target]) - set(seen.after[seen.step.instance].shape.active)
            if missing:
                yield f"`{target}` remembered {list(memory[target])}, and {sorted(missing)} are not active"


STEP_INVARIANTS: tuple[Invariant, ...] = (
    instances_conserved,
    guards_pure,
    macrosteps_terminate,
    configuration_legal,
    rejection_changes_nothing,
    success_appends,
    history_continuous,
    final_absorbs,
    no_teleport,
    guards_agree,
    invalid_iff_unlisted,
    handlers_in_order,
    outbox_once,
    one_result_each,
    timers_on_time,
    statically_reachable,
    monotone,
    history_restored,
    result_determined,
)
