"""Events that cross features: typed structs, and CustomEvent for everything else.

A feature publishes with `emit(world, event)`; the hooks feature drains the queue and calls the subscribers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import msgspec

if TYPE_CHECKING:
    from tickwright.ecs_core import World

__all__ = [
    "CORE_EVENTS",
    "RESERVED_PREFIXES",
    "AgentTaskCancelled",
    "AgentTaskCompleted",
    "AgentTaskFailed",
    "AgentTaskStarted",
    "AgentTaskTimedOut",
    "CustomEvent",
    "Decided",
    "Emitted",
    "EventTiming",
    "FlowFinished",
    "FlowRejected",
    "FlowStarted",
    "FlowTransitioned",
    "HookEvent",
    "NoteBeforeDelete",
    "NoteBeforeSave",
    "NoteDeleted",
    "NoteParsed",
    "NoteSaved",
    "ParsedBlock",
    "PipelineBeforeStep",
    "PipelineChunk",
    "PipelineFailed",
    "PipelineFinished",
    "PipelineStarted",
    "PipelineStepFinished",
    "ToolAfter",
    "ToolBefore",
    "ToolError",
    "emit",
]

RESERVED_PREFIXES = frozenset({"note", "tool", "agent", "flow", "pipeline"})


class EventTiming(StrEnum):
    """When an event's handlers run: BEFORE may cancel and modify, AFTER only hears of it."""

    BEFORE = "before"
    AFTER = "after"


class HookEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of everything a hook can subscribe to; subclasses give a name, a timing and the field patterns match."""

    event_name: ClassVar[str] = ""
    timing: ClassVar[EventTiming] = EventTiming.AFTER
    subject_field: ClassVar[str] = ""

    @property
    def name_of_event(self) -> str:
        """The name subscribers use, such as `note:saved`."""
        return self.event_name

    @property
    def subject(self) -> str:
        """What a subscription's glob pattern is matched against."""
        return str(getattr(self, self.subject_field)) if self.subject_field else ""


class NoteBeforeSave(HookEvent, frozen=True, kw_only=True, tag="note:before_save"):
    """A note is about to be written."""

    event_name: ClassVar[str] = "note:before_save"
    timing: ClassVar[EventTiming] = EventTiming.BEFORE
    subject_field: ClassVar[str] = "path"
    path: str
    content: str


class NoteSaved(HookEvent, frozen=True, kw_only=True, tag="note:saved"):
    """A note was written."""

    event_name: ClassVar[str] = "note:saved"
    subject_field: ClassVar[str] = "path"
    path: str


class NoteBeforeDelete(HookEvent, frozen=True, kw_only=True, tag="note:before_delete"):
    """A note is about to be deleted."""

    event_name: ClassVar[str] = "note:before_delete"
    timing: ClassVar[EventTiming] = EventTiming.BEFORE
    subject_field: ClassVar[str] = "path"
    path: str


class NoteDeleted(HookEvent, frozen=True, kw_only=True, tag="note:deleted"):
    """A note was deleted."""

    event_name: ClassVar[str] = "note:deleted"
    subject_field: ClassVar[str] = "path"
    path: str


class ParsedBlock(msgspec.Struct, frozen=True):
    """One block of a note's body.

    Attributes:
        kind: `heading`, `paragraph`, `list`, `quote`, `code`, `table`, `rule` or `html`.
        text: its source text.
        line, end_line: first line, and the line after its last, from 1, counted in the whole note.
        level: of a heading, 1 to 6, else 0.
        info: a code block's language, or "".
        id: its `^id`, or "".
    """

    kind: str
    text: str
    line: int
    end_line: int
    level: int = 0
    info: str = ""
    id: str = ""


class NoteParsed(HookEvent, frozen=True, kw_only=True, tag="note:parsed"):
    """A note's text was parsed; `blocks` are its blocks in document order."""

    event_name: ClassVar[str] = "note:parsed"
    subject_field: ClassVar[str] = "path"
    path: str
    blocks: Sequence[ParsedBlock] = ()


