"""What is known of one agent's task."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["AgentError", "AgentRecord", "AgentStatus"]


class AgentStatus(IntEnum):
    """Where a task stands; every state but RUNNING is an end."""

    RUNNING = 0
    COMPLETED = 1
    FAILED = 2
    TIMED_OUT = 3
    CANCELLED = 4


class AgentError(TickwrightError):
    """A task that cannot be started, or that is unknown or over; `task` is its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """One task of one agent, as it stands; its columns are the entity's component `AgentTask`.

    Attributes:
        id: its id as text, as plugins and JSON see it.
        agent: the agent's id.
        parent: the id of the task it belongs to, or empty.
        started_ms: world time, ms.
        ended_ms: world time, ms; 0 while it runs.
        timeout_s: seconds it may take; None for as long as it likes.
        owner: the plugin it belongs to.
        result: what it returned.
        error: why it failed or timed out.
        external: somebody outside completes it; nothing runs here.
    """

    id: str
    agent: str
    parent: str = ""
    status: AgentStatus = AgentStatus.RUNNING
    started_ms: int = 0
    ended_ms: int = 0
    timeout_s: float | None = None
    owner: str = ""
    result: Any = None
    error: str = ""
    external: bool = False
