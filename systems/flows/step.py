"""The one step function: a macrostep over an image of an instance, all or nothing.

Order (SCXML's, with done events first): select, exit (deepest first), actions, enter (parents first, document order),
done events, `always`, raised actions, until nothing is left.

What a macrostep does is a generator that yields the handlers to call; `Run.drive` calls them at once, and
`send_async` awaits them. Choosing never waits.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeAlias

from tickwright.systems.contracts.json import EMPTY, FrozenDict
from tickwright.systems.flows.actions import BLOCK
from tickwright.systems.flows.compiled import CompiledFlow, Config, Edge, Plan
from tickwright.systems.flows.context import FlowContext, FlowEvent
from tickwright.systems.flows.errors import FlowStepError
from tickwright.systems.flows.guards import Failure
from tickwright.systems.flows.nodes import Call
from tickwright.systems.flows.results import GuardFailed, InvalidAction
from tickwright.systems.flows.structure import StateType

__all__ = ["CAUGHT", "Calls", "Delayed", "Image", "Run", "Timer", "begin", "choose", "finish", "prepare", "step"]

Timer: TypeAlias = tuple[int, int, int]
"""(deadline in ms, state, which of its `after` entries)."""
Delayed: TypeAlias = tuple[int, int, int, str, Any, str, str]
"""(deadline in ms, number, instance or -1, action, data, label, user): an action that `ctx.send` delays."""
Calls: TypeAlias = Generator[tuple[tuple[Call, ...], str, int], Any, None]
"""Yields (handlers, phase, state) and is sent the last one's answer."""

CAUGHT = object()
_ERROR_ACTION = "error.execution"


class Image:
    """Everything a step depends on and replaces: never changed, only replaced."""

    __slots__ = ("config", "context", "delayed", "memory", "timers")

    def __init__(
        self,
        config: Config,
        context: FrozenDict,
        memory: dict[int, tuple[int, ...]],
        timers: tuple[Timer, ...],
        delayed: tuple[Delayed, ...] = (),
    ) -> None:
        self.config = config
        self.context = context
        self.memory = memory
        self.timers = timers
        self.delayed = delayed


