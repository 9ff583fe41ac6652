"""A Lua system in the schedule: its settings, its query, when it runs and over what."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Callable, Iterator
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core import Added, Changed, Commands, Entity, Mut, Objects, Query, Res, ResMut, Time, With, Without
from tickwright.ecs_core.component import info_of
from tickwright.plugins.lua.columns import Columns, column_of
from tickwright.plugins.lua.context import nearest
from tickwright.plugins.lua.errors import PluginError, PluginValueError
from tickwright.plugins.lua.events import event_table
from tickwright.plugins.lua.features import feature
from tickwright.plugins.lua.schema import table_fields
from tickwright.systems.contracts.sets import UpdateSet

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin
    from tickwright.systems.contracts.events import HookEvent

__all__ = ["LuaSystem", "checked_settings"]

_FUNCTIONS = ("run", "each", "runIf")
_LISTS = ("reads", "writes", "with", "without", "added", "changed")
_SCHEDULES = ("First", "PreUpdate", "Update", "PostUpdate", "Last", "FixedUpdate", "Startup")
_FILTERS: tuple[tuple[str, Any], ...] = (
    ("with", With),
    ("without", Without),
    ("added", Added),
    ("changed", Changed),
)
_EVENTS_KEPT = 10_000


class SystemNamed:
    """A place in a schedule by a system's name; while nobody has the name, it asks for nothing."""

    def __init__(self, asker: LuaSystem, name: str) -> None:
        self._asker = asker
        self._name = name

    def __call__(self) -> None:
        """Do nothing: it stands for a system, and is none."""

    def __eq__(self, other: object) -> bool:
        return getattr(other, "__name__", None) == self._asker.full_name(self._name)

    def __hash__(self) -> int:
        return hash(self._name)


