"""System parameters: resolved once, when a system is added, from its type hints.

`Query[...]`, `Commands`, `Res[T]`, `ResMut[T]` (also `Res[T] | None`), `Local[T]`, `EventReader[T]`,
`EventWriter[T]`, `RemovedComponents[T]`, `World` (exclusive) and, in observers, `On[E]`. A type may resolve
itself by a classmethod `__system_param__(context, name, args) -> Param`.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar

from tickwright.ecs_core.access import NO_ACCESS, Access, Part
from tickwright.ecs_core.component import ComponentError
from tickwright.ecs_core.events import EventReader, EventWriter
from tickwright.ecs_core.schedule.errors import SystemParamError
from tickwright.ecs_core.streams import Streams

if TYPE_CHECKING:
    from tickwright.ecs_core.match import RunTicks
    from tickwright.ecs_core.world import World

__all__ = ["Local", "Param", "ParamContext", "Res", "ResMut"]

T = TypeVar("T")


class _Marker:
    def __init__(self, name: str, *, writes: bool) -> None:
        self.name = name
        self.writes = writes

    def __repr__(self) -> str:
        return self.name


_RES = _Marker("Res", writes=False)
_RES_MUT = _Marker("ResMut", writes=True)

Res: TypeAlias = Annotated[T, _RES]
"""A resource a system reads."""
ResMut: TypeAlias = Annotated[T, _RES_MUT]
"""A resource a system changes."""

_LENDABLE = "Query, Commands, Res, ResMut, Local, EventReader, EventWriter, RemovedComponents, World"


class Local(Generic[T]):
    """A value of a system's own that lasts between its runs: `count: Local[int]`, then `count.value += 1`.

    It begins as `T()`.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Local({self.value!r})"


@dataclass(slots=True, kw_only=True)
class Param:
    """One resolved parameter.

    Attributes:
        fetch: gives the value; called once if `static`, else at every run.
        begin: called before every run.
        rollback: undoes what a failed run left behind.
        local: what of it a snapshot keeps.
    """

    name: str
    fetch: Callable[[], Any]
    access: Access = NO_ACCESS
    static: bool = True
    begin: Callable[[], None] | None = None
    rollback: Callable[[], None] | None = None
    commands: Any = None
    reader: EventReader[Any] | None = None
    query: Any = None
    kind: str = ""
    observed: Any = None
    local: LocalValue | None = None

    def let_go(self) -> None:
        """Hold no events back for this parameter any more."""
        if self.reader is not None:
            self.reader.detach()


@dataclass(frozen=True, slots=True)
class LocalValue:
    """A `Local` with the type it was asked for, which is what a snapshot's value is read as."""

    holder: Local[Any]
    hint: Any
    make: Callable[[], Any]


@dataclass(slots=True)
class ParamContext:
    """What resolving needs: the world, the system's name and owner, and the trigger an observer runs for.

    A system that is not `lasting` runs once: the world does not keep when it did.
    """

    world: World
    system: str
    owner: str = ""
    streams: Streams | None = None
    trigger: Any = None
    rng_key: str = ""
    ticks: RunTicks | None = None
    lasting: bool = True

    def resolve(self, fn: Callable[..., Any], *, piped: bool = False, is_async: bool = False) -> tuple[Param, ...]:
        """Resolve every parameter of `fn` (but the first, if it is `piped` into).

        Raises:
            SystemParamError: a parameter without a type, or of a type no system can ask for.
        """
        names = [each for each in _parameters(fn, self) if each.default is each.empty]
        hints = _hints(fn, self)
        params: list[Param] = []
        try:
            for each in names[1 if piped else 0 :]:
                params.append(self._resolve_one(each.name, hints.get(each.name)))
                if is_async:
                    self._check_async(params[-1])
            self._check_own_conflicts(params)
        except Exception:
            for param in params:
                param.let_go()
            raise
        return tuple(params)

    def _check_async(self, param: Param) -> None:
        kind = param.kind
        if kind == "Res" and any(part.writes for part in param.access.parts):
            kind = "ResMut: it gets a copy"
        if kind not in ("Commands", "EventWriter", "Local", "Res"):
            raise self.error(
                param.name,
                f"an async system cannot hold {kind or 'this'}",
                expected="Commands, EventWriter, Local or Res: what it stages is applied in First",
            )

    def argument(self, parameter: str, what: str, args: tuple[Any, ...]) -> Any:
        """Return the one type that a parameter such as `Local[int]` names.

        Raises:
            SystemParamError: it names none.
        """
        if len(args) != 1 or isinstance(args[0], TypeVar):
            raise self.error(parameter, f"{what} without a type", expected=f"{what}[...] with a type in it")
        return args[0]

    def error(self, parameter: str, what: str, *, expected: str = _LENDABLE, todo: str = "") -> SystemParamError:
        """Return the error for one parameter."""
        return SystemParamError(
            what,
            where=f"system '{self.system}', parameter '{parameter}'",
            expected=expected,
            todo=todo,
            system=self.system,
            parameter=parameter,
        )

    def _check_own_conflicts(self, params: Sequence[Param]) -> None:
        for index, one in enumerate(params):
            for other in params[index + 1 :]:
                if one.access.exclusive or other.access.exclusive or one.kind.startswith("Event"):
                    continue  # one thread, one call: the system itself decides the order
                if found := one.access.conflicts(other.access):
                    raise self.error(
                        other.name,
                        f"it touches {', '.join(found)} like parameter '{one.name}', and one of the two writes",
                        expected="disjoint access",
                        todo="merge the two, or keep them apart by With and Without",
                    )

    def _resolve_one(self, name: str, hint: Any) -> Param:
        if hint is None:
            raise self.error(name, "the parameter has no type")
        optional, hint = _without_none(hint)
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin is Annotated:
            markers = [each for each in hint.__metadata__ if isinstance(each, _Marker)]
            if markers:
                return self._resource(name, args[0], marker=markers[0], optional=optional)
        kind = origin if isinstance(origin, type) else hint
        own = getattr(kind, "__system_param__", None)
        if own is not None:
            try:
                param: Param = own(self, name, args)
            except ComponentError as error:
                raise self.error(name, error.what, expected=error.expected, todo=error.todo) from None
            return param
        resolver = _resolvers().get(kind)
        if resolver is None:
            shown = getattr(kind, "__name__", str(kind))
            raise self.error(name, f"no system can ask for {shown}", todo=f"for a resource write Res[{shown}]")
        return resolver(self, name, hint)

    def _resource(self, name: str, kind: Any, *, marker: _Marker, optional: bool) -> Param:
        kind = self.argument(name, marker.name, (kind,))
        keys = frozenset({("resource", kind)})
        access = Access((Part(writes=keys) if marker.writes else Part(reads=keys),))
        if getattr(kind, "of_each_system", False):  # Rng
            stream = (self.streams or Streams()).stream(self.rng_key or self.system)
            return Param(name=name, fetch=lambda: stream, kind="Res")
        fetch = self.world.resource_getter(kind, optional=optional)
        return Param(name=name, fetch=fetch, access=access, static=False, kind="Res")


