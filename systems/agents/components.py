"""Agents' tasks as entities."""

from __future__ import annotations

from tickwright.ecs_core import Symbol, component, f64, i64
from tickwright.systems.agents.records import AgentStatus

__all__ = ["AgentTask"]


@component
class AgentTask:
    """One task of one agent; child tasks are `ChildOf` their parent. Despawning a running one cancels it.

    Attributes:
        agent: the agent's id.
        status: where it stands; written by `Agents`.
        started_ms: world time, ms.
        ended_ms: world time, ms; 0 while it runs.
        timeout_s: seconds it may take; 0 for as long as it likes.
        owner: the plugin it belongs to.
        external: somebody outside completes it; nothing runs here.
    """

    agent: Symbol
    status: AgentStatus = AgentStatus.RUNNING
    started_ms: i64 = 0
    ended_ms: i64 = 0
    timeout_s: f64 = 0.0
    owner: Symbol = ""
    external: bool = False