class ToolBefore(HookEvent, frozen=True, kw_only=True, tag="tool:before"):
    """A tool is about to run."""

    event_name: ClassVar[str] = "tool:before"
    timing: ClassVar[EventTiming] = EventTiming.BEFORE
    subject_field: ClassVar[str] = "name"
    name: str
    args: Any


class ToolAfter(HookEvent, frozen=True, kw_only=True, tag="tool:after"):
    """A tool returned."""

    event_name: ClassVar[str] = "tool:after"
    subject_field: ClassVar[str] = "name"
    name: str
    result: Any


class ToolError(HookEvent, frozen=True, kw_only=True, tag="tool:error"):
    """A tool raised, or ran out of time."""

    event_name: ClassVar[str] = "tool:error"
    subject_field: ClassVar[str] = "name"
    name: str
    error: str


class AgentTaskStarted(HookEvent, frozen=True, kw_only=True, tag="agent:task_started"):
    """An agent's task began."""

    event_name: ClassVar[str] = "agent:task_started"
    subject_field: ClassVar[str] = "agent_id"
    agent_id: str
    task_id: str


class AgentTaskCompleted(HookEvent, frozen=True, kw_only=True, tag="agent:task_completed"):
    """An agent's task ended with a result."""

    event_name: ClassVar[str] = "agent:task_completed"
    subject_field: ClassVar[str] = "agent_id"
    agent_id: str
    result: Any
    task_id: str = ""


class AgentTaskFailed(HookEvent, frozen=True, kw_only=True, tag="agent:task_failed"):
    """An agent's task raised."""

    event_name: ClassVar[str] = "agent:task_failed"
    subject_field: ClassVar[str] = "agent_id"
    agent_id: str
    task_id: str
    error: str


class AgentTaskTimedOut(HookEvent, frozen=True, kw_only=True, tag="agent:task_timed_out"):
    """An agent's task ran out of time."""

    event_name: ClassVar[str] = "agent:task_timed_out"
    subject_field: ClassVar[str] = "agent_id"
    agent_id: str
    task_id: str


class AgentTaskCancelled(HookEvent, frozen=True, kw_only=True, tag="agent:task_cancelled"):
    """An agent's task was cancelled."""

    event_name: ClassVar[str] = "agent:task_cancelled"
    subject_field: ClassVar[str] = "agent_id"
    agent_id: str
    task_id: str


class FlowStarted(HookEvent, frozen=True, kw_only=True, tag="flow:started"):
    """A flow instance came into being."""

    event_name: ClassVar[str] = "flow:started"
    subject_field: ClassVar[str] = "definition"
    definition: str
    instance: str
    state: str
    subject_: str = msgspec.field(default="", name="subject")


class FlowTransitioned(HookEvent, frozen=True, kw_only=True, tag="flow:transitioned"):
    """A flow instance committed a macrostep."""

    event_name: ClassVar[str] = "flow:transitioned"
    subject_field: ClassVar[str] = "definition"
    definition: str
    instance: str
    from_: str = msgspec.field(name="from")
    to: str
    action: str


class FlowRejected(HookEvent, frozen=True, kw_only=True, tag="flow:rejected"):
    """An action was refused; the instance is as it was."""

    event_name: ClassVar[str] = "flow:rejected"
    subject_field: ClassVar[str] = "definition"
    definition: str
    instance: str
    state: str
    action: str
    result: str
    reason: str = ""


class FlowFinished(HookEvent, frozen=True, kw_only=True, tag="flow:finished"):
    """A flow instance reached a final state."""

    event_name: ClassVar[str] = "flow:finished"
    subject_field: ClassVar[str] = "definition"
    definition: str
    instance: str
    state: str
    output: Any = None


class PipelineStarted(HookEvent, frozen=True, kw_only=True, tag="pipeline:started"):
    """A pipeline run began."""

    event_name: ClassVar[str] = "pipeline:started"
    subject_field: ClassVar[str] = "pipeline"
    pipeline: str
    run: str


