"""What holders of a task get: the one who started it, and the callable that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core import Entity
from tickwright.systems.agents.records import AgentStatus

if TYPE_CHECKING:
    from tickwright.systems.agents.manager import Agents

__all__ = ["AgentContext", "AgentHandle"]


@dataclass(frozen=True, slots=True)
class AgentHandle:
    """One started task, as `Agents.start` returns it."""

    id: str
    _agents: Agents

    @property
    def entity(self) -> Entity:
        """The entity that has the component `AgentTask`."""
        return Entity(int(self.id))

    @property
    def status(self) -> AgentStatus:
        """Where the task stands."""
        return self._agents.get(self.id).status

    @property
    def result(self) -> Any:
        """What it returned; None until then."""
        return self._agents.get(self.id).result

    @property
    def error(self) -> str:
        """Why it failed or timed out; empty otherwise."""
        return self._agents.get(self.id).error

    def cancel(self) -> None:
        """Cancel the task and its children."""
        self._agents.cancel(self.id)

    def __repr__(self) -> str:
        return f"AgentHandle({self.id!r}, {self.status.name.lower()})"


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What a task's callable gets when it takes an argument."""

    agent_id: str
    task_id: str
    _agents: Agents

    async def tool(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """Call a tool, past the tool hooks."""
        return await self._agents.call_tool(name, args)

    async def start(
        self, agent_id: str, task: Callable[..., Any] | str | None = None, *, timeout_s: float | None = None
    ) -> str:
        """Start a child task, and return its id; it is cancelled when this one ends first."""
        return await self._agents.start_child(agent_id, task, timeout_s=timeout_s, parent=self.task_id)
