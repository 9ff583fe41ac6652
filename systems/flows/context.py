"""What guards and handlers are given: the flow's context object and the event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tickwright.systems.contracts.events import RESERVED_PREFIXES
from tickwright.systems.contracts.json import FrozenDict, freeze
from tickwright.systems.flows.errors import FlowError

if TYPE_CHECKING:
    from tickwright.systems.flows.step import Run

__all__ = ["FlowContext", "FlowEvent"]


class FlowEvent(FrozenDict):
    """`{action, user, timestamp, data, ...the keys of data}`, also as attributes; data cannot forge the first four."""

    __slots__ = ()

    @classmethod
    def of(cls, action: str, user: str, timestamp: int, data: Any) -> FlowEvent:
        """Make the event of one action."""
        if isinstance(data, dict):
            return cls({**data, "action": action, "user": user, "timestamp": timestamp, "data": data})
        return cls(action=action, user=user, timestamp=timestamp, data=data)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class FlowContext:
    """One macrostep as its handlers see it. What they write and send takes effect when the step commits."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def current_state(self) -> str:
        """Return the dotted path of the current state."""
        return self._run.config.current_state

    def matches(self, path: str) -> bool:
        """Return whether the state at a dotted path is active."""
        run = self._run
        return run.flow.by_path.get(path, -1) in run.config.active

    def context(self) -> FrozenDict:
        """Return the context, read-only."""
        return self._run.context

    def set_context(self, key: str, value: Any) -> None:
        """Write one field; the value is frozen."""
        run = self._run
        if run.guarding:
            self._writing()
        if type(value) is not int and type(value) is not str:
            value = freeze(value, f"context.{key}")
        if type(key) is not str:
            raise FlowError(f"{key!r} is no field of a context", expected="a text")
        new = {**run.context}
        new[key] = value
        run.context = FrozenDict(new)

    def instance(self) -> int:
        """Return the instance's own id, to send to; -1, which means it too, while it is being started."""
        return self._run.instance

    def subject(self) -> str:
        """Return what the flow is about, such as a note's path."""
        return self._run.subject

    def current_user(self) -> str:
        """Return who sent the action."""
        return self._run.user

    def now(self) -> int:
        """Return milliseconds since the epoch; in a timer's step, the moment the timer was due."""
        return self._run.now

    def params(self) -> Any:
        """Return the parameters the definition gives to this handler."""
        return self._run.params

    def emit(self, event: str, payload: Any = None) -> None:
        """Emit a custom event after the step commits.

        Raises:
            FlowError: the name is no `prefix:name`, or its prefix is the engine's own.
        """
        self._writing()
        prefix, colon, rest = event.partition(":")
        if not (prefix and colon and rest) or prefix in RESERVED_PREFIXES:
            todo = "emit a custom event such as 'workflow:completed'"
            raise FlowError(f"a flow cannot emit {event!r}", expected="'prefix:name', a prefix of its own", todo=todo)
        self._run.post("emit", event, freeze(payload, "payload"))

    def log(self, level: str, message: str) -> None:
        """Log after the step commits."""
        self._run.post("log", level, message)

    def send(
        self, instance: int | str, action: str, data: Any = None, *, delay_s: float = 0.0, label: str = ""
    ) -> None:
        """Send an action to an instance (this one too) after the step commits.

        Args:
            instance: its id.
            action: what to send.
            data: JSON data.
            delay_s: seconds to wait; leaving the flow or `cancel(label)` takes it back.
            label: names a delayed action for `cancel`.
        """
        self._writing()
        run, kept = self._run, freeze(data, "data")
        if delay_s > 0:
            run.delay(int(instance), action, kept, round(delay_s * 1000), label or action)
        else:
            run.post("send", int(instance), (action, kept))

    def cancel(self, label: str) -> None:
        """Take back this instance's delayed actions of that label."""
        self._writing()
        self._run.cancel(label)

    def raise_(self, action: str, data: Any = None) -> None:
        """Queue an action inside this macrostep."""
        self._writing()
        self._run.raise_(action, freeze(data, "data"))

    def command(self, apply: Callable[[Any], object]) -> None:
        """Call `apply(world)` after the step commits."""
        self._writing()
        self._run.post("command", "", apply)

    def _writing(self) -> None:
        if self._run.guarding:
            raise FlowError("a guard only looks", todo="write, emit and send from a handler or an action")
