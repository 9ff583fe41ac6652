"""What an action can come to, what a history holds, and what a reader of an instance sees."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

__all__ = [
    "FlowFilter",
    "FlowInstance",
    "GuardFailed",
    "InvalidAction",
    "InvalidState",
    "Success",
    "Transition",
    "TransitionResult",
]


class Success(msgspec.Struct, frozen=True):
    """The action was taken; `new_state` is the current state after the macrostep."""

    new_state: str


class GuardFailed(msgspec.Struct, frozen=True):
    """Transitions for the action exist, and no guard let one through; `failures` lists each (guard, reason)."""

    guard: str
    reason: str
    failures: tuple[tuple[str, str], ...] = ()


class InvalidAction(msgspec.Struct, frozen=True):
    """No active state knows the action."""

    action: str
    current_state: str


class InvalidState(msgspec.Struct, frozen=True):
    """The stored state is absent from the registered definition; `migrate` moves the instance."""

    state: str


TransitionResult: TypeAlias = Success | GuardFailed | InvalidAction | InvalidState


class Transition(msgspec.Struct, frozen=True, rename={"from_": "from"}, omit_defaults=True):
    """One committed macrostep; `exited` and `entered` are kept when the flow is nested."""

    from_: str
    to: str
    action: str
    timestamp: int
    data: Any = None
    revision: int = 0
    user: str = ""
    exited: tuple[str, ...] = ()
    entered: tuple[str, ...] = ()


class FlowInstance(msgspec.Struct, frozen=True):
    """One instance as it was when asked for.

    Times are ms since the epoch. `started_with` is `{context, user, timestamp}`, with which `replay` begins;
    `timers` are (deadline, `after` or delayed action), earliest first.
    """

    id: int
    definition_id: str
    current_state: str
    context: Any
    history: tuple[Transition, ...]
    created_at: int
    updated_at: int
    subject: str
    configuration: tuple[str, ...]
    leaves: tuple[str, ...]
    value: Any
    revision: int
    done: bool
    definition_version: str
    started_with: Any = None
    definition_hash: str = ""
    timers: tuple[tuple[int, str], ...] = ()

    def matches(self, path: str) -> bool:
        """Return whether the state at a dotted path is active."""
        return path in self.configuration


class FlowFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which instances to select; fields left out do not restrict. Times are ms since the epoch."""

    definition: str | None = None
    state: str | None = None
    subject: str | None = None
    done: bool | None = None
    updated_before: int | None = None
    updated_after: int | None = None
