"""`Agents`: agents' tasks, run beside the ticks by anyio, told of by the agent events."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import anyio

from tickwright.ecs_core import ChildOf, Commands, Entity, Task, TaskResult, Tasks, World
from tickwright.ecs_core.entity import Ids
from tickwright.systems.agents.components import AgentTask
from tickwright.systems.agents.handles import AgentContext, AgentHandle
from tickwright.systems.agents.records import AgentError, AgentRecord, AgentStatus
from tickwright.systems.contracts.events import (
    AgentTaskCancelled,
    AgentTaskCompleted,
    AgentTaskFailed,
    AgentTaskStarted,
    AgentTaskTimedOut,
    HookEvent,
    emit,
)
from tickwright.systems.contracts.ports import Pipelines, ToolCaller
from tickwright.systems.contracts.ticks import TickThread

__all__ = ["Agents"]

ENDED_KEPT = 10_000
"""Ended tasks that can still be asked about; the oldest is forgotten first."""


@dataclass(slots=True)
class _Running:
    """What runs for a task: an anyio task, or somebody outside who can be told to stop."""

    task: Task | None = None
    stop: Callable[[], object] | None = None
    children: list[str] = field(default_factory=list)


class Agents:
    """Start, complete and cancel agents' tasks; a resource. Each task is an entity with the component `AgentTask`."""

    def __init__(self, world: World, thread: TickThread) -> None:
        self._world = world
        self._thread = thread
        self._records: dict[str, AgentRecord] = {}
        self._running: dict[str, _Running] = {}
        self._staged = Commands(world)
        world.on_remove(AgentTask, lambda _, ids: self._gone(ids))

    def start(
        self,
        agent_id: str,
        task: Callable[..., Any] | str | None = None,
        *,
        variables: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        parent: str | None = None,
        owner: str = "",
        stop: Callable[[], object] | None = None,
    ) -> AgentHandle:
        """Start a task and tell of it by agent:task_started.

        Args:
            agent_id: whose task it is; the subject of its events.
            task: a callable, plain or async, of no argument or of one AgentContext, which runs beside the ticks and
                must not touch the world; or the id of a pipeline. None for a task that somebody outside completes,
                such as a Lua coroutine.
            variables: of the pipeline.
            timeout_s: seconds until it times out; the world's, for a task that is completed from outside.
            parent: the id of the task this one belongs to.
            owner: the plugin it belongs to; the one that is being built, if not given.
            stop: called when a task that is completed from outside is cancelled or times out.

        Raises:
            AgentError: an empty agent id, a timeout that is not above zero, an unknown parent or one that is over, a
                pipeline where nothing runs pipelines.
        """
        if not agent_id or (timeout_s is not None and timeout_s <= 0):
            raise AgentError("a task needs an agent id, and a timeout above zero if any", where=f"agent {agent_id!r}")
        if parent is not None:
            self._check_running(parent)
        call = self._pipeline(task, variables) if isinstance(task, str) else task
        record = AgentRecord(
            id="",
            agent=agent_id,
            parent=parent or "",
            started_ms=self._world.now(),
            timeout_s=timeout_s,
            owner=owner or self._world.current_owner,
            external=call is None,
        )
        row = _row(record)
        entity = self._staged.spawn(row) if parent is None else self._staged.spawn(row, ChildOf(Entity(int(parent))))
        self.settle()
        record = self._records[str(entity)] = replace(record, id=str(entity))
        running = self._running[record.id] = _Running(stop=stop)
        if parent is not None:
            self._running[parent].children.append(record.id)
        emit(self._world, AgentTaskStarted(agent_id=agent_id, task_id=record.id), owner=record.owner)
        if call is not None:
            running.task = self._run(self._world.resource(Tasks), record, call)
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

    def get(self, task_id: str) -> AgentRecord:
        """Return a task as it stands.

        Raises:
            AgentError: unknown, despawned, or ended so long ago that it is forgotten.
        """
        record = self._records.get(task_id)
        if record is None:
            raise AgentError(f"no agent task {task_id!r}", expected="the id of a started task", task=task_id)
        return record

    def records(self) -> list[AgentRecord]:
        """Return every task that is not forgotten, oldest first."""
        return list(self._records.values())

    def running(self, *, agent_id: str | None = None) -> list[AgentRecord]:
        """Return the running tasks, of one agent or of all, oldest first."""
        records = [self._records[task_id] for task_id in self._running]
        return [record for record in records if agent_id is None or record.agent == agent_id]

    def release(self, owner: str) -> None:
        """Cancel all that an owner started."""
        for record in self.running():
            if record.owner == owner:
                self.cancel(record.id)

    def expire(self) -> None:
        """End the tasks of others whose time is up, by the world's clock; each tick begins with this."""
        self.settle()
        now = self._world.now()
        for record in self.running():
            if record.external and record.timeout_s and now >= record.started_ms + record.timeout_s * 1000:
                self._end(record.id, AgentStatus.TIMED_OUT, error=f"timed out after {record.timeout_s} s")

    def settle(self) -> None:
        """Write to the entities what could not be written inside of a query's loop."""
        if not self._world.iterating:
            self._staged.apply()

    def replace_all(self, records: list[AgentRecord]) -> None:
        """Take the place of everything: the tasks of a restored world. What ran by itself is interrupted, and fails."""
        for running in self._running.values():
            _stop(running)
        self._staged = Commands(self._world)
        self._records = {record.id: record for record in records}
        alive = [record for record in records if record.status is AgentStatus.RUNNING]
        self._running = {record.id: _Running() for record in alive}
        for record in alive:
            if record.parent in self._running:
                self._running[record.parent].children.append(record.id)
        for record in alive:
            if not record.external and record.id in self._running:
                self._end(record.id, AgentStatus.FAILED, error="interrupted: the app was restored while it ran")

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
        self, agent_id: str, task: Callable[..., Any] | str | None, *, timeout_s: float | None, parent: str
    ) -> str:
        """Start a task from within another; return its id."""
        owner = self.get(parent).owner
        return await self._thread.run(
            lambda: self.start(agent_id, task, timeout_s=timeout_s, parent=parent, owner=owner).id
        )

    def __repr__(self) -> str:
        return f"Agents({len(self._running)} running, {len(self._records) - len(self._running)} ended)"

    def _pipeline(self, pipeline_id: str, variables: Mapping[str, Any] | None) -> Callable[[], Any]:
        pipelines = self._world.get_resource(Pipelines)  # type: ignore[type-abstract]
        if pipelines is None:
            raise AgentError(
                f"nothing runs the pipeline {pipeline_id!r}",
                expected="the generation feature",
                todo="add GenerationPlugin",
            )
        return lambda: pipelines.run(pipeline_id, variables)

    def _run(self, tasks: Tasks, record: AgentRecord, task: Callable[..., Any]) -> Task:
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

    def _take(self, record: AgentRecord, result: TaskResult) -> None:
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

    def _end(
        self,
        task_id: str,
        status: AgentStatus,
        *,
        result: Any = None,
        error: str = "",
        gone: frozenset[str] = frozenset(),
    ) -> None:
        """Write a task's end, cancel its children and what still runs for it, and tell of it.

        Args:
            gone: ids whose entities are just being despawned, and are not written to.
        """
        record = self._records.pop(task_id)
        ended = replace(record, status=status, ended_ms=self._world.now(), result=result, error=error)
        self._records[task_id] = ended
        running = self._running.pop(task_id)
        if status in (AgentStatus.CANCELLED, AgentStatus.TIMED_OUT) or running.task is not None:
            _stop(running)
        for child in running.children:
            if child in self._running:
                self._end(child, AgentStatus.CANCELLED, gone=gone)
        emit(self._world, _event_of(ended), owner=record.owner)
        if not gone:
            self._staged.insert(int(task_id), _row(ended))
            self._forget_oldest()
        elif task_id not in gone:  # a child, which may be about to go as well
            self._staged.add(partial(_write_if_alive, entity=int(task_id), row=_row(ended)))
        if not gone:
            self.settle()

    def _forget_oldest(self) -> None:
        if len(self._records) - len(self._running) > ENDED_KEPT:
            oldest = next(each for each in self._records if each not in self._running)
            del self._records[oldest]
            self._staged.despawn(int(oldest))

    def _gone(self, ids: Ids) -> None:
        """Cancel the tasks whose entities are being despawned, and forget them."""
        leaving = [str(each) for each in ids.tolist()]
        gone = frozenset(leaving)
        for task_id in leaving:
            if task_id in self._running:
                self._end(task_id, AgentStatus.CANCELLED, gone=gone)
        for task_id in leaving:
            self._records.pop(task_id, None)

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


def _stop(running: _Running) -> None:
    if running.task is not None:
        running.task.cancel()
    if running.stop is not None:
        running.stop()


def _write_if_alive(world: World, *, entity: int, row: AgentTask) -> None:
    if world.contains(entity):
        world.insert(entity, row)


def _row(record: AgentRecord) -> AgentTask:
    return AgentTask(
        agent=record.agent,
        status=record.status,
        started_ms=record.started_ms,
        ended_ms=record.ended_ms,
        timeout_s=record.timeout_s or 0.0,
        owner=record.owner,
        external=record.external,
    )


def _event_of(task: AgentRecord) -> HookEvent:
    if task.status is AgentStatus.COMPLETED:
        return AgentTaskCompleted(agent_id=task.agent, result=task.result, task_id=task.id)
    if task.status is AgentStatus.FAILED:
        return AgentTaskFailed(agent_id=task.agent, task_id=task.id, error=task.error)
    kind = AgentTaskTimedOut if task.status is AgentStatus.TIMED_OUT else AgentTaskCancelled
    return kind(agent_id=task.agent, task_id=task.id)