def _commands(context: ParamContext, name: str, _hint: Any) -> Param:
    from tickwright.ecs_core.commands import Commands

    commands = Commands(context.world)
    return Param(name=name, fetch=lambda: commands, commands=commands, rollback=commands.clear, kind="Commands")


def _world(context: ParamContext, name: str, _hint: Any) -> Param:
    return Param(name=name, fetch=lambda: context.world, access=Access(exclusive=True), kind="World")


def _reader(context: ParamContext, name: str, hint: Any) -> Param:
    event_type = context.argument(name, "EventReader", typing.get_args(hint))
    reader = context.world.events.register(event_type).reader(f"{context.system}.{name}")
    access = Access((Part(reads=frozenset({("event", event_type)})),))
    return Param(name=name, fetch=lambda: reader, access=access, reader=reader, kind="EventReader")


def _writer(context: ParamContext, name: str, hint: Any) -> Param:
    event_type = context.argument(name, "EventWriter", typing.get_args(hint))
    writer = EventWriter(context.world.events.register(event_type))
    access = Access((Part(writes=frozenset({("event", event_type)})),))
    return Param(
        name=name,
        fetch=lambda: writer,
        access=access,
        begin=writer.begin,
        rollback=writer.rollback,
        kind="EventWriter",
    )


def _local(context: ParamContext, name: str, hint: Any) -> Param:
    kind = context.argument(name, "Local", typing.get_args(hint))
    make = typing.get_origin(kind) or kind
    try:
        local = Local(make())
    except TypeError as error:
        raise context.error(name, f"Local needs a type that can be made without arguments: {error}") from None
    return Param(name=name, fetch=lambda: local, kind="Local", local=LocalValue(local, kind, make))


def _on(context: ParamContext, name: str, hint: Any) -> Param:
    if context.trigger is None:
        raise context.error(name, "On[...] is for observers", todo="register the function by app.observe(...)")
    observed = context.argument(name, "On", typing.get_args(hint))
    return Param(name=name, fetch=lambda: context.trigger, kind="On", observed=observed)


@functools.cache
def _resolvers() -> Mapping[Any, Callable[[ParamContext, str, Any], Param]]:
    """Return the resolver of each parameter type; a function, because the types' modules import this one."""
    from tickwright.ecs_core.commands import Commands
    from tickwright.ecs_core.observers import On
    from tickwright.ecs_core.world import World

    return {
        Commands: _commands,
        World: _world,
        EventReader: _reader,
        EventWriter: _writer,
        Local: _local,
        On: _on,
    }


def _without_none(hint: Any) -> tuple[bool, Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [each for each in typing.get_args(hint) if each is not type(None)]
        if len(rest) == 1:
            return True, rest[0]
    return False, hint


def _parameters(fn: Callable[..., Any], context: ParamContext) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError) as error:
        raise context.error("?", f"not a function: {error}", expected="a function") from None
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            raise context.error(each.name, "*args and **kwargs have no type to resolve", expected="named parameters")
    return parameters


def _hints(fn: Callable[..., Any], context: ParamContext) -> dict[str, Any]:
    inner = fn.func if isinstance(fn, functools.partial) else fn
    target = inner if hasattr(inner, "__code__") or inspect.ismethod(inner) else type(inner).__call__
    target = inspect.unwrap(target)
    try:
        return typing.get_type_hints(target, include_extras=True)
    except NameError:
        pass
    except Exception as error:
        raise context.error("?", f"the type hints cannot be read: {error}") from None
    try:
        return typing.get_type_hints(target, localns=_visible_locals(target), include_extras=True)
    except Exception as error:
        raise context.error(
            "?",
            f"the type hints cannot be read: {error}",
            expected="names visible where the system is added",
            todo="define the types at module level, or import them outside of TYPE_CHECKING",
        ) from None


def _visible_locals(fn: Any) -> dict[str, Any]:
    """Return the local names of every calling frame, nearest last: systems in functions name local types."""
    frames = []
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    names: dict[str, Any] = {}
    for each in reversed(frames):
        if each.f_globals is not each.f_locals and each.f_globals.get("__name__") == fn.__module__:
            names.update(each.f_locals)
    return names
