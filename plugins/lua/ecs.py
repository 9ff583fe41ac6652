"""Components, queries, deferred commands and resources from Lua; systems are in `systems`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core import Time, With, Without
from tickwright.ecs_core.component import info_of
from tickwright.plugins.lua.components import nearest_of
from tickwright.plugins.lua.context import Doors, ignore
from tickwright.plugins.lua.errors import PluginValueError
from tickwright.plugins.lua.systems import LuaSystem
from tickwright.plugins.lua.values import decode_json, text

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin

__all__ = ["WorldDoors"]

_QUERY = ("components", "with", "without", "limit")
_ROWS = 10_000
_EXACT = 2**53
_FEATURES = "tickwright.systems."
# What components of these features show is what these permissions of plugin.toml guard.
_GUARDED = {"notes": "notes", "generation": "generation", "agents": "agents"}


class WorldDoors(Doors):
    """`ctx:component`, `ctx:system`, `ctx:query`, the deferred commands and `ctx:resource`."""

    def __init__(self, plugin: LoadedPlugin) -> None:
        super().__init__(plugin)
        self._staged: dict[str, type[Any]] = {}
        self._resources: dict[str, tuple[int, Any]] = {}

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        return {
            "component": self.component, "enum": self.enum, "system": self.system, "query": self.query,
            "get": self.get, "has": self.has, "spawn": self.spawn, "despawn": self.despawn, "insert": self.insert,
            "remove": self.remove, "resource": self.resource, "set_resource": self.set_resource,
            "symbol_text": self.symbol_text, "symbol_number": self.symbol_number,
            "object_get": self.object_get, "object_set": self.object_set,
        }  # fmt: skip

    # Components -------------------------------------------------------------------------------------------------

    def component(self, name: bytes, schema: bytes) -> None:
        """Define a component; it stays as data when the plugin goes."""
        label, fields, plugin = text(name), decode_json(schema), self.plugin
        if not isinstance(fields, dict):
            raise PluginValueError(f"the schema of '{label}' must be a table of fields")
        components = plugin.host.components
        self._staged[label] = components.check(label, fields, owner=plugin.name)

        def apply() -> Callable[[], None]:
            restore = components.define(label, fields, owner=plugin.name)
            self._staged.pop(label, None)
            if restore is not None:
                plugin.restores.append(restore)
                plugin.host.rebind(label)
            return lambda: components.disown(label)

        plugin.register("component", label, apply)

    def enum(self, column: bytes) -> Any:
        """Return the members of a column's enum, name -> number."""
        name, _, field = text(column).partition(".")
        info = info_of(self._named(name))
        found = info.field(field)
        if found.enum_type is None:
            raise PluginValueError(f"column {name}.{field} is no enum")
        return self.write({member: int(value.value) for member, value in found.enum_type.__members__.items()})

    def _named(self, name: Any, need: str = "read") -> type[Any]:
        if not isinstance(name, str):
            raise PluginValueError(f"a component's name must be a string, not {type(name).__name__}")
        components = self.plugin.host.components
        found = self._staged.get(name) or components.named(name)
        if found is None:
            raise PluginValueError(f"no component '{name}'{nearest_of(name, components.names())}")
        feature = _feature_of(found)
        if feature and need == "write":
            raise PluginValueError(f"the component '{name}' is written by {feature} alone; plugins may read it")
        guard = _GUARDED.get(feature, "")
        if guard and getattr(self.plugin.manifest.permissions, guard) in (False, "none"):
            raise PluginValueError(f"this plugin has no permission to read {name} (permissions.{guard})")
        return found

    # Systems ----------------------------------------------------------------------------------------------------

    def system(self, name: bytes, spec: bytes, run: Any, each: Any, condition: Any) -> None:
        """Add a system; its columns are checked now, its place in the schedule once the plugin is loaded."""
        plugin, label = self.plugin, text(name)
        if any(found.name == f"{plugin.name}.{label}" for found in plugin.systems):
            raise PluginValueError(f"this plugin has a system '{label}' already")
        system = LuaSystem(
            plugin,
            label,
            decode_json(spec) or {},
            number=len(plugin.systems) + 1,
            handle=int(run or each),
            by_rows=run is None,
            condition=None if condition is None else int(condition),
            component=self._named,
        )
        plugin.systems[system] = plugin.register("system", label, system.add)

    def symbol_text(self, number: float) -> bytes:
        """Return the text of a symbol column's number."""
        return str(self.world.symbols.text(int(number))).encode("utf-8", "surrogateescape")

    def symbol_number(self, value: bytes) -> int:
        """Return the number of a text, a new one if it is new."""
        self.plugin.count_text(text(value))
        return int(self.world.symbols.intern(text(value)))

    def _bound(self, number: Any) -> LuaSystem:
        return next(system for system in self.plugin.systems if system.number == number)

    def object_get(self, number: float, column: float, row: float) -> Any:
        """Return a field of an object component of the row at hand."""
        return self.write(self._bound(number).columns.object_field(int(column), int(row)))

    def object_set(self, number: float, column: float, row: float, value: bytes) -> None:
        """Write a field of an object component of the row at hand."""
        self._bound(number).columns.set_object_field(self.world, int(column), int(row), decode_json(value))

    # Queries ----------------------------------------------------------------------------------------------------

    def query(self, spec: bytes) -> Any:
        """Return rows {entity, Component = {...}} of all entities that fit, at most `limit`."""
        options = self.options(spec, "the query", _QUERY)
        names = options.get("components") or []
        if not isinstance(names, list) or not names:
            raise PluginValueError("a query needs components = { ... }")
        kinds = [self._named(name) for name in names]
        both: tuple[tuple[str, Any], ...] = (("with", With), ("without", Without))
        filters = [each[self._named(name)] for key, each in both for name in options.get(key, ())]
        limit = options.get("limit", _ROWS)
        if not isinstance(limit, int) or limit < 0:
            raise PluginValueError("the limit of a query must be a whole number")
        return self.write(self.plugin.host.components.rows(names, kinds, filters, min(limit, _ROWS)))

    def get(self, entity: Any, name: bytes) -> Any:
        """Return one component of an entity, or nil."""
        found = self.world.get_or_none(_entity(entity), self._named(text(name)))
        return None if found is None else self.write(self.plugin.host.components.plain(found))

    def has(self, entity: Any, name: Any) -> bool:
        """Return whether an entity lives, and has a component if one is named."""
        number = _entity(entity)
        if name is None or not self.world.contains(number):
            return bool(self.world.contains(number))
        return bool(self.world.has(number, self._named(text(name))))

    # Commands ---------------------------------------------------------------------------------------------------

    def spawn(self, components: bytes) -> int:
        """Reserve an entity that gets these components after the current system."""
        values = decode_json(components)
        if not isinstance(values, dict):
            raise PluginValueError("ctx:spawn takes a table of component name to fields")
        made = {name: self._make(name, fields) for name, fields in values.items()}
        commands = self._commands()
        ready = [each for name, each in made.items() if name not in self._staged]
        entity = int(commands.spawn(*ready))
        for name in made:
            if name in self._staged:
                self._insert_later(commands, entity, name, values[name])
        return entity

    def despawn(self, entity: Any) -> None:
        """Remove an entity after the current system."""
        number = self._alive(entity)
        self._check_own(number)
        self._commands().despawn(number)

    def insert(self, entity: Any, name: bytes, values: Any) -> None:
        """Add or replace a component after the current system."""
        number, label, plain = self._alive(entity), text(name), decode_json(values) or {}
        made = self._make(label, plain)
        if label in self._staged:
            self._insert_later(self._commands(), number, label, plain)
        else:
            self._commands().insert(number, made)

    def remove(self, entity: Any, name: bytes) -> None:
        """Take a component away after the current system."""
        number, label = self._alive(entity), text(name)
        kind = self._named(label, "write")
        if label not in self._staged:  # of what no older version of the plugin had, there is nothing to take
            self._commands().remove(number, kind)

    def _commands(self) -> Any:
        self.plugin.count_command()
        return self.plugin.host.commands

    def _alive(self, entity: Any) -> int:
        number = _entity(entity)
        if not self.world.contains(number) and not self.world.entities.is_reserved(number):
            raise PluginValueError(f"no entity {number}: it is gone, or never was")
        return number

    def _check_own(self, entity: int) -> None:
        """Refuse what would end something that a feature keeps for somebody else: a subscription, a flow, a run."""
        world = self.world
        if not world.contains(entity):
            return
        table, row = world.entities.find(entity)
        kinds = [world.component_named(name) for name in world.component_names(world.tables[table], row)]
        kept = [kind for kind in kinds if _feature_of(kind)]
        if kept and all(getattr(world.get(entity, kind), "owner", "") != self.plugin.name for kind in kept):
            what = f"it has {info_of(kept[0]).name} and is not this plugin's"
            raise PluginValueError(f"entity {entity} belongs to {_feature_of(kept[0])}: {what}")

    def _make(self, name: str, fields: Any) -> Any:
        kind = self._named(name, "write")
        if not isinstance(fields, dict):
            raise PluginValueError(f"the values of '{name}' must be a table of fields")
        for each in info_of(kind).fields:
            if each.kind == "symbol" and isinstance(fields.get(each.name), str):
                self.plugin.count_text(fields[each.name])
        return self.plugin.host.components.make(kind, fields)

    def _insert_later(self, commands: Any, entity: int, name: str, fields: dict[str, Any]) -> None:
        """Insert a component whose schema comes into force only with this version of the plugin."""
        components = self.plugin.host.components

        def insert(world: Any) -> None:
            kind = components.named(name)
            if kind is not None and world.contains(entity):
                world.insert(entity, components.make(kind, fields))

        commands.add(insert)

    # Resources --------------------------------------------------------------------------------------------------

    def resource(self, name: bytes) -> Any:
        """Return "Time", or a resource that some plugin set."""
        label = text(name)
        if label == "Time":
            time = self.world.resource(Time)
            return self.write(
                {"nowMs": time.now_ms, "deltaS": time.delta_s, "elapsedS": time.elapsed_s, "tick": time.tick}
            )
        if label in self._resources:
            return self.write(self._resources[label][1])
        shared = self.plugin.host.shared
        return self.write(shared[label][1]) if label in shared else None

    def set_resource(self, name: bytes, value: bytes) -> Any:
        """Set a resource of this plugin's; others may read it until the plugin goes."""
        label, plugin = text(name), self.plugin
        owner, _ = plugin.host.shared.get(label, (plugin.name, None))
        if label == "Time" or owner != plugin.name:
            raise PluginValueError(f"the resource '{label}' belongs to {'the engine' if label == 'Time' else owner}")
        others = sum(size for other, (size, _) in self._resources.items() if other != label)
        if others + len(value) > plugin.manifest.limits.memory_mb * 1024 * 1024:
            raise PluginValueError("the plugin's resources hold more than it may (limits.memory_mb)")
        is_new, plain = label not in self._resources, decode_json(value)
        self._resources[label] = (len(value), plain)
        try:
            if is_new:
                plugin.register("resource", label, lambda: self._share(label))
            elif not plugin.registry.staged:
                self._share(label)
        except ValueError:
            del self._resources[label]
            raise
        return self.write(plain)

    def _share(self, label: str) -> Callable[[], None]:
        shared = self.plugin.host.shared
        shared[label] = (self.plugin.name, self._resources[label][1])
        return lambda: ignore(shared.pop(label, None))


def _feature_of(kind: type[Any]) -> str:
    """Return the name of the feature that keeps a component, empty for components of plugins, users and the engine."""
    return kind.__module__.removeprefix(_FEATURES).partition(".")[0] if kind.__module__.startswith(_FEATURES) else ""


def _entity(value: Any) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value or value % 1 != 0:
        raise PluginValueError(f"{value} is no entity")
    number = int(value)
    if not 0 <= number < _EXACT:
        raise PluginValueError(f"{value} is no entity")
    return number
