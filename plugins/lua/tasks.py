"""Coroutines of plugins: started by `ctx:task`, by handlers that wait and by the host, resumed by ticks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.errors import TickwrightError
from tickwright.plugins.lua.context import Doors, optional_text
from tickwright.plugins.lua.errors import PluginError, PluginRuntimeError, PluginValueError
from tickwright.plugins.lua.events import event_table
from tickwright.plugins.lua.values import decode_json, text

if TYPE_CHECKING:
    from tickwright.plugins.lua.host import PluginHost
    from tickwright.plugins.lua.loaded import LoadedPlugin

__all__ = ["LuaTask", "LuaTasks", "TaskDoors"]


@dataclass(slots=True, eq=False)
class LuaTask:
    """One coroutine that waits, or is about to run.

    Attributes:
        due_ms: resume at this world time; None: at the next tick, or when an answer comes.
        ticks: ticks left to wait.
        answer: (ok, value) once there is one.
    """

    plugin: LoadedPlugin
    name: str
    handle: int = 0
    thread: int = 0
    done: Callable[[Any], None] | None = None
    failed: Callable[[PluginError], None] | None = None
    due_ms: float | None = None
    ticks: int | None = None
    answer: tuple[bool, Any] | None = None
    over: bool = False
    release: list[Callable[[], Any]] = field(default_factory=list)


class LuaTasks:
    """All waiting coroutines of a host, in the order in which they were started."""

    def __init__(self, host: PluginHost) -> None:
        self._host = host
        self._tasks: list[LuaTask] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def count(self, plugin: LoadedPlugin) -> int:
        """Return how many coroutines of a plugin wait."""
        return sum(task.plugin is plugin for task in self._tasks)

    def start(
        self, plugin: LoadedPlugin, handle: int, *, name: str, done: Callable[[Any], None] | None = None
    ) -> LuaTask:
        """Run a kept function as a coroutine, from the next tick on.

        Raises:
            PluginValueError: the plugin has as many as it may.
        """
        limit = plugin.manifest.limits.registrations
        if self.count(plugin) >= limit:
            raise PluginValueError(f"a plugin may have {limit} tasks at once (limits.registrations)")
        task = LuaTask(plugin, name, handle=handle, done=done, ticks=1)
        self._tasks.append(task)
        return task

    def adopt(self, task: LuaTask, kind: str, data: tuple[Any, ...]) -> None:
        """Take in a coroutine that waits for `kind`."""
        if task not in self._tasks:
            self._tasks.append(task)
        task.answer = task.ticks = task.due_ms = None
        try:
            self._wait(task, kind, data)
        except Exception as error:  # the coroutine's own mistake: it is raised in the coroutine, where it waits
            task.answer = (False, raised(error))

    def _wait(self, task: LuaTask, kind: str, data: tuple[Any, ...]) -> None:
        if kind == "seconds":
            if not math.isfinite(data[0]):
                raise PluginValueError("the seconds of a wait must be a finite number")
            task.due_ms = self._host.world.now() + max(0.0, float(data[0])) * 1000
        elif kind == "ticks":
            task.ticks = max(1, int(data[0]))
        elif kind == "event":
            self._wait_for_event(task, text(data[0]), optional_text(data[1] if len(data) > 1 else None))
        else:
            self._host.ask(task, kind, data)

    def _wait_for_event(self, task: LuaTask, event: str, pattern: str | None) -> None:
        def heard(event: Any, _: Any) -> None:
            task.answer = (True, event_table(event))

        hooks, owner = self._host.hooks, task.plugin.name
        subscription = hooks.on(event, heard, pattern=pattern, once=True, transient=True, owner=owner)
        task.release.append(subscription.off)

    def advance(self) -> None:
        """Resume what is due; one task's failure never stops another."""
        now = self._host.world.now()
        for task in list(self._tasks):
            if task.over or task.plugin.retired or task.plugin.failed:
                self.cancel(task)
            elif task.answer is not None:
                self._resume(task, *task.answer)
            elif task.ticks is not None:
                task.ticks -= 1
                if task.ticks <= 0:
                    self._resume(task, True, None)
            elif task.due_ms is not None and now >= task.due_ms:
                self._resume(task, True, None)

    def _resume(self, task: LuaTask, ok: bool, value: Any) -> None:  # noqa: FBT001 (mirrors pcall's first value)
        runtime = task.plugin.runtime
        try:
            if task.thread == 0:
                answer = runtime.call("start", task.handle, hook=task.name)
                if not runtime.failed:
                    runtime.release(task.handle)  # the coroutine holds the function from here on
            else:
                written = runtime.write(value) if ok else str(value).encode("utf-8", "replace")
                answer = runtime.call("continue", task.thread, ok, written, hook=task.name)
            self.settle(task, answer)
        except TickwrightError as caught:
            error = caught if isinstance(caught, PluginError) else task.plugin.load_error(str(caught), hook=task.name)
            self._end(task)
            if task.failed is not None:
                task.failed(error)
            else:
                self._host.report(error)

    def settle(self, task: LuaTask, answer: tuple[Any, ...]) -> None:
        """Go on from what a coroutine answered: it is done, waits, or raised.

        Raises:
            PluginRuntimeError: it raised.
        """
        outcome = text(answer[0])
        if outcome == "wait":
            task.thread = int(answer[1])
            self.adopt(task, text(answer[2]), answer[3:])
        elif outcome == "done":
            self._end(task)
            if task.done is not None:
                task.done(task.plugin.runtime.decode(answer[1]) if len(answer) > 1 else None)
        else:
            raise task.plugin.runtime.problem(text(answer[1]), hook=task.name)

    def cancel(self, task: LuaTask) -> None:
        """Drop a coroutine where it waits."""
        self._end(task)
        if task.thread and not task.plugin.failed and not task.plugin.retired:
            task.plugin.runtime.call("drop", task.thread)

    def cancel_all(self, plugin: LoadedPlugin) -> None:
        """Drop all of a plugin's coroutines."""
        for task in [each for each in self._tasks if each.plugin is plugin]:
            self.cancel(task)

    def _end(self, task: LuaTask) -> None:
        task.over = True
        if task in self._tasks:
            self._tasks.remove(task)
        for release in task.release:
            release()
        task.release.clear()


class TaskDoors(Doors):
    """`ctx:task`, and after-handlers that wait."""

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        return {"task_start": self.start, "task_waits": self.waits}

    def start(self, handle: int, name: Any) -> None:
        """Run a kept function as a coroutine from the next tick on."""
        self.plugin.host.tasks.start(self.plugin, int(handle), name=optional_text(name) or "task")

    def waits(self, thread: int, kind: bytes, *data: Any) -> None:
        """Adopt an after-handler's coroutine that waits."""
        task = LuaTask(self.plugin, "after-handler", thread=int(thread))
        self.plugin.host.tasks.adopt(task, text(kind), data)


def raised(error: BaseException) -> str:
    """Return an error as the text that Lua gets."""
    return str(error) if not isinstance(error, PluginRuntimeError) else error.what


def run_variables(data: tuple[Any, ...]) -> tuple[str, Any]:
    """Return (id or prompt, options) of a generation wait."""
    return text(data[0]), decode_json(data[1] if len(data) > 1 else None)
