"""State machines for the whole app: `State[S]`, `NextState[S]`, and schedules on entering and leaving.

`S` is an Enum (or any hashable type). Transitions happen between PreUpdate and Update. First all machines take their
new values, each after those it follows; then run OnExit(old), of what follows before what it follows, then
OnTransition(old, new), then OnEnter(new), the other way round: a sub-state is left before the state it belongs to and
entered after it. A sub-state exists only while its source is in a given value; a computed state follows from others
and is never set.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.schedule.labels import ScheduleLabel

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["NextState", "OnEnter", "OnExit", "OnTransition", "State", "StateError", "StateTransitioned", "States"]

S = TypeVar("S", bound=Hashable)


class StateError(TickwrightError):
    """A state that was not added, or a value that is none."""


class State(Generic[S]):
    """The present value: ask for it with `Res[State[Game]]`."""

    __slots__ = ("value",)

    def __init__(self, value: S) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"State({self.value})"


class NextState(Generic[S]):
    """The value to go to at the next transition: `ResMut[NextState[Game]]`, then `next_state.set(Game.OVER)`."""

    __slots__ = ("_kind", "pending", "value")

    def __init__(self, kind: type[S]) -> None:
        self._kind = kind
        self.pending = False
        self.value: S | None = None

    def set(self, value: S) -> None:
        """Go to `value`; the last call before the transition counts, the present value is no transition.

        Raises:
            StateError: a value of another type.
        """
        if not isinstance(value, self._kind):
            raise StateError(
                f"{value!r} is no {self._kind.__name__}",
                where=f"NextState[{self._kind.__name__}].set",
                expected=f"a value of {self._kind.__name__}",
            )
        self.pending, self.value = True, value

    def take(self) -> tuple[bool, S | None]:
        """Return (was something set, what) and forget it."""
        taken = self.pending, self.value
        self.pending, self.value = False, None
        return taken

    def __repr__(self) -> str:
        return f"NextState({self.value if self.pending else 'unchanged'})"


@dataclass(frozen=True, slots=True)
class StateTransitioned:
    """Sent with each transition, before its schedules run; `old` or `new` is None where a sub-state begins or ends.

    Not part of snapshots: the states themselves are.
    """

    transient: ClassVar[bool] = True
    old: Hashable | None
    new: Hashable | None


def OnEnter(value: Hashable) -> ScheduleLabel:  # noqa: N802  # a label, written like one
    """Return the schedule that runs when `value` is entered."""
    return ScheduleLabel(f"OnEnter({value})", ("enter", type(value), value))


def OnExit(value: Hashable) -> ScheduleLabel:  # noqa: N802
    """Return the schedule that runs when `value` is left."""
    return ScheduleLabel(f"OnExit({value})", ("exit", type(value), value))


def OnTransition(old: Hashable, new: Hashable) -> ScheduleLabel:  # noqa: N802
    """Return the schedule that runs between leaving `old` and entering `new`."""
    return ScheduleLabel(f"OnTransition({old} -> {new})", ("transition", type(old), old, new))


@dataclass(slots=True)
class _Machine:
    kind: type[Any]
    initial: Hashable | None
    source: type[Any] | None = None
    when: Hashable | None = None
    compute: Callable[..., Hashable | None] | None = None
    sources: tuple[type[Any], ...] = ()
    owner: str = ""


class States:
    """All state machines of one app, in the order in which they were added (sources before what follows them)."""

    def __init__(self, world: World, run_schedule: Callable[[ScheduleLabel], None]) -> None:
        self._world = world
        self._run = run_schedule
        self._machines: dict[type[Any], _Machine] = {}
        self._entered = False

    def add(self, initial: Hashable, *, owner: str = "") -> None:
        """Add the state machine of `initial`'s type."""
        if getattr(type(initial), "__hash__", None) is None:
            raise StateError(
                f"{initial!r} is no state", where="add_state", expected="an Enum's member, or another hashable"
            )
        machine = self._register(_Machine(type(initial), initial, owner=owner))
        self._world.insert_resource(State(initial), as_type=_state(machine.kind))

    def add_sub(self, initial: Hashable, *, when: Hashable, owner: str = "") -> None:
        """Add a state machine that exists only while the machine of `when`'s type is in `when`."""
        self._known(type(when), f"sub-state {type(initial).__name__}")
        self._register(_Machine(type(initial), initial, source=type(when), when=when, owner=owner))

    def add_computed(
        self, kind: type[Any], sources: tuple[type[Any], ...], compute: Callable[..., Any], *, owner: str = ""
    ) -> None:
        """Add a state whose value is `compute(*values of sources)`; None means it does not exist."""
        for source in sources:
            self._known(source, f"computed state {kind.__name__}")
        self._register(_Machine(kind, None, compute=compute, sources=sources, owner=owner))

    def release(self, owner: str) -> None:
        """Forget every machine of `owner`."""
        for kind in [kind for kind, machine in self._machines.items() if machine.owner == owner]:
            del self._machines[kind]
            self._world.remove_resource(_state(kind))
            self._world.remove_resource(_next(kind))

    def value(self, kind: type[Any]) -> Any:
        """Return the present value of a machine, None if it does not exist now."""
        state = self._world.get_resource(_state(kind))
        return None if state is None else state.value

    @property
    def names(self) -> set[str]:
        """Names of the machines' types, as snapshots know them."""
        return {_name(kind) for kind in self._machines}

    def saved(self) -> dict[str, Any]:
        """Return the present and the pending value of every machine as plain data."""
        import msgspec

        found: dict[str, Any] = {"": self._entered}
        for kind, machine in self._machines.items():
            asked = None if machine.compute is not None else self._world.resource(_next(kind))
            pending = [msgspec.to_builtins(asked.value)] if asked is not None and asked.pending else []
            found[_name(kind)] = [msgspec.to_builtins(self.value(kind)), pending]
        return found

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Put every machine where `saved` says; no schedule of entering or leaving runs."""
        import msgspec

        self._entered = bool(saved[""])
        for kind in self._machines:
            if _name(kind) not in saved:
                continue
            value, pending = saved[_name(kind)]
            if value is None:
                self._world.remove_resource(_state(kind))
            else:
                self._world.insert_resource(State(msgspec.convert(value, kind)), as_type=_state(kind))
            for each in pending:
                self._world.resource(_next(kind)).set(msgspec.convert(each, kind))

    def transition(self) -> None:
        """Carry out what was asked for; at the first time, enter the initial values before that."""
        if not self._machines:
            return
        if not self._entered:
            self._entered = True
            self._run_schedules([(None, initial) for initial in self._initial()])
        changes = []
        for machine in list(self._machines.values()):
            old = self.value(machine.kind)
            new = self._target(machine, old)
            if new != old:
                self._put(machine.kind, new)
                changes.append((old, new))
        self._run_schedules(changes)

    def _initial(self) -> list[Hashable]:
        """Return the values of the machines that are there from the start."""
        plain = [each for each in self._machines.values() if each.source is None and each.compute is None]
        return [self.value(each.kind) for each in plain]

    def _target(self, machine: _Machine, old: Hashable | None) -> Hashable | None:
        if machine.compute is not None:
            values = [self.value(source) for source in machine.sources]
            result: Hashable | None = None if None in values else machine.compute(*values)
            return result
        asked, value = self._world.resource(_next(machine.kind)).take()
        if machine.source is not None and self.value(machine.source) != machine.when:
            return None
        if asked:
            target: Hashable = value
            return target
        return machine.initial if old is None else old

    def _put(self, kind: type[Any], value: Hashable | None) -> None:
        if value is None:
            self._world.remove_resource(_state(kind))
        else:
            self._world.insert_resource(State(value), as_type=_state(kind))

    def _run_schedules(self, changes: list[tuple[Hashable | None, Hashable | None]]) -> None:
        """Run what belongs to these changes, which are in the order of the machines."""
        for old, new in changes:
            self._world.send(StateTransitioned(old, new))
        for old, _ in reversed(changes):
            if old is not None:
                self._run(OnExit(old))
        for old, new in changes:
            if old is not None and new is not None:
                self._run(OnTransition(old, new))
        for _, new in changes:
            if new is not None:
                self._run(OnEnter(new))

    def _register(self, machine: _Machine) -> _Machine:
        if machine.kind in self._machines:
            raise StateError(f"state {machine.kind.__name__} is added already", todo="add each state once")
        self._machines[machine.kind] = machine
        if machine.compute is None:
            self._world.insert_resource(NextState(machine.kind), as_type=_next(machine.kind))
        return machine

    def _known(self, kind: type[Any], where: str) -> None:
        if kind not in self._machines:
            raise StateError(
                f"state {kind.__name__} is unknown", where=where, todo=f"add {kind.__name__} before what follows it"
            )


def _name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _state(kind: type[Any]) -> Any:
    return State[kind]  # type: ignore[valid-type]  # a type known at run time only


def _next(kind: type[Any]) -> Any:
    return NextState[kind]  # type: ignore[valid-type]
