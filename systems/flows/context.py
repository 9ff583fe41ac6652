"""What guards and handlers are given: the flow's context object and the event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tickwright.systems.contracts.json import EMPTY, FrozenDict, freeze
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
        fields = dict(data) if isinstance(data, dict) else {}
        fields |= {"action": action, "user": user, "timestamp": timestamp, "data": data}
        return cls(fields)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class FlowContext:
    """One macrostep as its handlers see it. What they write and send takes effect when the step commits."""

    __slots__ = ("_guarding", "_params", "_run")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._params: Any = EMPTY
        self._guarding = False

    def current_state(self) -> str:
        """Return the dotted path of the current state."""
        return self._run.config.current_state

    def context(self) -> FrozenDict:
        """Return the context, read-only."""
        return self._run.context

    def set_context(self, key: str, value: Any) -> None:
        """Write one field; the value is frozen."""
        self._writing()
        run = self._run
        run.context = FrozenDict({**run.context, key: freeze(value, f"context.{key}")})

    def subject(self) -> str:
        """Return what the flow is about, such as a note's path."""
        return self._run.subject

    def current_user(self) -> str:
        """Return who sent the action."""
        return self._run.user

    def now(self) -> int:
        """Return milliseconds since the epoch."""
        return self._run.now

    def params(self) -> Any:
        """Return the parameters the definition gives to this handler."""
        return self._params

    def emit(self, event: str, payload: Any = None) -> None:
        """Emit a custom event after the step commits."""
        self._writing()
        self._run.outbox.append(("emit", event, freeze(payload, "payload")))

    def log(self, level: str, message: str) -> None:
        """Log after the step commits."""
        self._run.outbox.append(("log", level, message))

    def send(self, instance: int | str, action: str, data: Any = None) -> None:
        """Send an action to an instance (this one too) after the step commits."""
        self._writing()
        self._run.outbox.append(("send", int(instance), (action, freeze(data, "data"))))

    def raise_(self, action: str, data: Any = None) -> None:
        """Queue an action inside this macrostep."""
        self._writing()
        self._run.raised.append((action, freeze(data, "data")))

    def command(self, apply: Callable[[Any], object]) -> None:
        """Call `apply(world)` after the step commits."""
        self._writing()
        self._run.outbox.append(("command", "", apply))

    def _writing(self) -> None:
        if self._guarding:
            raise FlowError("a guard only looks", todo="write, emit and send from a handler or an action")
