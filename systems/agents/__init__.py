"""Agents: their tasks, run beside the ticks, each state told of by an event."""

from tickwright.systems.agents.components import AgentTask
from tickwright.systems.agents.handles import AgentContext, AgentHandle
from tickwright.systems.agents.manager import Agents
from tickwright.systems.agents.plugin import AgentsPlugin
from tickwright.systems.agents.records import AgentError, AgentRecord, AgentStatus

__all__ = [
    "AgentContext",
    "AgentError",
    "AgentHandle",
    "AgentRecord",
    "AgentStatus",
    "AgentTask",
    "Agents",
    "AgentsPlugin",
]