class Run:
    """A macrostep in progress; thrown away unless it ends well."""

    __slots__ = (
        "config", "context", "ctx", "delayed", "done_events", "entered", "event", "exited", "flow", "guarding",
        "instance", "memory", "now", "outbox", "params", "raised", "subject", "timers", "user",
    )  # fmt: skip

    def __init__(self, flow: CompiledFlow, image: Image, subject: str, event: FlowEvent, instance: int = -1) -> None:
        self.flow = flow
        self.config = image.config
        self.context = image.context
        self.memory = image.memory
        self.timers = image.timers
        self.delayed = image.delayed
        self.subject = subject
        self.instance = instance
        self.event = event
        self.user: str = event["user"]
        self.now: int = event["timestamp"]
        # most steps send, raise and end nothing: lists are made by `post`, `raise_` and `_finish`
        self.outbox: Sequence[tuple[str, Any, Any]] = ()
        self.raised: Sequence[tuple[str, Any]] = ()
        self.done_events: Sequence[tuple[str, Any]] = ()
        self.exited: tuple[int, ...] = ()
        self.entered: tuple[int, ...] = ()
        self.guarding = False
        self.params: Any = EMPTY
        self.ctx = FlowContext(self)

    def part(self) -> None:
        """Let go of the handlers' context, so that neither waits for the garbage collector; it may be kept by them."""
        del self.ctx

    def post(self, kind: str, what: Any, value: Any) -> None:
        """Put something into the outbox."""
        self.outbox = [*self.outbox, (kind, what, value)]

    def raise_(self, action: str, data: Any) -> None:
        """Queue an action inside this macrostep."""
        self.raised = [*self.raised, (action, data)]

    def image(self) -> Image:
        """Return the image that replaces the old one."""
        return Image(self.config, self.context, self.memory, self.timers, self.delayed)

    # -- choosing ----------------------------------------------------------------------------------------

    def select(self, action: str) -> tuple[list[Edge], list[Failure]]:
        """Return the transitions to take for an action ("" = eventless), and why others were not."""
        groups = self.flow.candidates(self.config, action)
        failures: list[Failure] = []
        chosen: list[Edge] = []
        checked: dict[int, bool] = {}
        self.guarding = True
        for group in groups:
            for edge in group:
                held = checked.get(edge.index)
                if held is None:
                    held = checked[edge.index] = self._holds(edge, failures)
                if held:
                    if edge not in chosen:
                        chosen.append(edge)
                    break
        self.guarding = False
        return (self._without_conflicts(chosen) if len(chosen) > 1 else chosen), failures

    def _holds(self, edge: Edge, failures: list[Failure]) -> bool:
        for check in edge.checks:
            if (failure := check(self)) is not None:
                failures.append((failure[0], failure[1]))
                return False
        return True

    def _without_conflicts(self, chosen: list[Edge]) -> list[Edge]:
        kept: list[Edge] = []
        for edge in chosen:
            exits = self.flow.exits(self.config, edge)
            rivals = [other for other in kept if exits & self.flow.exits(self.config, other)]
            ancestors = self.flow.nodes[edge.source].ancestors
            if all(other.source in ancestors for other in rivals):
                kept = [other for other in kept if other not in rivals] + [edge]
        return kept

    # -- doing -------------------------------------------------------------------------------------------

    def take(self, edges: list[Edge]) -> Calls:
        """Exit, act, enter."""
        moving = [edge for edge in edges if edge.targets]
        plan = self.flow.plan(self.config, moving, self.memory) if moving else None
        nodes = self.flow.nodes
        if plan is not None:
            if self.flow.remembers:
                self.memory = self.flow.remember(self.config, set(plan.exited), self.memory)
            for index in plan.exited:
                if nodes[index].exit:
                    yield nodes[index].exit, "exit", index
        for edge in edges:
            if edge.actions:
                yield edge.actions, "action", edge.source
        if plan is None:
            return
        if self.timers:
            gone = set(plan.exited)
            self.timers = tuple([timer for timer in self.timers if timer[1] not in gone])
        self.exited += plan.exited
        yield from self.enter(plan)

    def enter(self, plan: Plan) -> Calls:
        """Make the plan's configuration current and call the entry handlers."""
        self.config = plan.config
        self.entered += plan.entered
        nodes = self.flow.nodes
        for place, index in enumerate(plan.entered):
            node = nodes[index]
            if node.enter:
                yield node.enter, "enter", index
            for position, (delay, _, _) in enumerate(node.after):
                wait = delay
                if not isinstance(wait, int):
                    answer = yield (wait,), "delay", index
                    wait = self._waited(wait[0], answer, index)
                self.timers = (*self.timers, (self.now + wait, index, position))
            if node.kind is StateType.FINAL:
                later = plan.entered[place + 1 :]
                self._finish(index, self.config.active.difference(later))

    def _waited(self, name: str, answer: Any, index: int) -> int:
        if isinstance(answer, int | float) and not isinstance(answer, bool) and 0 <= answer < 10**15:
            return int(answer)
        raise self._failed(f"delay {name!r} returned {answer!r}", "delay", name, index, None, "milliseconds")

    def _finish(self, final: int, active: frozenset[int]) -> None:
        """Note what is done now that a final state is entered; `active` has no state that is still to be entered."""
        nodes = self.flow.nodes
        output, index = nodes[final].definition.output, nodes[final].parent
        data = None if output is None else FrozenDict(output=output)
        while index > 0 and self.flow.is_done(index, active):
            self.done_events = [*self.done_events, (f"done.state.{nodes[index].path}", data)]
            index, data = nodes[index].parent, None
            if index >= 0 and nodes[index].kind is not StateType.PARALLEL:
                break

    def settle(self) -> Calls:
        """Take done events, eventless transitions and raised actions until nothing is left."""
        limit = self.flow.definition.max_microsteps
        count = 0
        while not self.config.done:
            edges: list[Edge] = []
            action, data = "", None
            if self.done_events:
                (action, data), *self.done_events = self.done_events
            elif self.config.eventless and (edges := self.select("")[0]):
                pass
            elif self.raised:
                (action, data), *self.raised = self.raised
            else:
                return
            count += 1
            if count > limit:
                raise self._failed(
                    f"the flow did not come to rest within {limit} microsteps", "always", "", -1, None,
                    todo="look for a cycle of `always` or raised actions; nothing was changed",
                )  # fmt: skip
            if action:
                self.event = FlowEvent.of(action, self.user, self.now, data)
                edges = self.select(action)[0]
            if edges:
                yield from self.take(edges)

    def drive(self, calls: Calls) -> None:
        """Call what a macrostep yields, at once."""
        answer = None
        try:
            while True:
                answer = self.call(*calls.send(answer))
        except StopIteration:
            return

    def call(self, calls: tuple[Call, ...], phase: str, index: int) -> Any:
        """Call handlers in order; return the last one's answer, `CAUGHT` where an error became an event.

        Raises:
            FlowStepError: one raised, or waits.
        """
        answer = None
        for name, function, params in calls:
            self.params = params
            try:
                answer = function(self.ctx, self.event)
            except Exception as error:
                if self.flow.rolls_back:
                    raise self.failed(error, phase, name, index) from error
                self.caught(error, phase, name)
                answer = CAUGHT
                if name != BLOCK:
                    return CAUGHT
                continue
            if answer is not None:
                self.refuse_waiting(answer, phase, name, index)
        return answer

    def refuse_waiting(self, answer: Any, phase: str, name: str, index: int) -> None:
        """Raise if a handler answered with something to wait for."""
        if hasattr(answer, "__await__"):
            getattr(answer, "close", bool)()
            raise self._failed(
                f"{phase} handler {name!r} is async", phase, name, index, None, todo="await flows.send_async(...)"
            )

    def caught(self, error: Exception, phase: str, name: str) -> None:
        """Turn a handler's error into the internal action `error.execution`."""
        message = f"{type(error).__name__}: {error}"
        self.raise_(_ERROR_ACTION, FrozenDict(phase=phase, handler=name, message=message))

    def failed(self, error: BaseException, phase: str, name: str, index: int) -> FlowStepError:
        """Return the error that a handler's error becomes."""
        what = f"{phase} handler {name!r} raised {type(error).__name__}: {error}"
        return self._failed(what, phase, name, index, error)

    def _failed(
        self, what: str, phase: str, name: str, index: int, cause: BaseException | None,
        expected: str = "", todo: str = "nothing was changed; fix the handler and send again",
    ) -> FlowStepError:  # fmt: skip
        state = self.flow.nodes[index].path if index >= 0 else self.config.current_state
        where = f"flow {self.flow.definition.id!r}, state {state!r}"
        return FlowStepError(
            what, where=where, expected=expected, todo=todo, phase=phase, handler=name, state=state, cause=cause
        )

    # -- delayed actions ---------------------------------------------------------------------------------

    def delay(self, instance: int, action: str, data: Any, delay_ms: int, label: str) -> None:
        """Keep an action for later; for the instance itself it stands as -1, for its id may not be known yet."""
        number = max((each[1] for each in self.delayed), default=0) + 1
        target = -1 if instance == self.instance else instance
        self.delayed = (*self.delayed, (self.now + delay_ms, number, target, action, data, label, self.user))

    def cancel(self, label: str) -> None:
        """Drop the delayed actions of a label."""
        self.delayed = tuple([each for each in self.delayed if each[5] != label])


