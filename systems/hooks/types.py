"""What subscribers write: priorities, settings, results, handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from tickwright.systems.contracts.events import (
    AgentTaskCompleted,
    AgentTaskStarted,
    CustomEvent,
    HookEvent,
    NoteBeforeDelete,
    NoteBeforeSave,
    NoteDeleted,
    NoteParsed,
    NoteSaved,
    ToolAfter,
    ToolBefore,
    ToolError,
)
from tickwright.systems.contracts.ports import PluginContext

__all__ = ["BatchHandler", "BatchResult", "CoreEvent", "Handler", "HookConfig", "HookResult", "Priority"]

CoreEvent: TypeAlias = (
    NoteBeforeSave
    | NoteSaved
    | NoteBeforeDelete
    | NoteDeleted
    | NoteParsed
    | ToolBefore
    | ToolAfter
    | ToolError
    | AgentTaskStarted
    | AgentTaskCompleted
    | CustomEvent
)


class Priority(IntEnum):
    """Named priorities; any int16 is one, lower runs earlier."""

    FIRST = -100
    EARLY = -50
    NORMAL = 0
    LATE = 50
    LAST = 100


class HookConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one subscription.

    Attributes:
        event: may be left out where the event is given beside it.
        priority: int16, lower runs earlier.
        pattern: a glob over the event's subject (a path or a name).
        once: unsubscribe when first called.
        group: a name to unsubscribe several by.
        desc: shown in reports instead of the handler's own name.
        fail_closed: a raising before-handler cancels; None means only for saves and deletes of notes.
        transient: leave it out of snapshots: what made it is running, and does not come back with a restore.
    """

    event: str = ""
    priority: int = 0
    pattern: str | None = None
    once: bool = False
    group: str | None = None
    desc: str | None = None
    fail_closed: bool | None = None
    transient: bool = False


class HookResult(msgspec.Struct, frozen=True):
    """A handler's answer; None means `go on`.

    Attributes:
        cancel: stop here; only before-handlers may.
        reason: why, for whoever asked.
        payload: merged over the event's fields; only before-handlers may give one.
    """

    cancel: bool = False
    reason: str | None = None
    payload: Mapping[str, Any] | None = None


Handler: TypeAlias = Callable[[Any, PluginContext], "HookResult | Awaitable[None] | None"]
BatchResult: TypeAlias = "HookResult | Exception | None"


@runtime_checkable
class BatchHandler(Protocol):
    """One host of many handlers, such as a plugin's Lua runtime: called once for a whole run of them.

    Consecutive subscriptions (in the one order of priority and sequence) of the same BatchHandler form a run.
    """

    owner: str

    def run(self, event: HookEvent, keys: Sequence[int], /) -> Sequence[BatchResult]:
        """Call the handlers in order, each seeing the changes of those before it.

        Returns one result for each handler called, and stops after the first that cancels or raises (its result is
        the exception): the dispatcher decides whether to go on, and calls again with
        the rest. A released key gives None.
        """
        ...

    def release(self, key: int, /) -> None:
        """Forget a handler whose subscription ended; it is not called again, not even in a run that has begun."""
        ...