class PipelineBeforeStep(HookEvent, frozen=True, kw_only=True, tag="pipeline:before_step"):
    """A step is about to ask its model; a handler may change `prompt` or cancel."""

    event_name: ClassVar[str] = "pipeline:before_step"
    timing: ClassVar[EventTiming] = EventTiming.BEFORE
    subject_field: ClassVar[str] = "pipeline"
    pipeline: str
    run: str
    step: str
    prompt: str
    branch: int = -1


class PipelineStepFinished(HookEvent, frozen=True, kw_only=True, tag="pipeline:step_finished"):
    """A step ended, whatever its status."""

    event_name: ClassVar[str] = "pipeline:step_finished"
    subject_field: ClassVar[str] = "pipeline"
    pipeline: str
    run: str
    step: str
    status: str
    tokens_used: int = 0
    branch: int = -1


class PipelineChunk(HookEvent, frozen=True, kw_only=True, tag="pipeline:chunk"):
    """A piece of a step's text arrived."""

    event_name: ClassVar[str] = "pipeline:chunk"
    subject_field: ClassVar[str] = "pipeline"
    pipeline: str
    run: str
    step: str
    content: str
    is_final: bool = False
    branch: int = -1


class PipelineFinished(HookEvent, frozen=True, kw_only=True, tag="pipeline:finished"):
    """A pipeline run ended with a result."""

    event_name: ClassVar[str] = "pipeline:finished"
    subject_field: ClassVar[str] = "pipeline"
    pipeline: str
    run: str
    final_result: str


class PipelineFailed(HookEvent, frozen=True, kw_only=True, tag="pipeline:failed"):
    """A pipeline run failed or was cancelled."""

    event_name: ClassVar[str] = "pipeline:failed"
    subject_field: ClassVar[str] = "pipeline"
    pipeline: str
    run: str
    error: str


class CustomEvent(HookEvent, frozen=True, kw_only=True, tag="custom"):
    """Any event outside the reserved prefixes, as `prefix:name` with a payload of plain data."""

    event_name: ClassVar[str] = "custom"
    subject_field: ClassVar[str] = "name"
    name: str
    payload: Any = None

    @property
    def name_of_event(self) -> str:
        """The custom event's own name."""
        return self.name


CORE_EVENTS: Mapping[str, type[HookEvent]] = MappingProxyType(
    {
        event.event_name: event
        for event in (
            NoteBeforeSave,
            NoteSaved,
            NoteBeforeDelete,
            NoteDeleted,
            NoteParsed,
            ToolBefore,
            ToolAfter,
            ToolError,
            AgentTaskStarted,
            AgentTaskCompleted,
            AgentTaskFailed,
            AgentTaskTimedOut,
            AgentTaskCancelled,
            FlowStarted,
            FlowTransitioned,
            FlowRejected,
            FlowFinished,
            PipelineStarted,
            PipelineBeforeStep,
            PipelineStepFinished,
            PipelineChunk,
            PipelineFinished,
            PipelineFailed,
            CustomEvent,
        )
    }
)
"""Every event of the engine's own by the name subscribers use; `custom` stands for all the others."""


if TYPE_CHECKING:
    _Event: TypeAlias = HookEvent
else:
    _Event = reduce(or_, CORE_EVENTS.values())  # what a snapshot reads a queued event back as, told by its `type`


class Emitted(msgspec.Struct, frozen=True):
    """One queued hook event, as it waits for the dispatch systems; `owner` is the plugin it came from."""

    event: _Event
    owner: str = ""


class Decided(msgspec.Struct, frozen=True):
    """What the subscribers made of a queued before-event: sent on its own queue, for systems in `UpdateSet.COMMIT`."""

    original: _Event
    event: _Event
    cancelled: bool = False
    reason: str = ""


def emit(world: World, event: HookEvent, *, owner: str = "") -> None:
    """Queue `event` for its subscribers; they hear of it in the next round of the hook sets."""
    world.send(Emitted(event, owner))
