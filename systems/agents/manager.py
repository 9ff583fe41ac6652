"""`Agents`: agents' tasks, run beside the ticks by anyio, told of by the agent events."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import anyio

from tickwright.ecs_core import Task, TaskResult, Tasks, World
from tickwright.systems.agents.records import AgentError, AgentStatus, AgentTask
from tickwright.systems.contracts.events import (
    AgentTaskCancelled,
    AgentTaskCompleted,
    AgentTaskFailed,
    AgentTaskStarted,
    AgentTaskTimedOut,
    HookEvent,
    emit,
)
from tickwright.systems.contracts.ports import ToolCaller
from tickwright.systems.contracts.ticks import TickThread

__all__ = ["AgentContext", "AgentHandle", "Agents"]

ENDED_KEPT = 10_000
"""Ended tasks that can still be asked about; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class AgentHandle:
    """One started task, as `Agents.start` returns it."""

    id: str
    _agents: Agents

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
        self, agent_id: str, task: Callable[..., Any] | None = None, *, timeout_s: float | None = None
    ) -> str:
        """Start a child task, and return its id; it is cancelled when this one ends first."""
        return await self._agents.start_child(agent_id, task, timeout_s=timeout_s, parent=self.task_id)


class Agents:
    """Start, complete and cancel agents' tasks; a resource."""

    def __init__(self, world: World, thread: TickThread) -> None:
        self._world = world
        self._thread = thread
        self._records: dict[str, AgentTask] = {}
        self._running: dict[str, Task | None] = {}
        self._children: dict[str, list[str]] = {}
        self._started = 0

    def start(
        self,
        agent_id: str,
        task: Callable[..., Any] | None = None,
        *,
        timeout_s: float | None = None,
        parent: str | None = None,
        owner: str = "",
    ) -> AgentHandle:
        """Start a task and tell of it by agent:task_started.

        Args:
            agent_id: whose task it is; the subject of its events.
            task: a callable, plain or async, of no argument or of one AgentContext; a pipeline's run or a Lua
                coroutine is one too. It runs beside the ticks and must not touch the world. None for a task that
                somebody outside completes.
            timeout_s: seconds until it times out.
            parent: the id of the task this one belongs to.
            owner: the plugin it belongs to; the one that is being built, if not given.

        Raises:
            AgentError: an empty agent id, a timeout that is not above zero, an unknown parent or one that is over.
        """
        if not agent_id or (timeout_s is not None and timeout_s <= 0):
            raise AgentError("a task needs an agent id, and a timeout above zero if any", where=f"agent {agent_id!r}")
        if parent is not None:
            self._check_running(parent)
        tasks = self._world.resource(Tasks)
        self._started += 1
        record = AgentTask(
            id=str(self._started),
            agent=agent_id,
            parent=parent or "",
            started_ms=self._world.now(),
            timeout_s=timeout_s,
            owner=owner or self._world.current_owner,
        )
        self._records[record.id] = record
        self._running[record.id] = None
        if parent is not None:
            self._children.setdefault(parent, []).append(record.id)
        emit(self._world, AgentTaskStarted(agent_id=agent_id, task_id=record.id), owner=record.owner)
        if task is not None:
            self._running[record.id] = self._run(tasks, record, task)
        return AgentHandle(record.id, self)

    def complete(self, task_id: str, result: Any = None) -> None:
        """End a task with a result.

        Raises:
            AgentError: unknown, or over.
        """
        self._check_running(task_id)
        self._end(task_id, AgentStatus.COMPLETED, result=result)

    def fail(self, task_id: str, error: str) -> None:
        """End a task as failed.

        Raises:
            AgentError: unknown, or over.
        """
        self._check_running(task_id)
        self._end(task_id, AgentStatus.FAILED, error=error)

    def cancel(self, task_id: str) -> None:
        """Cancel a task and its children; one that is over, or unknown, is left alone."""
        if task_id in self._running:
            self._end(task_id, AgentStatus.CANCELLED)

    def get(self, task_id: str) -> AgentTask:
        """Return a task as it stands.

        Raises:
            AgentError: unknown, or ended so long ago that it is forgotten.
        """
        record = self._records.get(task_id)
        if record is None:
            raise AgentError(f"no agent task {task_id!r}", expected="the id of a started task", task=task_id)
        return record

    def running(self, *, agent_id: str | None = None) -> list[AgentTask]:
        """Return the running tasks, of one agent or of all, oldest first."""
        records = [self._records[task_id] for task_id in self._running]
        return [record for record in records if agent_id is None or record.agent == agent_id]

    def release(self, owner: str) -> None:
        """Cancel all that an owner started."""
        for record in self.running():
            if record.owner == owner:
                self.cancel(record.id)

    async def call_tool(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """Call a tool for a task.

        Raises:
            AgentError: there are no tools here.
        """
        caller = self._world.get_resource(ToolCaller)  # type: ignore[type-abstract]
        if caller is None:
            raise AgentError(f"no tool {name!r}", expected="the tools feature", todo="add ToolsPlugin()")
        return await caller.call_async(name, args)

    async def start_child(
        self, agent_id: str, task: Callable[..., Any] | None, *, timeout_s: float | None, parent: str
    ) -> str:
        """Start a task from within another; return its id."""
        owner = self.get(parent).owner
        return await self._thread.run(
            lambda: self.start(agent_id, task, timeout_s=timeout_s, parent=parent, owner=owner).id
        )

    def __repr__(self) -> str:
        return f"Agents({len(self._running)} running, {self._started} started)"

    def _run(self, tasks: Tasks, record: AgentTask, task: Callable[..., Any]) -> Task:
        context = AgentContext(record.agent, record.id, self)
        call: Callable[[], Any] = partial(task, context) if _takes_context(task) else task

        async def run() -> Any:
            with anyio.move_on_after(record.timeout_s) as scope:
                result = call()
                return await result if inspect.isawaitable(result) else result
            assert scope.cancelled_caught
            raise _OutOfTimeError

        def done(_: World, result: TaskResult) -> None:
            if record.id in self._running:
                self._take(record, result)

        return tasks.start(run, name=f"agent {record.agent} {record.id}", on_done=done)

    def _take(self, record: AgentTask, result: TaskResult) -> None:
        """End a task as its anyio task ended."""
        error = result.error
        if result.cancelled:
            self._end(record.id, AgentStatus.CANCELLED)
        elif isinstance(error, _OutOfTimeError):
            self._end(record.id, AgentStatus.TIMED_OUT, error=f"timed out after {record.timeout_s} s")
        elif error is not None:
            self._end(record.id, AgentStatus.FAILED, error=f"{type(error).__name__}: {error}")
        else:
            self._end(record.id, AgentStatus.COMPLETED, result=result.value)

    def _end(self, task_id: str, status: AgentStatus, *, result: Any = None, error: str = "") -> None:
        """Write a task's end, cancel its children and what still runs for it, and tell of it."""
        record = self._records.pop(task_id)
        ended = replace(record, status=status, ended_ms=self._world.now(), result=result, error=error)
        self._records[task_id] = ended
        task = self._running.pop(task_id)
        if task is not None:
            task.cancel()
        for child in self._children.pop(task_id, ()):
            self.cancel(child)
        emit(self._world, _event_of(ended), owner=record.owner)
        if len(self._records) - len(self._running) > ENDED_KEPT:
            del self._records[next(each for each in self._records if each not in self._running)]

    def _check_running(self, task_id: str) -> None:
        record = self.get(task_id)
        if task_id not in self._running:
            raise AgentError(
                f"agent task {task_id} is over",
                where=record.status.name.lower(),
                expected="a running task",
                task=task_id,
            )


class _OutOfTimeError(Exception):
    """The task's own timeout, so that a TimeoutError raised by its callable is not taken for it."""


def _takes_context(task: Callable[..., Any]) -> bool:
    try:
        signature = inspect.signature(task)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind()
    except TypeError:
        return True
    return False


def _event_of(task: AgentTask) -> HookEvent:
    if task.status is AgentStatus.COMPLETED:
        return AgentTaskCompleted(agent_id=task.agent, result=task.result, task_id=task.id)
    if task.status is AgentStatus.FAILED:
        return AgentTaskFailed(agent_id=task.agent, task_id=task.id, error=task.error)
    kind = AgentTaskTimedOut if task.status is AgentStatus.TIMED_OUT else AgentTaskCancelled
    return kind(agent_id=task.agent, task_id=task.id)