class LuaSystem:
    """One system of a plugin.

    Args:
        plugin: whose it is.
        name: unique in the plugin; in the schedule it is `plugin.name`.
        settings: what ctx:system got, without the functions.
        number: its number in the plugin's runtime.
        handle: the kept Lua function.
        by_rows: the function takes one row at a time.
        condition: a kept function that decides whether it runs.
        component: finds a component type by name; raises for a name that nobody has.
    """

    def __init__(
        self,
        plugin: LoadedPlugin,
        name: str,
        settings: dict[str, Any],
        *,
        number: int,
        handle: int,
        by_rows: bool,
        condition: int | None,
        component: Callable[..., type[Any]],
    ) -> None:
        self.plugin = plugin
        self.name = f"{plugin.name}.{name}"
        self.settings = checked_settings(settings)
        self.handle = handle
        self.function = "run_rows" if by_rows else "run_system"
        self.condition = condition
        self.number = number
        self._component = component
        self.every_s = float(settings.get("every") or 0.0)
        self.events = str(settings.get("events") or "")
        self._waited_s = 0.0
        self._dt = 0.0
        self._heard: deque[Any] = deque(maxlen=_EVENTS_KEPT)
        self._describe()

    # Building ---------------------------------------------------------------------------------------------------

    def _describe(self) -> None:
        """Find the columns and filters; raise PluginValueError for what there is not."""
        named: dict[tuple[str, str], bool] = {}
        for key in ("reads", "writes"):
            for column in self.settings.get(key) or ():
                component, dot, field = str(column).partition(".")
                if not dot:
                    raise PluginValueError(f"'{column}' in `{key}` must be 'Component.field'")
                named[component, field] = named.get((component, field), False) or key == "writes"
        need = {component: "read" for component, _ in named}
        need.update({component: "write" for (component, _), written in named.items() if written})
        kinds = {component: self._component(component, how) for component, how in need.items()}
        columns = [column_of(kinds[name], field, written=written) for (name, field), written in named.items()]
        self.kinds = kinds
        self.written = {component for component, how in need.items() if how == "write"}
        self.filters = [
            (each, self._component(name)) for key, each in _FILTERS for name in self.settings.get(key) or ()
        ]
        self.over_rows = bool(columns or self.filters)
        self.columns = Columns(self.plugin.runtime, self.number, columns)

    @property
    def components(self) -> set[str]:
        """The names of all components it touches."""
        filters = {name for key, _ in _FILTERS for name in self.settings.get(key) or ()}
        return filters.union(self.kinds)

    def add(self) -> Callable[[], None]:
        """Add it to the schedule; return what takes it out."""
        plugin, app = self.plugin, self.plugin.host.app
        self._describe()  # anew: what was staged beside an older version is in force now
        self.columns.declare(self.handle)
        if self.over_rows:
            plugin.warn_of_copies()
        function = self._function()
        unsubscribe = self._subscribe()
        owner = f"{plugin.name}/{self.name}"
        with app.owner(owner):
            app.add_systems(
                self.schedule, function, after=self._order("after"), before=self._order("before"), run_if=self._ready()
            )

        def remove() -> None:
            unsubscribe()
            app.release(owner)

        return remove

    def _subscribe(self) -> Callable[[], object]:
        """Collect the events the system asked for, until its next run."""
        if not self.events:
            return lambda: None

        def heard(event: HookEvent, _: Any) -> None:
            self._heard.append(event_table(event))

        off: Callable[[], object] = self.plugin.host.hooks.on(self.events, heard, owner=self.plugin.name).off
        return off

    @property
    def schedule(self) -> Any:
        """The label of its schedule."""
        return feature("", str(self.settings.get("schedule") or "Update"))

    def _order(self, key: str) -> list[Any]:
        sets = {member.value: member for member in UpdateSet}
        return [sets[name] if name in sets else SystemNamed(self, name) for name in self._names(key)]

    def _names(self, key: str) -> list[str]:
        given = self.settings.get(key) or []
        return [str(name) for name in (given if isinstance(given, list) else [given])]

    def full_name(self, name: str) -> str:
        """Return the full name of a system: the plugin's own go before others."""
        own = f"{self.plugin.name}.{name}"
        return own if any(own == each.name for each in self.plugin.systems) else name

    def check_order(self) -> None:
        """Raise for a place in the schedule that is none, and for a circle.

        Raises:
            PluginValueError: `after` or `before` names no system. ScheduleCycleError: systems wait for each other.
        """
        schedule = self.plugin.host.app.schedule(self.schedule)
        known = {getattr(entry.system.fn, "__name__", "") for entry in schedule.entries}
        known.update(member.value for member in UpdateSet)
        for key in ("after", "before"):
            for name in map(self.full_name, self._names(key)):
                if name not in known:
                    near = difflib.get_close_matches(name, sorted(known), n=1)
                    hint = f"; did you mean '{near[0].removeprefix(self.plugin.name + '.')}'?" if near else ""
                    raise PluginValueError(f"system '{self.name}' is to run {key} '{name}', which there is not{hint}")
        schedule.plan()

    def _function(self) -> Any:
        hints: dict[str, Any] = {"commands": Commands, "host": self._alone, "return": None}

        def run_without_rows(commands: Any, host: Any) -> None:  # noqa: ARG001 (see _alone)
            self.run(None, commands)

        def run_over_rows(rows: Any, commands: Any, host: Any) -> None:  # noqa: ARG001 (see _alone)
            self.run(rows, commands)

        run = run_over_rows if self.over_rows else run_without_rows
        run.__annotations__ = {"rows": self._query(), **hints} if self.over_rows else hints
        run.__name__ = run.__qualname__ = self.name
        return run

    @property
    def _alone(self) -> Any:
        """A claim on the whole host: one Lua system at a time, whatever the executor."""
        wanted: Any = ResMut
        return wanted[type(self.plugin.host)]

    def _query(self) -> Any:
        query: Any = Query
        parts = [self._term(name, kind) for name, kind in self.kinds.items()]
        filters = [each[kind] for each, kind in self.filters]
        data = GenericAlias(tuple, (Entity, *parts))
        return query[(data, *filters)] if filters else query[data]

    def _term(self, name: str, kind: type[Any]) -> Any:
        objects: Any = Objects
        mut: Any = Mut
        term = kind if info_of(kind).storage == "table" else objects[kind]
        return mut[term] if name in self.written else term

    # Snapshots --------------------------------------------------------------------------------------------------

    def progress(self) -> tuple[float, list[Any]]:
        """Return how long it has waited and which events it has heard since its last run."""
        return self._waited_s, list(self._heard)

    def set_progress(self, waited_s: float, heard: list[Any]) -> None:
        """Go on from a snapshot."""
        self._waited_s = waited_s
        self._heard.clear()
        self._heard.extend(heard)

    # Running ----------------------------------------------------------------------------------------------------

    def _ready(self) -> Any:
        """Return the run condition; what it holds back is no run, so `changed` and `added` lose nothing."""

        def ready(host: Any, time: Any) -> bool:  # noqa: ARG001 (see _alone)
            return self.is_due(time.delta_s)

        ready.__annotations__ = {"host": self._alone, "time": Res[Time], "return": bool}
        ready.__qualname__ = f"{self.name} is due"
        return ready

    def is_due(self, delta_s: float) -> bool:
        """Return whether it runs in this tick: `every`, `events` and `runIf` together."""
        plugin = self.plugin
        if plugin.failed or plugin.retired:
            return False
        self._waited_s += delta_s
        if (self.every_s and self._waited_s < self.every_s) or (self.events and not self._heard):
            return False
        self._dt, self._waited_s = (self._waited_s if self.every_s else delta_s), 0.0
        if self.condition is None:
            return True
        try:
            return bool(plugin.runtime.call("call_condition", self.condition, hook=f"runIf of {self.name}")[0])
        except PluginError as error:
            plugin.host.report(error)
            return False

    def run(self, rows: Any, commands: Any) -> None:
        """Run it over every table of the query; an error is reported and ends this run only."""
        host, runtime = self.plugin.host, self.plugin.runtime
        kept, host.commands = host.commands, commands
        hook = f"system {self.name}"
        try:
            if self.events:
                heard = list(self._heard)
                self._heard.clear()
                runtime.call("set_events", self.number, runtime.write(heard), hook=hook)
            if rows is None:
                runtime.call(self.function, self.number, 0, self._dt, hook=hook)
            for ids, views in self._chunks(rows):
                self.columns.run(self.function, ids, views, self._dt, hook=hook)
        except PluginError as error:
            host.report(error)
        finally:
            host.commands = kept

    def _chunks(self, rows: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
        for ids, *views in rows or ():
            if len(ids):
                yield ids, dict(zip(self.kinds, views, strict=True))


def checked_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of ctx:system; raise PluginValueError for what there is not."""
    known = tuple(key for key in table_fields("SystemSettings") if key not in _FUNCTIONS)
    for key in settings:
        if key not in known:
            raise PluginValueError(f"ctx:system has no setting '{key}'{nearest(key, known)}")
    for key in _LISTS:
        if not isinstance(settings.get(key) or [], list):
            raise PluginValueError(f"`{key}` of ctx:system must be a list of names")
    every = settings.get("every") or 0
    if not isinstance(every, int | float) or isinstance(every, bool) or every < 0:
        raise PluginValueError("`every` of ctx:system must be a number of seconds")
    name = str(settings.get("schedule") or "Update")
    if name not in _SCHEDULES:
        raise PluginValueError(f"no schedule '{name}'{nearest(name, _SCHEDULES)}")
    return settings
