"""Components, queries, deferred commands and resources from Lua; systems are in `systems`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tickwright.plugins.lua.context import Doors
from tickwright.plugins.lua.errors import PluginValueError
from tickwright.plugins.lua.features import feature
from tickwright.plugins.lua.systems import LuaSystem
from tickwright.plugins.lua.values import decode_json, text

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin

__all__ = ["WorldDoors"]

_QUERY = ("components", "with", "without", "limit")
_ROWS = 10_000


class WorldDoors(Doors):
    """`ctx:component`, `ctx:system`, `ctx:query`, the deferred commands and `ctx:resource`."""

    def __init__(self, plugin: LoadedPlugin) -> None:
        super().__init__(plugin)
        self._systems = 0

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        return {
            "component": self.component, "system": self.system, "query": self.query, "get": self.get,
            "spawn": self.spawn, "despawn": self.despawn, "insert": self.insert, "remove": self.remove,
            "resource": self.resource, "set_resource": self.set_resource,
        }  # fmt: skip

    # Components -------------------------------------------------------------------------------------------------

    def component(self, name: bytes, schema: bytes) -> None:
        """Define a component; it stays as data when the plugin goes."""
        label, fields = text(name), decode_json(schema)
        if not isinstance(fields, dict):
            raise PluginValueError(f"the schema of '{label}' must be a table of fields")
        self.plugin.host.components.define(label, fields, owner=self.plugin.name)

    def _named(self, name: str) -> type[Any]:
        found = self.plugin.host.components.named(name)
        if found is None:
            near = difflib.get_close_matches(name, self.plugin.host.components.names(), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise PluginValueError(f"no component '{name}'{hint}")
        return found

    # Systems ----------------------------------------------------------------------------------------------------

    def system(self, name: bytes, spec: bytes, run: Any, each: Any, condition: Any) -> None:
        """Add a system; its columns are checked now, its order when the schedule is built."""
        self._systems += 1
        system = LuaSystem(
            self.plugin,
            text(name),
            decode_json(spec) or {},
            number=self._systems,
            handle=int(run or each),
            by_rows=run is None,
            condition=None if condition is None else int(condition),
            component=self._named,
        )
        self.plugin.register("system", text(name), system.add)

    # Queries ----------------------------------------------------------------------------------------------------

    def query(self, spec: bytes) -> Any:
        """Return rows {entity, Component = {...}} of all entities that fit, at most `limit`."""
        options = self.options(spec, "the query", _QUERY)
        names = options.get("components") or []
        if not names:
            raise PluginValueError("a query needs components = { ... }")
        kinds = [self._named(name) for name in names]
        filters = [feature("", "With")[self._named(name)] for name in options.get("with", ())]
        filters += [feature("", "Without")[self._named(name)] for name in options.get("without", ())]
        limit = min(int(options.get("limit", _ROWS)), _ROWS)
        return self.write(self.plugin.host.components.rows(names, kinds, filters, limit))

    def get(self, entity: Any, name: bytes) -> Any:
        """Return one component of an entity, or nil."""
        kind, number = self._named(text(name)), _entity(entity)
        if not self.world.contains(number) or not self.world.has(number, kind):
            return None
        return self.write(self.plugin.host.components.plain(self.world.get(number, kind)))

    # Commands ---------------------------------------------------------------------------------------------------

    def spawn(self, components: bytes) -> int:
        """Reserve an entity that gets these components after the current system."""
        values = decode_json(components)
        if not isinstance(values, dict):
            raise PluginValueError("ctx:spawn takes a table of component name to fields")
        made = [self._make(name, fields) for name, fields in values.items()]
        return int(self.plugin.host.commands.spawn(*made))

    def despawn(self, entity: Any) -> None:
        """Remove an entity after the current system."""
        self.plugin.host.commands.despawn(_entity(entity))

    def insert(self, entity: Any, name: bytes, values: Any) -> None:
        """Add or replace a component after the current system."""
        self.plugin.host.commands.insert(_entity(entity), self._make(text(name), decode_json(values) or {}))

    def remove(self, entity: Any, name: bytes) -> None:
        """Take a component away after the current system."""
        self.plugin.host.commands.remove(_entity(entity), self._named(text(name)))

    def _make(self, name: str, fields: Any) -> Any:
        kind = self._named(name)
        if not isinstance(fields, dict):
            raise PluginValueError(f"the values of '{name}' must be a table of fields")
        known = list(getattr(kind, "__annotations__", fields))
        for key in fields:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                raise PluginValueError(f"component '{name}' has no field '{key}'{hint}", expected=", ".join(known))
        return kind(**fields)

    # Resources --------------------------------------------------------------------------------------------------

    def resource(self, name: bytes) -> Any:
        """Return "Time", or a resource that some plugin set."""
        label = text(name)
        if label == "Time":
            time = self.world.resource(feature("", "Time"))
            return self.write(
                {"nowMs": time.now_ms, "deltaS": time.delta_s, "elapsedS": time.elapsed_s, "tick": time.tick}
            )
        shared = self.plugin.host.shared
        return self.write(shared[label][1]) if label in shared else None

    def set_resource(self, name: bytes, value: bytes) -> Any:
        """Set a resource of this plugin's; others may read it."""
        label = text(name)
        owner, _ = self.plugin.host.shared.get(label, (self.plugin.name, None))
        if label == "Time" or owner != self.plugin.name:
            raise PluginValueError(f"the resource '{label}' belongs to {'the engine' if label == 'Time' else owner}")
        plain = decode_json(value)
        self.plugin.host.shared[label] = (owner, plain)
        return self.write(plain)


def _entity(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise PluginValueError(f"{value} is no entity")
    number = int(value)
    if not 0 <= number < 2**53:
        raise PluginValueError(f"{value} is no entity")
    return number
