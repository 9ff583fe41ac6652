"""`Tools`: functions that agents and plugins call by name, watched over by the tool hooks."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from tickwright.ecs_core import World
from tickwright.systems.contracts.events import ToolAfter, ToolBefore, ToolError, emit
from tickwright.systems.contracts.ports import Dispatcher
from tickwright.systems.contracts.schema import (
    Check,
    Schema,
    SchemaError,
    compile_schema,
    json_schema_of,
    signature_schema,
)
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.tools.errors import (
    ToolArgumentsError,
    ToolCancelled,
    ToolDefinitionError,
    ToolRunError,
    ToolTimeoutError,
    UnknownToolError,
)

__all__ = ["Tool", "Tools"]


@dataclass(frozen=True, slots=True)
class Tool:
    """One registered tool.

    Attributes:
        schema: the JSON schema of its arguments.
        timeout_s: seconds a call may take, or None.
        in_thread: a plain function that runs in a worker thread.
        owner: the plugin it belongs to.
    """

    name: str
    fn: Callable[..., Any]
    schema: Mapping[str, Any]
    description: str = ""
    timeout_s: float | None = None
    in_thread: bool = False
    owner: str = ""
    _check: Check = lambda value: value

    @property
    def waits(self) -> bool:
        """Whether a call has to wait, so that it runs as a task."""
        return self.in_thread or _is_async(self.fn)


class Tools:
    """Register and call tools; a resource, also under `ToolCaller`.

    A call passes tool:before (handlers may change the arguments or cancel), then the tool runs, then tool:after or
    tool:error is queued. Without the hooks feature tools are simply called.
    """

    def __init__(self, world: World, thread: TickThread) -> None:
        self._world = world
        self._thread = thread
        self._tools: dict[str, Tool] = {}

    def register(
        self,
        name: str,
        fn: Callable[..., Any],
        schema: Schema | None = None,
        *,
        description: str | None = None,
        timeout_s: float | None = None,
        in_thread: bool = False,
        owner: str = "",
    ) -> Tool:
        """Add a tool, or replace the one its owner registered under this name.

        Args:
            name: unique; the subject of the tool events.
            fn: called with the arguments by name; plain or async.
            schema: of the arguments object: a JSON schema, a struct type, or None for the function's typed signature.
            description: None for the first line of the function's docstring.
            timeout_s: a call that takes longer fails with ToolTimeoutError; a plain function needs `in_thread` for it.
            in_thread: run a plain function in a worker thread; it must not touch the world.
            owner: the plugin this belongs to; the one that is being built, if not given.

        Raises:
            ToolDefinitionError: another owner's name, a timeout that nothing can enforce, or a bad schema.
        """
        owner = owner or self._world.current_owner
        self._check_definition(name, fn, timeout_s=timeout_s, in_thread=in_thread, owner=owner)
        try:
            shape = schema if schema is not None else signature_schema(fn, name="arguments")
            check = compile_schema(shape, where=f"arguments of tool {name!r}")
            described = json_schema_of(shape)
        except (SchemaError, TypeError, ValueError, NameError) as error:
            raise ToolDefinitionError(f"no usable schema: {error}", where=f"tool {name!r}", tool=name) from error
        text = description if description is not None else (inspect.getdoc(fn) or "").partition("\n")[0]
        tool = Tool(name, fn, described, text, timeout_s, in_thread, owner, check)
        self._tools[name] = tool
        return tool

    def unregister(self, name: str) -> None:
        """Remove a tool; an unknown name does nothing."""
        self._tools.pop(name, None)

    def release(self, owner: str) -> None:
        """Remove all of an owner's tools."""
        self._tools = {name: tool for name, tool in self._tools.items() if tool.owner != owner}

    def get(self, name: str) -> Tool:
        """Return a tool.

        Raises:
            UnknownToolError: no such tool; the nearest names are suggested.
        """
        tool = self._tools.get(name)
        if tool is None:
            near = difflib.get_close_matches(name, sorted(self._tools), n=3)
            raise UnknownToolError(
                f"no tool {name!r}", expected=" or ".join(map(repr, near)), tool=name, suggestions=tuple(near)
            )
        return tool

    def registered(self) -> list[Tool]:
        """Return all tools, by name."""
        return [self._tools[name] for name in sorted(self._tools)]

    def call(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """Call a tool now, and return its result; an async one runs to its end in a loop of its own.

        Raises:
            UnknownToolError, ToolArgumentsError, ToolCancelled: see there.
            ToolRunError, ToolTimeoutError: see there; also told as tool:error.
            ToolDefinitionError: an async tool, called where a loop is running already.
        """
        tool = self.get(name)
        given = self._before(tool, args or {})
        if not tool.waits:
            return self._finish(tool, lambda: tool.fn(**given))
        if _loop_is_running():
            raise ToolDefinitionError(
                f"tool {name!r} is async", expected="no running loop", todo="await call_async(...)", tool=name
            )
        return self._finish(tool, lambda: anyio.run(_run, tool, given))

    async def call_async(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """Call a tool from async code, tasks beside the ticks included: the hooks run on the world's thread.

        Raises as `call` does.
        """
        tool = self.get(name)
        given = await self._thread.run(lambda: self._before(tool, args or {}))
        if not tool.waits:
            return await self._thread.run(lambda: self._finish(tool, lambda: tool.fn(**given)))
        try:
            result = await _run(tool, given)
        except Exception as error:
            failed = error
            return await self._thread.run(lambda: self._failed(tool, failed))
        await self._thread.run(lambda: emit(self._world, ToolAfter(name=name, result=result), owner=tool.owner))
        return result

    def _check_definition(
        self, name: str, fn: Callable[..., Any], *, timeout_s: float | None, in_thread: bool, owner: str
    ) -> None:
        where = f"tool {name!r}"
        if not name or not callable(fn):
            raise ToolDefinitionError("a tool needs a name and a function", where=where, tool=name)
        known = self._tools.get(name)
        if known is not None and known.owner != owner:
            raise ToolDefinitionError(
                f"tool {name!r} belongs to {known.owner or 'the host'!r}",
                where=owner,
                todo="choose another name",
                tool=name,
            )
        if in_thread and _is_async(fn):
            raise ToolDefinitionError("an async tool cannot run in a thread", where=where, todo="leave in_thread out")
        if timeout_s is not None and not (timeout_s > 0 and (in_thread or _is_async(fn))):
            raise ToolDefinitionError(
                f"timeout_s={timeout_s} cannot be kept",
                where=where,
                expected="a positive number, for an async function or one with in_thread=True",
                tool=name,
            )

    def _before(self, tool: Tool, args: Mapping[str, Any]) -> dict[str, Any]:
        """Check the arguments, ask the tool:before handlers, check what they changed; return the keyword arguments."""
        checked = self._checked(tool, args)
        dispatcher = self._world.get_resource(Dispatcher)  # type: ignore[type-abstract]
        if dispatcher is None:
            return checked
        asked = ToolBefore(name=tool.name, args=dict(args))
        outcome = dispatcher.dispatch_event(asked)
        if outcome.cancelled:
            raise ToolCancelled(outcome.reason, tool=tool.name, by=outcome.cancelled_by)
        event = outcome.event
        assert isinstance(event, ToolBefore)
        if event.name != tool.name:
            raise ToolArgumentsError(
                f"tool:before changed the tool to {event.name!r}", where=", ".join(outcome.changed_by), tool=tool.name
            )
        return checked if event is asked else self._checked(tool, event.args)

    def _checked(self, tool: Tool, args: Any) -> dict[str, Any]:
        if not isinstance(args, Mapping):
            raise ToolArgumentsError(
                f"arguments are a {type(args).__name__}",
                where=f"tool {tool.name!r}",
                expected="a mapping",
                tool=tool.name,
            )
        try:
            checked = tool._check(args)
        except SchemaError as error:
            raise ToolArgumentsError(error.what, where=error.where, expected=error.expected, tool=tool.name) from None
        if isinstance(checked, msgspec.Struct):
            values = {field: getattr(checked, field) for field in checked.__struct_fields__}
            # what the signature does not name goes to **kwargs unchecked
            return {**args, **{name: value for name, value in values.items() if value is not msgspec.UNSET}}
        return dict(checked)

    def _finish(self, tool: Tool, run: Callable[[], Any]) -> Any:
        try:
            result = run()
        except Exception as error:
            self._failed(tool, error)
        emit(self._world, ToolAfter(name=tool.name, result=result), owner=tool.owner)
        return result

    def _failed(self, tool: Tool, error: Exception) -> None:
        """Tell of a failure, and raise it as a tool's."""
        text = f"{type(error).__name__}: {error}"
        failure: ToolTimeoutError | ToolRunError
        if isinstance(error, _OutOfTimeError):
            text = f"timed out after {tool.timeout_s} s"
            failure = ToolTimeoutError(f"tool {tool.name!r} {text}", tool=tool.name)
        else:
            failure = ToolRunError(f"tool {tool.name!r} raised {text}", where=tool.owner, tool=tool.name)
        emit(self._world, ToolError(name=tool.name, error=text), owner=tool.owner)
        raise failure from error


class _OutOfTimeError(Exception):
    """The engine's own timeout, so that a TimeoutError raised by the tool is not taken for it."""


async def _run(tool: Tool, given: Mapping[str, Any]) -> Any:
    with anyio.move_on_after(tool.timeout_s) as scope:
        if tool.in_thread:
            return await anyio.to_thread.run_sync(lambda: tool.fn(**given), abandon_on_cancel=True)
        result = tool.fn(**given)
        return await result if inspect.isawaitable(result) else result
    assert scope.cancelled_caught
    raise _OutOfTimeError


def _is_async(fn: object) -> bool:
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def _loop_is_running() -> bool:
    try:
        anyio.get_current_task()
    except Exception:
        return False
    return True
