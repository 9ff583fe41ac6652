"""What one feature may ask of another without knowing it: protocols kept as resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from tickwright.systems.contracts.events import HookEvent

__all__ = [
    "Dispatcher",
    "Handlers",
    "LinkSource",
    "NoteHit",
    "NoteStore",
    "Outcome",
    "Pipelines",
    "PluginContext",
    "Retriever",
    "ToolCaller",
]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one dispatched event.

    Attributes:
        event: the event after every modification (the original when nobody changed it).
        cancelled: a before-handler said no.
        reason: why, in the canceller's words.
        changed_by: handlers that changed the payload, in order, as `owner/handler`.
        cancelled_by: who cancelled, or empty.
        errors: one line per handler that raised or answered out of turn.
    """

    event: HookEvent
    cancelled: bool = False
    reason: str = ""
    changed_by: tuple[str, ...] = ()
    cancelled_by: str = ""
    errors: tuple[str, ...] = ()

    @property
    def payload(self) -> HookEvent:
        """The event as the last handler left it."""
        return self.event


class Dispatcher(Protocol):
    """Run every subscriber of one event now; the resource `Dispatcher` is provided by the hooks feature."""

    def dispatch_event(self, event: HookEvent, /) -> Outcome:
        """Call the subscribers in (priority, sequence) order and say what became of the event."""
        ...

    def hears(self, event: str, /) -> bool:
        """Return whether anybody subscribed to an event of that name."""
        ...


class PluginContext(Protocol):
    """What a plugin holds: given to its `init(ctx)` and `cleanup(ctx)`, and to its handlers as second argument."""

    @property
    def owner(self) -> str:
        """The plugin's name, which everything registered through this context carries."""
        ...

    def on(self, event: str, handler: Callable[..., Any], config: Any = None, /, **settings: Any) -> str:
        """Subscribe, and return the subscription's id; settings as in `HookConfig`."""
        ...

    def off(self, subscription_id: str, /) -> None:
        """End a subscription; an unknown id does nothing."""
        ...

    def emit(self, event: str, payload: Any = None, /) -> None:
        """Queue a custom event."""
        ...

    def now(self) -> int:
        """Return the world's time, milliseconds since the epoch."""
        ...

    def log(self, level: str, message: str) -> None:
        """Log to `tickwright.plugin.<owner>`; unknown levels are info."""
        ...


@dataclass(frozen=True, slots=True)
class NoteHit:
    """One note a retriever found; `score` is higher for better, `by` says which method found it."""

    path: str
    text: str
    score: float = 0.0
    by: str = ""


class Retriever(Protocol):
    """Find notes by meaning or words."""

    def search(self, text: str, limit: int = 5) -> Sequence[NoteHit]:
        """Return at most `limit` hits, best first."""
        ...


class LinkSource(Retriever, Protocol):
    """What generation's context sources ask of notes; provided as a resource by the notes feature."""

    def recent(self, folder: str | None = None, limit: int = 5) -> Sequence[NoteHit]:
        """Return the notes modified last, newest first."""
        ...

    def linked(self, path: str, depth: int = 1) -> Sequence[NoteHit]:
        """Return the notes within `depth` links of `path`, breadth first."""
        ...


class NoteStore(Protocol):
    """Where notes' texts live: memory by default, a folder on disk with the vault plugin."""

    def paths(self) -> Iterable[str]:
        """Return every note's path, relative, with forward slashes, sorted."""
        ...

    def read(self, path: str) -> bytes:
        """Return the note's bytes, or raise FileNotFoundError."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Replace the note's bytes, whole or not at all."""
        ...

    def delete(self, path: str) -> None:
        """Remove the note."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Move the note; never overwrites."""
        ...

    def stat(self, path: str) -> tuple[int, int]:
        """Return (size in bytes, modified in ms since the epoch)."""
        ...


class ToolCaller(Protocol):
    """Call tools by name; the resource `ToolCaller` is provided by the tools feature."""

    def call(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """Call a tool now, past its hooks, and return its result."""
        ...

    async def call_async(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """Call a tool from async code, past its hooks, and return its result."""
        ...


class Pipelines(Protocol):
    """Run generation pipelines by id; the resource `Pipelines` is provided by the generation feature."""

    async def run(self, pipeline_id: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Run a pipeline to its end and return its result; cancelling the caller cancels the run."""
        ...


@dataclass(slots=True)
class Handlers:
    """Shared handlers by (owner, name); a definition asks for its own plugin's function first."""

    by_owner: dict[str, dict[str, Callable[..., Any]]] = field(default_factory=dict)

    def register(self, owner: str, handlers: Mapping[str, Callable[..., Any]]) -> None:
        """Add or replace `owner`'s handlers."""
        self.by_owner.setdefault(owner, {}).update(handlers)

    def resolve(self, owner: str, name: str) -> Callable[..., Any] | None:
        """Return `owner`'s handler of that name, else a shared one (owner "")."""
        own = self.by_owner.get(owner, {}).get(name)
        return own if own is not None else self.by_owner.get("", {}).get(name)

    def release(self, owner: str) -> None:
        """Forget everything `owner` registered."""
        self.by_owner.pop(owner, None)
