"""A small plain-Python model of one macrostep, to hold the engine against.

It follows the rules one by one over paths and dicts, knows no tables and caches nothing. Handlers and guards are the
flow's own, called with a context object of the model's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tickwright.systems.contracts.json import EMPTY, FrozenDict, freeze
from tickwright.systems.flows.actions import BLOCK, built_in
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.expr import compile_expr
from tickwright.systems.flows.structure import HandlerRef, StateType
from tickwright.systems.flows.table import exact
from tickwright.systems.flows.testing.model_context import ModelContext
from tickwright.systems.flows.testing.structure import Memory, Structure, Way

__all__ = ["Model", "ModelStep", "Outcome", "Shape", "TooManyMicrostepsError"]

Timers = Mapping[tuple[str, int], int]
"""(state, which of its `after` entries) -> deadline in ms."""
Later = tuple[int, int, int, str, Any, str, str]
"""(deadline, number, instance or -1 for itself, action, data, label, user)."""
Failures = list[tuple[str, str]]
_DTYPES = {"f32": "float32", "f64": "float64", "bool": "bool"} | {
    f"{short}{bits}": f"{long}{bits}" for short, long in (("i", "int"), ("u", "uint")) for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True)
class Shape:
    """What a step depends on and replaces."""

    active: frozenset[str]
    context: FrozenDict
    memory: Memory = field(default_factory=dict)
    timers: Timers = field(default_factory=dict)
    delayed: tuple[Later, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What the rules say an action comes to.

    Attributes:
        kind: success, guard_failed, invalid_action or error.
        shape: what the instance is afterwards; as before unless `kind` is success.
        trace: states left and entered, transitions taken and handlers run, in order.
        outbox: what leaves after the commit, in order.
        failures: (guard, reason) of the transitions that were refused.
    """

    kind: str
    shape: Shape
    trace: tuple[tuple[str, str], ...] = ()
    outbox: tuple[tuple[str, Any, Any], ...] = ()
    failures: tuple[tuple[str, str], ...] = ()


class TooManyMicrostepsError(Exception):
    """The flow does not come to rest."""


class _GuardRaisedError(Exception):
    """A guard raised: the whole guard fails closed."""

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(name)
        self.failure = (name, f"{type(cause).__name__}: {cause}")


class Model:
    """The rules over one definition.

    Args:
        handlers: the flow's own functions by name; names that are missing do nothing, and as guards answer yes.
        decide: answers each transition's guards instead of the guards themselves (for paths that ignore guards).
    """

    def __init__(
        self,
        structure: Structure,
        handlers: Mapping[str, Callable[..., Any]],
        *,
        decide: Callable[[Way], bool] | None = None,
    ) -> None:
        self.structure = structure
        self.handlers = handlers
        self.decide = decide

    def start(self, context: Mapping[str, Any], *, user: str, now: int, subject: str = "") -> Outcome:
        """Enter the initial states."""
        definition = self.structure.definition
        zeros = {name: False if dtype == "bool" else 0 for name, dtype in definition.context_types.items()}
        full = FrozenDict({**zeros, **definition.context, **freeze(context, "context")})
        active = frozenset(self.structure.enters(set(), (), {}))
        shape = Shape(active, full)
        step = ModelStep(self, shape, FlowEvent.of("", user, now, None), subject)
        return step.outcome(lambda: step.enter(active))

    def send(
        self,
        shape: Shape,
        action: str,
        data: Any = None,
        *,
        user: str = "",
        now: int = 0,
        subject: str = "",
        instance: int = -1,
    ) -> Outcome:
        """Take one action (timers and done events under their internal names)."""
        groups = self.structure.candidates(shape.active, action)
        if self.structure.is_done("", shape.active) or not groups:
            return Outcome("invalid_action", shape)
        step = ModelStep(self, shape, FlowEvent.of(action, user, now, freeze(data, "data")), subject, instance)
        ways = step.select(action)
        if not ways:
            return Outcome("guard_failed", shape, failures=tuple(step.failures))
        return step.outcome(lambda: step.take(ways))


