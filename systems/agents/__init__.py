"""Agents: their tasks, run beside the ticks, each state told of by an event."""

from tickwright.systems.agents.manager import AgentContext, AgentHandle, Agents
from tickwright.systems.agents.plugin import AgentsPlugin
from tickwright.systems.agents.records import AgentError, AgentStatus, AgentTask

__all__ = [
    "AgentContext",
    "AgentError",
    "AgentHandle",
    "AgentStatus",
    "AgentTask",
    "Agents",
    "AgentsPlugin",
]
