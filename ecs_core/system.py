"""A system: a function, its resolved parameters, what it may touch, and how to call it cheaply."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.access import NO_ACCESS, Access
from tickwright.ecs_core.schedule.errors import SystemParamError

if TYPE_CHECKING:
    from tickwright.ecs_core.params import Param, ParamContext

__all__ = ["Pipe", "System", "pipe", "system_name"]


class Pipe:
    """Two or more systems as one: each gets what the one before returned as its first argument."""

    def __init__(self, *parts: Callable[..., Any]) -> None:
        self.parts = parts
        self.__name__ = self.__qualname__ = " | ".join(system_name(part) for part in parts)

    def __call__(self) -> None:
        """Refuse: a pipe is resolved part by part when it is added to a schedule."""
        raise SystemParamError("a pipe is not called but added", where=repr(self), todo="app.add_systems(..., pipe)")

    def __repr__(self) -> str:
        return f"pipe({self.__name__})"


def pipe(*parts: Callable[..., Any]) -> Pipe:
    """Join systems: `pipe(measure, report)` calls `report(measure(...), ...)`, all other parameters by type.

    Raises:
        SystemParamError: fewer than two parts.
    """
    if len(parts) < 2:
        raise SystemParamError("a pipe needs two systems", where="pipe(...)", expected="pipe(first, second, ...)")
    return Pipe(*parts)


def system_name(fn: Callable[..., Any]) -> str:
    """Return the name people know a system by, without `<locals>`."""
    if isinstance(fn, functools.partial):
        return system_name(fn.func)
    name: str = getattr(fn, "__qualname__", "") or type(fn).__qualname__
    return name.rpartition("<locals>.")[2]


class System:
    """One registered system; `run` is rebuilt whenever what it does per call changes."""

    def __init__(self, fn: Callable[..., Any], context: ParamContext, *, piped: bool = False) -> None:
        self.fn = fn
        self.name = context.system
        self.owner = context.owner
        self.enabled = True
        self.runs = 0
        self.is_async = inspect.iscoroutinefunction(inspect.unwrap(fn)) or inspect.iscoroutinefunction(
            getattr(fn, "__call__", None)  # noqa: B004  # an object whose __call__ is async
        )
        if inspect.isgeneratorfunction(inspect.unwrap(fn)) or inspect.isasyncgenfunction(inspect.unwrap(fn)):
            raise SystemParamError(
                "a generator is no system: its body would never run",
                where=f"system '{self.name}'",
                expected="a function that returns",
                todo="take out `yield`; keep what lasts between runs in a Local",
                system=self.name,
                parameter="",
            )
        self.parts: tuple[System, ...] = ()
        self.piped = piped
        self.context = context
        self.params: tuple[Param, ...] = ()
        found: object = fn
        if isinstance(found, Pipe):
            self.parts = self._resolved(found.parts)
        else:
            self.params = context.resolve(fn, piped=piped, is_async=self.is_async)
        accesses = [param.access for param in self.params] + [part.access for part in self.parts]
        self.access: Access = functools.reduce(Access.union, accesses, NO_ACCESS)
        self.run = self._build()

    def _resolved(self, functions: Sequence[Callable[..., Any]]) -> tuple[System, ...]:
        parts: list[System] = []
        try:
            for place, function in enumerate(functions):
                parts += [System(function, self.context, piped=place > 0)]
        except Exception:
            for part in parts:
                part.detach()
            raise
        return tuple(parts)

    @property
    def all_params(self) -> tuple[Param, ...]:
        """Every parameter, those of piped parts too."""
        return self.params + tuple(param for part in self.parts for param in part.all_params)

    @property
    def stages(self) -> bool:
        """Whether it leaves commands behind that a sync point must apply."""
        return any(param.commands is not None for param in self.all_params)

    def apply(self) -> None:
        """Apply what it staged."""
        for param in self.all_params:
            if param.commands is not None:
                param.commands.apply()

    def rollback(self) -> None:
        """Drop what a failed run staged and sent."""
        for param in self.all_params:
            if param.rollback is not None:
                param.rollback()

    def detach(self) -> None:
        """Stop its readers from holding events back (it is disabled or gone)."""
        for param in self.all_params:
            param.let_go()

    def attach(self) -> None:
        """Let its readers hold events again."""
        for param in self.all_params:
            if param.reader is not None:
                param.reader.attach()

    def rows(self) -> int:
        """Return how many rows its queries match now."""
        return sum(param.query.count() for param in self.all_params if param.query is not None)

    def __repr__(self) -> str:
        return f"System({self.name})"

    def _build(self) -> Callable[..., Any]:
        if self.parts:
            return self._build_pipe()
        if self.is_async:
            return self._build_async()
        call = self._build_call()
        begins = tuple(param.begin for param in self.params if param.begin is not None)
        if not begins:
            return call
        if len(begins) == 1 and not self.piped:
            begin = begins[0]

            def run_one() -> Any:
                begin()
                return call()

            return run_one

        def run(*piped: Any) -> Any:
            for begin in begins:
                begin()
            return call(*piped)

        return run

    def _build_call(self) -> Callable[..., Any]:
        fn = self.fn
        if not self.params:
            return fn
        if self.piped:
            fetches = tuple(param.fetch for param in self.params)
            return lambda value: fn(value, *[fetch() for fetch in fetches])
        if all(param.static for param in self.params):
            return functools.partial(fn, *[param.fetch() for param in self.params])
        fetches = tuple(param.fetch for param in self.params)
        if len(fetches) == 1:
            only = fetches[0]
            return lambda: fn(only())
        if len(fetches) == 2:
            one, two = fetches
            return lambda: fn(one(), two())
        if len(fetches) == 3:
            first, second, third = fetches
            return lambda: fn(first(), second(), third())
        return lambda: fn(*[fetch() for fetch in fetches])

    def _build_pipe(self) -> Callable[[], Any]:
        first, *rest = (part.run for part in self.parts)

        def run() -> Any:
            value = first()
            for part in rest:
                value = part(value)
            return value

        return run

    def _build_async(self) -> Callable[[], None]:
        from tickwright.ecs_core.async_systems import AsyncRun

        return AsyncRun(self).start