class ModelStep:
    """One macrostep in progress."""

    def __init__(self, model: Model, shape: Shape, event: FlowEvent, subject: str, instance: int = -1) -> None:
        self.model = model
        self.structure = model.structure
        self.before = shape
        self.active: set[str] = set(shape.active)
        self.context = shape.context
        self.memory = dict(shape.memory)
        self.timers = dict(shape.timers)
        self.delayed = shape.delayed
        self.instance = instance
        self.event = event
        self.user: str = event["user"]
        self.now: int = event["timestamp"]
        self.ctx = ModelContext(self, subject)
        self.trace: list[tuple[str, str]] = []
        self.outbox: list[tuple[str, Any, Any]] = []
        self.failures: Failures = []
        self.raised: deque[tuple[str, Any]] = deque()
        self.done: deque[tuple[str, Any]] = deque()

    def outcome(self, first: Callable[[], None]) -> Outcome:
        """Do the first microstep and all that follow from it."""
        try:
            first()
            self.settle()
            context = self.stored()
        except Exception:
            return Outcome("error", self.before, tuple(self.trace))
        if self.structure.is_done("", self.active):
            self.timers, self.delayed = {}, ()
        after = Shape(frozenset(self.active), context, self.memory, self.timers, self.delayed)
        return Outcome("success", after, tuple(self.trace), tuple(self.outbox))

    def stored(self) -> FrozenDict:
        """Return the context as columns of `context_types` give it back."""
        values = dict(self.context)
        for name, dtype in self.structure.definition.context_types.items():
            values[name] = exact(values.get(name, 0), np.dtype(_DTYPES[dtype])).item()
        return FrozenDict(values)

    # -- choosing -----------------------------------------------------------------------------------------

    def select(self, action: str) -> list[Way]:
        """Return the transitions to take for an action."""
        chosen: list[Way] = []
        answers: dict[str, bool] = {}
        for ways in self.structure.candidates(self.active, action):
            for way in ways:
                if way.site not in answers:
                    answers[way.site] = self.holds(way)
                if answers[way.site]:
                    chosen += [way] if way not in chosen else []
                    break
        kept: list[Way] = []
        for way in chosen:
            exits = self.structure.exits(self.active, way)
            rivals = [other for other in kept if exits & self.structure.exits(self.active, other)]
            if all(other.source in self.structure.ancestors(way.source) for other in rivals):
                kept = [other for other in kept if other not in rivals] + [way]
        return kept

    def holds(self, way: Way) -> bool:
        """Return whether a transition's guards hold; why not is kept."""
        if self.model.decide is not None and way.guards:
            return self.model.decide(way)
        for guard in way.guards:
            try:
                failure = self.guard(guard, way.source)
            except _GuardRaisedError as error:
                failure = error.failure
            if failure is not None:
                self.failures.append(failure)
                return False
        return True

    def guard(self, guard: Any, source: str) -> tuple[str, str] | None:
        """Return None if a guard holds, else (name, reason)."""
        if isinstance(guard, str):
            return self.named(guard, EMPTY)
        if "type" in guard:
            return self.named(guard["type"], guard.get("params", EMPTY))
        ((kind, value),) = guard.items()
        if kind == "and":
            return next((failure for each in value if (failure := self.guard(each, source)) is not None), None)
        if kind == "or":
            return self.some(value, source)
        if kind == "not":
            failure = self.guard(value, source)
            name = value if isinstance(value, str) else str(value.get("expr", value.get("type", "not")))
            return None if failure is not None else (f"not {name}", f"guard `{name}` returned true")
        if kind == "in":
            inside = self.structure.find(source, value) in self.active
            return None if inside else (f"in {value}", f"state `{value}` is not active")
        return self.answer(value, lambda: compile_expr(value, "")[0]((self.context, self.event)))

    def some(self, guards: Any, source: str) -> tuple[str, str] | None:
        """Return None if one of several guards holds."""
        first: tuple[str, str] | None = None
        raised: _GuardRaisedError | None = None
        for each in guards:
            try:
                failure = self.guard(each, source)
            except _GuardRaisedError as error:
                raised = raised or error
                continue
            if failure is None:
                return None
            first = first or failure
        if raised is not None:
            raise raised
        return first

    def named(self, name: str, params: Any) -> tuple[str, str] | None:
        """Ask a guard by name."""
        function = self.model.handlers.get(name)
        if function is None:
            return None
        self.ctx.held, self.ctx.guarding = params, True
        try:
            return self.answer(name, lambda: function(self.ctx, self.event))
        finally:
            self.ctx.guarding = False

    def answer(self, name: str, call: Callable[[], Any]) -> tuple[str, str] | None:
        """Ask one guard."""
        try:
            answer = call()
        except Exception as error:
            raise _GuardRaisedError(name, error) from error
        passed, reason = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
        return None if passed else (name, str(reason) if reason else f"guard `{name}` returned false")

    # -- doing --------------------------------------------------------------------------------------------

    def take(self, ways: list[Way]) -> None:
        """Leave, act, enter."""
        exited = {path for way in ways for path in self.structure.exits(self.active, way)}
        self.memory = self.structure.remembered(self.active, exited, self.memory)
        for path in self.structure.in_exit_order(exited):
            self.trace.append(("exit", path))
            self.run(self.structure.states[path].exit, "exit")
        for way in ways:
            self.trace.append(("take", way.site))
            self.run(way.actions, "action")
        leaving = [way for way in ways if self.structure.exits(self.active, way)]
        targets = [target for way in leaving for target in way.targets]
        if not targets:
            return
        self.timers = {key: at for key, at in self.timers.items() if key[0] not in exited}
        self.active -= exited
        entered = self.structure.enters(self.active, targets, self.memory)
        self.active |= entered
        self.enter(entered)

    def enter(self, entered: set[str] | frozenset[str]) -> None:
        """Call the entry handlers and begin the timers."""
        order = self.structure.in_document_order(entered)
        for number, path in enumerate(order):
            state = self.structure.states[path]
            self.trace.append(("enter", path))
            self.run(state.enter, "enter")
            for position, delay in enumerate(state.after):
                wait = int(delay) if delay.isdigit() else self.delay(delay)
                self.timers[path, position] = self.now + wait
            if state.type is StateType.FINAL:
                self.finish(path, self.active - set(order[number + 1 :]))

    def delay(self, name: str) -> int:
        """Ask a handler for a delay, ms."""
        self.trace.append(("run", name))
        self.ctx.held, function = None, self.model.handlers.get(name)
        wait = 0 if function is None else function(self.ctx, self.event)
        if not isinstance(wait, int | float) or wait < 0:
            raise ValueError(f"delay {name!r} returned {wait!r}")
        return int(wait)

    def finish(self, path: str, active: set[str]) -> None:
        """Note what is done now that a final state is active."""
        parent, output = path.rpartition(".")[0], self.structure.states[path].output
        data = None if output is None else {"output": output}
        while parent and self.structure.is_done(parent, active):
            self.done.append((f"done.state.{parent}", freeze(data, "output")))
            parent, data = parent.rpartition(".")[0], None
            if self.structure.states[parent].type is not StateType.PARALLEL:
                return

    def run(self, calls: tuple[HandlerRef, ...], phase: str) -> None:
        """Call handlers in order."""
        for call in calls:
            own = call.name.startswith("flow.")
            self.trace += [] if own else [("run", call.name)]
            self.ctx.held = call.params
            function = built_in(call.name, call.params, "") if own else self.model.handlers.get(call.name)
            if function is None:
                continue
            try:
                function(self.ctx, self.event)
            except Exception as error:
                if self.structure.definition.on_handler_error == "rollback":
                    raise
                message = f"{type(error).__name__}: {error}"
                self.raised.append(("error.execution", FrozenDict(phase=phase, handler=call.name, message=message)))
                if call.name != BLOCK:
                    return

    def settle(self) -> None:
        """Take done events, eventless transitions and raised actions until nothing is left."""
        count = 0
        while not self.structure.is_done("", self.active):
            if self.done:
                (action, data), ways = self.done.popleft(), []
            elif ways := self.select(""):
                action, data = "", None
            elif self.raised:
                (action, data), ways = self.raised.popleft(), []
            else:
                return
            count += 1
            if count > self.structure.definition.max_microsteps:
                raise TooManyMicrostepsError
            if action:
                self.event = FlowEvent.of(action, self.user, self.now, data)
                ways = self.select(action)
            if ways:
                self.take(ways)
