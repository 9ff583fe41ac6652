"""Scripts carried out on a real manager, every step observed and set beside what the rules expect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import msgspec

from tickwright.ecs_core import App, Entity, ManualClock
from tickwright.systems.contracts.events import Emitted, HookEvent
from tickwright.systems.flows.audit import Rejection
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.manager import FlowManager
from tickwright.systems.flows.plugin import FlowsPlugin
from tickwright.systems.flows.results import FlowInstance
from tickwright.systems.flows.testing.model import Shape
from tickwright.systems.flows.testing.script import Step
from tickwright.systems.flows.testing.subject import Subject
from tickwright.systems.flows.testing.twin import Taken, Twin

__all__ = ["START_MS", "FlowRun", "Observation", "Runs", "Seen"]

START_MS = 1_000
"""When every run begins, in ms since the epoch."""
_PLACES = 4


@dataclass(frozen=True)
class Seen:
    """Everything an instance is: what `get` tells, and what only the engine sees."""

    instance: FlowInstance
    shape: Shape


@dataclass(frozen=True)
class Observation:
    """One step of a script, and all there was to see of it.

    Attributes:
        step: what was done.
        now: the world's time afterwards.
        before, after: every instance, by its number in the script.
        answer: what the call returned or raised.
        allowed: what `can` said just before a send.
        expected: the macrosteps that the rules expect, in order.
        wanted: what the rules say every instance is afterwards.
        trace: states left and entered, transitions taken, handlers run.
        events: what was emitted.
        rejected: what the audit stream gained.
        impure: what guards did that guards must not do.
    """

    step: Step
    now: int
    before: dict[int, Seen]
    after: dict[int, Seen]
    answer: Any
    allowed: bool | None
    expected: tuple[Taken, ...]
    wanted: dict[int, Shape]
    trace: tuple[tuple[str, str], ...]
    events: tuple[HookEvent, ...]
    rejected: tuple[Rejection, ...]
    impure: tuple[str, ...]
    subject: Subject = field(repr=False)

    @property
    def instance(self) -> FlowInstance | None:
        """The instance of the step, afterwards."""
        found = self.after.get(self.step.instance)
        return None if found is None else found.instance

    @property
    def previous(self) -> FlowInstance | None:
        """The instance of the step, before."""
        found = self.before.get(self.step.instance)
        return None if found is None else found.instance

    @property
    def instances(self) -> list[FlowInstance]:
        """Every instance, afterwards."""
        return [seen.instance for seen in self.after.values()]


class FlowRun:
    """One flow in an app of its own, with a clock that only ticks move.

    Args:
        subject: what is tested.
        plain: register the definition as it is, without probes.
        runs: where checks of this run borrow more of its kind.
    """

    def __init__(self, subject: Subject, *, plain: bool = False, runs: Runs | None = None) -> None:
        self.subject = subject
        self.plain = plain
        self.clock = ManualClock(start_ms=START_MS, step_ms=0)
        self.app = App(clock=self.clock).add_plugins(FlowsPlugin())
        self.flows = self.app.world.resource(FlowManager)
        self.recorder = subject.recorder()
        self.runs = runs or Runs(subject)
        if plain:
            self.flows.register(subject.definition, handlers=subject.handlers)
        else:
            self.flows.register(subject.instrumented, handlers=self.recorder.functions(subject.names))
        self._reader = self.app.world.events.register(Emitted).reader("flow testing kit")
        self._begin()
        self._even_ids()

    def _begin(self) -> None:
        self.ids: list[int | None] = []
        self.script: list[Step] = []
        self.observed: list[Observation] = []
        self.twin = Twin(self.subject.model, self.subject.structure)

    def _even_ids(self) -> None:
        """Make the ids of the next instances ascend, in one generation: the same order in every run."""
        world = self.app.world
        mine = [each for each in self.ids if each is not None]
        others = [int(world.spawn()) for _ in range(_PLACES - len(mine))]
        for each in sorted(mine + others, key=lambda each: each & 0xFFFFFFFF, reverse=True):
            world.despawn(Entity(each))

    def renew(self, *, fault_at: int = -1) -> bool:
        """Begin anew in the same app; return False if this app has seen too much for that."""
        store = self.flows._store
        if len(self.alive()) > _PLACES or len(store.tables) > 1 or store.locked:
            return False
        self._even_ids()
        everything: tuple[Any, ...] = (
            store.queue, store.running, store.sent, store.calendar, store.audit, store.answers,
            *store.tables[0].sides(), store.tables[0].chunks,
        )  # fmt: skip
        for kept in everything:
            kept.clear()
        self.clock.set_ms(START_MS)
        self.app.time.advance(START_MS, 0.0)
        self.new_events()
        self.recorder.restart(fault_at=fault_at)
        self._begin()
        return True

    def __enter__(self) -> FlowRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.app.close()

    # -- looking ------------------------------------------------------------------------------------------

    def alive(self) -> list[int]:
        """Return the numbers of the instances that came into being."""
        return [number for number, each in enumerate(self.ids) if each is not None]

    def see(self) -> dict[int, Seen]:
        """Return every instance as it is now; one that is gone without having been asked to is left out."""
        there = ((number, self.ids[number]) for number in self.alive())
        return {number: self.look(each) for number, each in there if self.flows.get(each or 0) is not None}

    def look(self, instance: int | None) -> Seen:
        """Return one instance, with its timers and what its history states remember."""
        assert instance is not None
        found = self.flows.get(instance)
        assert found is not None, f"instance {instance} is gone"
        cells, row, number = self.flows._store.locate(instance)
        table = cells.table
        if cells.config_at[row] < 0:
            return Seen(found, Shape(frozenset(), found.context))
        image = table.image(cells, row, number)
        nodes = table.flow.nodes
        active = frozenset(nodes[index].path for index in image.config.active)
        memory = {nodes[at].path: tuple(nodes[each].path for each in states) for at, states in image.memory.items()}
        waiting = () if image.config.done else table.timers_of(cells, row, number, self.app.world.now())
        timers = {(nodes[node].path, position): at for at, node, position in waiting}
        return Seen(found, Shape(active, image.context, memory, timers, image.delayed))

    # -- doing --------------------------------------------------------------------------------------------

    def play(self, script: Iterable[Step]) -> FlowRun:
        """Do every step of a script, and observe it."""
        for step in script:
            self.do(step)
        return self

    def call(self, step: Step) -> Any:
        """Do one step without observing it; return what the manager returned or raised."""
        self.script.append(step)
        return self._call(self._resolved(step))

    def new_events(self) -> list[HookEvent]:
        """Return what was emitted since the last look."""
        return [each.event for each in self._reader.read()]

    def do(self, step: Step) -> Observation:
        """Do one step and return what there was to see."""
        self.script.append(step)
        step = self._resolved(step)
        before = self.see()
        allowed = self._allowed(step)
        rejections = list(self.flows.audit)
        self.recorder.take_trace()
        self.recorder.impure.clear()
        now = self.app.world.now() + (step.wait_ms if step.do == "tick" else 0)
        expected = self.twin.expect(step, {number: seen.shape for number, seen in before.items()}, self.ids, now)
        answer = self._call(step)
        seen = Observation(
            step=step,
            now=self.app.world.now(),
            before=before,
            after=self.see(),
            answer=answer,
            allowed=allowed,
            expected=expected,
            wanted=dict(self.twin.shapes),
            trace=self.recorder.take_trace(),
            events=tuple(self.new_events()),
            rejected=tuple(self.flows.audit)[len(rejections) :],
            impure=tuple(self.recorder.impure),
            subject=self.subject,
        )
        self.observed.append(seen)
        return seen

    def _resolved(self, step: Step) -> Step:
        """Put ids where a script's data names instances: `@1` is the second one of the script."""
        if not isinstance(step.data, dict):
            return step
        data = {key: self._id_of(value) for key, value in step.data.items()}
        return step if data == step.data else msgspec.structs.replace(step, data=data)

    def _id_of(self, value: Any) -> Any:
        named = isinstance(value, str) and value[:1] == "@" and value[1:].isdigit()
        number = int(value[1:]) if named else len(self.ids)
        return self.ids[number] if number < len(self.ids) and self.ids[number] is not None else value

    def _allowed(self, step: Step) -> bool | None:
        if step.do != "send" or self.twin.waiting(self.ids[step.instance]):
            return None
        instance = self.ids[step.instance]
        assert instance is not None
        self.recorder.quiet = True
        try:
            return self.flows.can(instance, step.action, step.data, user=step.user)
        finally:
            self.recorder.quiet = False

    def _call(self, step: Step) -> Any:
        try:
            if step.do == "start":
                return self._start(step)
            if step.do == "tick":
                return self.app.update(step.wait_ms / 1000)
            instance = self.ids[step.instance]
            assert instance is not None
            if step.do == "enqueue":
                return self.flows.enqueue(instance, step.action, step.data, user=step.user)
            return self.flows.send(instance, step.action, step.data, user=step.user)
        except Exception as error:  # what is raised is what is observed
            return error

    def _start(self, step: Step) -> int | FlowError:
        definition = self.subject.definition.id
        subject = f"subject {len(self.ids)}"
        try:
            made = self.flows.start(definition, step.context, subject=subject, user=step.user)
        except FlowError as error:
            self.ids.append(None)
            return error
        self.ids.append(made)
        return made

    # -- comparing ----------------------------------------------------------------------------------------

    def told(self, value: Any) -> str:
        """Return a value as text in which instances go by their number in the script, so that runs compare."""
        text = repr(value)
        for number, instance in enumerate(self.ids):
            text = text.replace(str(instance), f"@{number}") if instance is not None else text
        return text


class Runs:
    """Apps that are used again: making one costs more than what a short script does in it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._idle: dict[bool, list[FlowRun]] = {False: [], True: []}

    @contextmanager
    def open(self, *, fault_at: int = -1, plain: bool = False) -> Iterator[FlowRun]:
        """Lend a run.

        Args:
            fault_at: which handler call raises (from 0); -1 for none.
            plain: without probes.
        """
        idle = self._idle[plain]
        run = idle.pop() if idle else FlowRun(self.subject, plain=plain, runs=self)
        run.recorder.restart(fault_at=fault_at)
        kept = False
        try:
            yield run
            kept = run.renew()
        finally:
            if kept:
                idle.append(run)
            else:
                run.app.close()

    def close(self) -> None:
        """Close every app."""
        for idle in self._idle.values():
            while idle:
                idle.pop().app.close()
