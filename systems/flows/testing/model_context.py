"""What the model gives to handlers and guards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tickwright.systems.contracts.events import RESERVED_PREFIXES
from tickwright.systems.contracts.json import EMPTY, FrozenDict, freeze

if TYPE_CHECKING:
    from tickwright.systems.flows.testing.model import ModelStep

__all__ = ["ModelContext"]


class ModelContext:
    """What the model gives to handlers and guards: the surface of `FlowContext`."""

    def __init__(self, step: ModelStep, subject: str) -> None:
        self._step = step
        self._subject = subject
        self.held: Any = EMPTY
        self.guarding = False

    def current_state(self) -> str:
        """Return the dotted path of the current state."""
        return self._step.structure.current_state(self._step.active)

    def context(self) -> FrozenDict:
        """Return the context."""
        return self._step.context

    def set_context(self, key: str, value: Any) -> None:
        """Write one field."""
        self._changing()
        self._step.context = FrozenDict({**self._step.context, key: freeze(value, f"context.{key}")})

    def subject(self) -> str:
        """Return what the flow is about."""
        return self._subject

    def current_user(self) -> str:
        """Return who sent the action."""
        return self._step.user

    def now(self) -> int:
        """Return the step's time, ms."""
        return self._step.now

    def params(self) -> Any:
        """Return the handler's parameters."""
        return self.held

    def emit(self, event: str, payload: Any = None) -> None:
        """Emit after the commit."""
        prefix, colon, rest = event.partition(":")
        if not (prefix and colon and rest) or prefix in RESERVED_PREFIXES:
            raise ValueError(f"a flow cannot emit {event!r}")
        self._out("emit", event, freeze(payload, "payload"))

    def log(self, level: str, message: str) -> None:
        """Log after the commit."""
        self._step.outbox.append(("log", level, message))

    def matches(self, path: str) -> bool:
        """Return whether a state is active."""
        return path in self._step.active

    def instance(self) -> int:
        """Return the instance's id, -1 while it starts."""
        return self._step.instance

    def send(
        self, instance: int | str, action: str, data: Any = None, *, delay_s: float = 0.0, label: str = ""
    ) -> None:
        """Send after the commit, or later."""
        step, kept = self._step, freeze(data, "data")
        if delay_s <= 0:
            self._out("send", int(instance), (action, kept))
            return
        self._changing()
        number = max((each[1] for each in step.delayed), default=0) + 1
        to = -1 if int(instance) == step.instance else int(instance)
        at = step.now + round(delay_s * 1000)
        step.delayed = (*step.delayed, (at, number, to, action, kept, label or action, step.user))

    def cancel(self, label: str) -> None:
        """Take delayed actions back."""
        self._changing()
        self._step.delayed = tuple(each for each in self._step.delayed if each[5] != label)

    def raise_(self, action: str, data: Any = None) -> None:
        """Queue an action inside the macrostep."""
        self._changing()
        self._step.raised.append((action, freeze(data, "data")))

    def command(self, apply: Callable[[Any], object]) -> None:
        """Change the world after the commit."""
        self._out("command", "", apply)

    def _out(self, kind: str, what: Any, value: Any) -> None:
        self._changing()
        self._step.outbox.append((kind, what, value))

    def _changing(self) -> None:
        if self.guarding:
            raise PermissionError("a guard only looks")