def prepare(
    flow: CompiledFlow, image: Image, event: FlowEvent, *, subject: str = "", instance: int = -1
) -> tuple[Run, list[Edge]] | GuardFailed | InvalidAction:
    """Choose what an action does, without doing it: the run and its transitions, or why nothing happens."""
    action = event["action"]
    config = image.config
    if config.done or not flow.candidates(config, action):
        return InvalidAction(action, config.current_state)
    run = Run(flow, image, subject, event, instance)
    edges, failures = run.select(action)
    if not edges:
        guard, reason = failures[0]
        return GuardFailed(guard, reason, tuple(failures))
    return run, edges


def step(
    flow: CompiledFlow, image: Image, event: FlowEvent, *, subject: str = "", instance: int = -1
) -> Run | GuardFailed | InvalidAction:
    """Take one action to its end on a copy.

    Args:
        flow: the compiled definition.
        image: the instance as it is.
        event: the action, with user, timestamp and data.
        subject: what the instance is about, for `ctx.subject()`.
        instance: its id, for `ctx.instance()`.

    Returns:
        The finished run, whose `image()` and outbox the caller commits; or the reason why nothing happens.

    Raises:
        FlowStepError: a handler raised, or the flow does not come to rest; the image is as it was.
    """
    chosen = prepare(flow, image, event, subject=subject, instance=instance)
    if not isinstance(chosen, tuple):
        return chosen
    run, edges = chosen
    if len(edges) == 1 and not run.timers and not flow.remembers and edges[0].targets:
        edge = edges[0]
        plan = flow.plan(run.config, edges, run.memory)
        if plan.quiet:
            _take_quietly(run, edge, plan)
            if run.raised or run.config.eventless:
                run.drive(run.settle())
            return finish(run)
    run.drive(run.take(edges))
    run.drive(run.settle())
    return finish(run)


def _take_quietly(run: Run, edge: Edge, plan: Plan) -> None:
    """Do what `take` does where no timer ends or begins and nothing is done: the common case."""
    nodes = run.flow.nodes
    for index in plan.exited:
        if nodes[index].exit:
            run.call(nodes[index].exit, "exit", index)
    if edge.actions:
        run.call(edge.actions, "action", edge.source)
    run.exited, run.entered, run.config = plan.exited, plan.entered, plan.config
    for index in plan.entered:
        if nodes[index].enter:
            run.call(nodes[index].enter, "enter", index)


def choose(
    flow: CompiledFlow, image: Image, event: FlowEvent, *, subject: str = "", instance: int = -1
) -> tuple[Run, list[Edge]]:
    """Choose the eventless transitions of an instance at rest; the list is empty where none holds."""
    run = Run(flow, image, subject, event, instance)
    return run, run.select("")[0] if image.config.eventless else []


def finish(run: Run) -> Run:
    """Drop what a flow that is done waits for no more, and the handlers' context."""
    if run.config.done:
        run.timers, run.delayed = (), ()
    if hasattr(run, "ctx"):
        run.part()
    return run


def begin(flow: CompiledFlow, context: FrozenDict, event: FlowEvent, *, subject: str = "", instance: int = -1) -> Run:
    """Enter the initial states; a handler that raises leaves nothing behind.

    Raises:
        FlowStepError: an entry handler raised.
    """
    active = frozenset(flow.enter_set((0,), set(), {}))
    config = flow.config(active)
    run = Run(flow, Image(config, context, {}, ()), subject, event, instance)
    run.drive(run.enter(Plan((), tuple(sorted(active)), config)))
    run.drive(run.settle())
    return finish(run)
