"""A Lua system in the schedule: its columns are bound to the world's arrays, table by table."""

from __future__ import annotations

from collections.abc import Callable
from types import GenericAlias
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tickwright.plugins.lua.context import nearest
from tickwright.plugins.lua.errors import PluginError, PluginValueError
from tickwright.plugins.lua.features import feature
from tickwright.systems.contracts.sets import UpdateSet

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin
    from tickwright.systems.contracts.events import HookEvent

__all__ = ["LuaSystem"]

_SETTINGS = (
    "schedule", "after", "before", "reads", "writes", "with", "without", "added", "changed", "events", "every",
    "desc",
)  # fmt: skip
_SCHEDULES = ("First", "PreUpdate", "Update", "PostUpdate", "Last", "FixedUpdate", "Startup")
_DTYPES = frozenset(
    "float32 float64 bool int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()  # noqa: SIM905 (a short table)
)


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
        component: finds a component type by name.
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
        component: Callable[[str], type[Any]],
    ) -> None:
        for key in settings:
            if key not in _SETTINGS:
                raise PluginValueError(f"ctx:system has no setting '{key}'{nearest(key, _SETTINGS)}")
        self.plugin = plugin
        self.name = f"{plugin.name}.{name}"
        self.settings = settings
        self.number = number
        self.handle = handle
        self.function = "run_rows" if by_rows else "run_system"
        self.condition = condition
        self._component = component
        self._waited_s = 0.0
        self.every_s = float(settings.get("every") or 0.0)
        self.events = str(settings.get("events") or "")
        self._heard: list[Any] = []
        self.columns = self._columns()
        self.components = list(dict.fromkeys(component_name for component_name, _, _ in self.columns))

    # Building ---------------------------------------------------------------------------------------------------

    def _columns(self) -> list[tuple[str, str, bool]]:
        """Return (component, field, written) for every column, in the order of naming."""
        found: dict[tuple[str, str], bool] = {}
        for key in ("reads", "writes"):
            for column in self.settings.get(key) or ():
                component, dot, name = str(column).partition(".")
                if not dot:
                    raise PluginValueError(f"'{column}' in `{key}` must be 'Component.field'")
                found[component, name] = found.get((component, name), False) or key == "writes"
        return [(component, name, written) for (component, name), written in found.items()]

    def add(self) -> Callable[[], None]:
        """Add it to the schedule; return what takes it out."""
        plugin, app = self.plugin, self.plugin.host.app
        self._declare()
        function = self._function()
        unsubscribe = self._subscribe()
        owner = f"{plugin.name}/{self.name}"
        with app.owner(owner):
            app.add_systems(self._schedule(), function, after=self._order("after"), before=self._order("before"))

        def remove() -> None:
            unsubscribe()
            app.release(owner)

        return remove

    def _subscribe(self) -> Callable[[], object]:
        """Collect the events the system asked for, until its next run."""
        if not self.events:
            return lambda: None

        def heard(event: HookEvent, _: Any) -> None:
            self._heard.append({"type": event.event_name, **msgspec.to_builtins(event, str_keys=True)})

        off: Callable[[], object] = self.plugin.host.hooks.on(self.events, heard, owner=self.plugin.name).off
        return off

    def _declare(self) -> None:
        runtime = self.plugin.runtime
        runtime.call("system", self.number, self.handle)
        for component, name, written in self.columns:
            dtype = self.plugin.host.components.dtype(self._component(component), name)
            if dtype not in _DTYPES:
                raise PluginValueError(f"column {component}.{name} is a {dtype}; systems take numbers and booleans")
            runtime.call("column", self.number, component.encode(), name.encode(), dtype.encode(), written)
        if self.columns:
            runtime.call("column", self.number, b"", b"entity", b"uint64", False)
        runtime.call("system_ready", self.number)

    def _schedule(self) -> Any:
        name = str(self.settings.get("schedule") or "Update")
        if name not in _SCHEDULES:
            raise PluginValueError(f"no schedule '{name}'{nearest(name, _SCHEDULES)}")
        return feature("", name)

    def _order(self, key: str) -> list[Any]:
        given = self.settings.get(key) or []
        names = given if isinstance(given, list) else [given]
        sets = {member.value: member for member in UpdateSet}
        return [sets.get(str(name), str(name) if "." in str(name) else f"{self.plugin.name}.{name}") for name in names]

    def _function(self) -> Any:
        commands, res, time = feature("", "Commands"), feature("", "Res"), feature("", "Time")
        hints = {"commands": commands, "time": res[time], "return": None}

        def run_without_columns(commands: Any, time: Any) -> None:
            self.run(None, commands, time.delta_s)

        def run_over_rows(rows: Any, commands: Any, time: Any) -> None:
            self.run(rows, commands, time.delta_s)

        run = run_over_rows if self.columns else run_without_columns
        run.__annotations__ = {"rows": self._query(), **hints} if self.columns else hints
        run.__name__ = run.__qualname__ = self.name
        return run

    def _query(self) -> Any:
        written = {component for component, _, is_written in self.columns if is_written}
        mut, entity = feature("", "Mut"), feature("", "Entity")
        parts = [mut[self._component(name)] if name in written else self._component(name) for name in self.components]
        filters = [
            feature("", kind)[self._component(name)]
            for key, kind in (("with", "With"), ("without", "Without"), ("added", "Added"), ("changed", "Changed"))
            for name in self.settings.get(key) or ()
        ]
        data = GenericAlias(tuple, (entity, *parts))
        return feature("", "Query")[(data, *filters)] if filters else feature("", "Query")[data]

    # Running ----------------------------------------------------------------------------------------------------

    def run(self, rows: Any, commands: Any, delta_s: float) -> None:
        """Run it over every table of the query; an error is reported and ends this run only."""
        plugin = self.plugin
        if plugin.failed or plugin.retired:
            return
        self._waited_s += delta_s
        if self.every_s and self._waited_s < self.every_s:
            return
        if self.events and not self._heard:
            return
        dt, self._waited_s = (self._waited_s if self.every_s else delta_s), 0.0
        heard, self._heard = self._heard, []
        host = plugin.host
        kept, host.commands = host.commands, commands
        try:
            if self.condition is None or plugin.runtime.call("call_condition", self.condition, hook=self.name)[0]:
                if self.events:
                    plugin.runtime.call("set_events", self.number, plugin.runtime.write(heard), hook=self.name)
                if rows is None:
                    plugin.runtime.call("run_system", self.number, 0, dt, hook=f"system {self.name}")
                for ids, *views in rows or ():
                    self._run_table(np.asarray(ids), views, dt)
        except PluginError as error:
            host.report(error)
        finally:
            host.commands = kept

    def _run_table(self, ids: Any, views: list[Any], dt: float) -> None:
        count = len(ids)
        if count == 0:
            return
        by_name = dict(zip(self.components, views, strict=True))
        # The arrays stay referenced until the call is over: Lua holds addresses into them.
        arrays = [getattr(by_name[component], name) for component, name, _ in self.columns] + [ids]
        runtime = self.plugin.runtime
        if runtime.engine.ffi:
            sources = [np.ascontiguousarray(array) for array in arrays]
            addresses = [array.__array_interface__["data"][0] for array in sources]
            runtime.call(self.function, self.number, count, dt, *addresses, hook=f"system {self.name}")
            outputs = [source for source, (_, _, written) in zip(sources, self.columns, strict=False) if written]
        else:
            copies = [array.tobytes() for array in arrays]
            answer = runtime.call(self.function, self.number, count, dt, *copies, hook=f"system {self.name}")
            written = [array for array, (_, _, is_written) in zip(arrays, self.columns, strict=False) if is_written]
            outputs = [np.frombuffer(data, array.dtype) for data, array in zip(answer, written, strict=True)]
        targets = [array for array, (_, _, is_written) in zip(arrays, self.columns, strict=False) if is_written]
        for target, output in zip(targets, outputs, strict=True):
            if target is not output:
                target[:] = output
