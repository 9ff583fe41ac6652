"""The world: entities, their components, resources and event queues."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.commands import Commands, Delayed
from tickwright.ecs_core.component import ComponentInfo
from tickwright.ecs_core.component_schema import from_schema
from tickwright.ecs_core.entity import Entity, Ids, StaleEntityError, as_ids
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.events import Events
from tickwright.ecs_core.lifecycle import Hook
from tickwright.ecs_core.lookup import Lookup
from tickwright.ecs_core.match import RunTicks
from tickwright.ecs_core.observers import Observers
from tickwright.ecs_core.preparing import Values
from tickwright.ecs_core.relations import ChildOf, Relations
from tickwright.ecs_core.resources import ResourceMissingError, Resources
from tickwright.ecs_core.values import duplicate, instance_columns, not_whole, opened, split_components, whole_count

__all__ = ["ResourceMissingError", "World"]

T = TypeVar("T")
StalePolicy = Literal["warn", "error"]
_LOG = logging.getLogger("tickwright.commands")


class World(Lookup, Resources):
    """One isolated world.

    What it does at once it does between systems, or in exclusive ones (a `World` parameter); systems that run over
    queries stage changes with `Commands`.

    >>> from tickwright import World, component, f32
    >>> @component
    ... class Position:
    ...     x: f32 = 0.0
    >>> world = World()
    >>> ball = world.spawn(Position(1.0))
    >>> world.get(ball, Position).x += 2.0
    >>> world.get(ball, Position)
    Position(x=3.0)
    """

    def __init__(self) -> None:
        Lookup.__init__(self)
        Resources.__init__(self)
        self.events = Events()
        self.observers = Observers(self._parent_of)
        self.relations = Relations(self)
        self.components.fresh = self._met
        self.current_owner = ""
        self._now: Callable[[], int] = lambda: 0
        self._plans: dict[tuple[type[Any], ...], Any] = {}
        self.delayed: list[Delayed] = []
        self.delays = 0
        self.stale_commands = 0
        self.runs: dict[str, RunTicks] = {}
        self.restores = 0
        self.applying = False
        self._stale_policy: StalePolicy = "warn"

    # -- entities ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.entities.alive

    def __repr__(self) -> str:
        return f"World({len(self)} entities, {len(self.tables)} tables)"

    @property
    def stale_policy(self) -> StalePolicy:
        """What staged commands do with ids that are gone: "warn" passes over them, counts and logs, "error" raises."""
        return self._stale_policy

    @stale_policy.setter
    def stale_policy(self, policy: StalePolicy) -> None:
        if policy not in get_args(StalePolicy):
            raise TickwrightError(
                f"no policy {policy!r}", where="world.stale_policy", expected=", ".join(get_args(StalePolicy))
            )
        self._stale_policy = policy

    @property
    def table_count(self) -> int:
        """How many tables there are."""
        return len(self.tables)

    def spawn(self, *components: Any) -> Entity:
        """Make an entity with these components (bundles are opened) and return its id.

        Raises:
            ComponentError: no component, given twice, or values that do not fit; nothing is spawned then.

        Cost: a few microseconds; `spawn_batch` is over a hundred times cheaper per entity.
        """
        self.check_free("spawn")
        entity = self.entities.reserve()
        try:
            self.spawn_reserved(entity, components)
        except Exception:
            self.entities.release_reserved([entity])
            raise
        return Entity(entity)

    def spawn_batch(self, count: int, *components: Any) -> Ids:
        """Make `count` entities; return their ids, uint64 (count,).

        Args:
            count: how many.
            components: `Position.columns(x=xs, y=0.0)` or a list of instances for values that differ, an instance for
                all alike (an object component is then one object that all share).

        Raises:
            ComponentError: a wrong name, shape or type; nothing is spawned then.

        Cost: O(count) copies of columns; benches/bench_engine.py.
        """
        self.check_free("spawn_batch")
        count = whole_count(count)
        values = self.values_of(opened(components, count), count)
        self.missing_required(0, 0, values)
        ids = self.entities.reserve_batch(count)
        try:
            if count:
                self.spawn_rows(ids, values)
        except Exception:
            self.entities.release_reserved(ids.tolist())
            raise
        return ids

    def spawn_reserved(self, entity: int, components: Sequence[Any]) -> None:
        """Give one reserved id its components."""
        kinds = tuple(map(type, components))
        plan = self._plans.get(kinds)
        if plan is None:
            plan = self._spawn_plan(kinds)
        if not plan or self.lifecycle.awaited & plan[0]:
            values = self.values_of(split_components(components), 1)
            self.spawn_rows(np.array([entity], np.uint64), values)
            return
        key, infos = plan
        try:
            rows = [info.encode(self, each) for info, each in zip(infos, components, strict=True)]
        except AttributeError as error:
            raise not_whole(infos, components, error) from None
        table, tick = self.table(key), self.clock.advance()
        row = table.append_one(entity)
        for kind, values_of_row in zip(kinds, rows, strict=True):
            column = table.by_kind[kind]
            for cell, value in zip(column.cells, values_of_row, strict=True):
                cell[row] = value
            column.added.append(row, tick, table.capacity)
            column.changed.append(row, tick, table.capacity)
        self.entities.place_one(entity, table.number, row)
        self.entities.alive += 1

    def _spawn_plan(self, kinds: tuple[type[Any], ...]) -> Any:
        """Return (table key, infos) for components that are all plain columns; () for others."""
        infos: list[ComponentInfo] = []
        for kind in kinds:
            info = kind.__dict__.get("__component__")
            if info is None or info.kind is not kind or info.storage != "table" or info.requires:
                return ()
            infos.append(info)
        numbers = [self.components.usable(kind) for kind in kinds]
        for place, number in enumerate(numbers):
            if number in numbers[:place]:
                raise duplicate(infos[place].name)
        plan = self._plans[kinds] = (sum(1 << number for number in numbers), infos)
        return plan

    def despawn(self, entity: int) -> None:
        """End an entity with all it has.

        Raises:
            StaleEntityError: it is gone already.
        """
        self.despawn_batch(np.array([self._one(entity)], np.uint64))

    def despawn_batch(self, ids: Any) -> None:
        """End entities, uint64 (N,) or any integers.

        Raises:
            StaleEntityError: one is gone already; none is ended then.
        """
        self.check_free("despawn")
        self.despawn_rows(as_ids(ids))

    def contains(self, entity: int) -> bool:
        """Return whether an entity is alive."""
        return self.entities.contains(entity)

    def contains_batch(self, ids: Any) -> NDArray[np.bool_]:
        """Return which entities are alive, bool (N,)."""
        return self.entities.contains_batch(as_ids(ids))

    def all_entities(self) -> Ids:
        """Return every living entity's id, ascending by index, uint64."""
        found = [table.ids[: table.count] for table in self.tables]
        ids = np.concatenate(found) if found else np.empty(0, np.uint64)
        return ids[np.argsort(ids & np.uint64(0xFFFFFFFF))]

    def _one(self, entity: int) -> int:
        if not self.entities.contains(entity):
            raise self.entities.stale(entity)
        return entity

    # -- components ----------------------------------------------------------------------------

    def insert(self, entity: int, *components: Any) -> None:
        """Add components to an entity, or replace those it has.

        Raises:
            StaleEntityError, ComponentError: nothing changes then.
        """
        self.check_free("insert")
        ids = np.array([self._one(entity)], np.uint64)
        self.insert_rows(ids, self.values_of(split_components(components), 1))

    def insert_batch(self, ids: Any, *components: Any) -> None:
        """Add or replace components of distinct entities: columns (N,), a list of N instances, or one for all.

        Raises:
            StaleEntityError, ComponentError: nothing changes then.
        """
        self.check_free("insert_batch")
        found = as_ids(ids)
        self.insert_rows(found, [each.own() for each in self.values_of(opened(components, len(found)), len(found))])

    def remove(self, entity: int, *kinds: type[Any]) -> None:
        """Take components from an entity; those it does not have are passed over.

        Raises:
            StaleEntityError: it is gone.
        """
        self.remove_batch(np.array([self._one(entity)], np.uint64), *kinds)

    def remove_batch(self, ids: Any, *kinds: type[Any]) -> None:
        """Take components from distinct entities.

        Raises:
            StaleEntityError: one is gone; nothing changes then.
        """
        self.check_free("remove")
        self.remove_rows(as_ids(ids), [self.components.removable(kind) for kind in kinds])

    def register(self, name: str, schema: dict[str, Any]) -> type[Any]:
        """Define a component from data: field name -> type name, or {type, default, unit, label, low, high}.

        A component of that name which was defined so before gets the new schema: fields of the same name keep
        their values.

        Raises:
            ComponentError: names or types that cannot be, or a Python class has the name.
        """
        self.check_open("register")
        kind = from_schema(name, schema)
        old = self.components.named(name)
        if old is None:
            self.components.number(kind)
            return kind
        from tickwright.ecs_core.schema_change import change_schema

        return change_schema(self, old, kind)

    def forget_plans(self) -> None:
        """Look components up again at the next spawn."""
        self._plans.clear()

    def component_named(self, name: str) -> type[Any] | None:
        """Return the component of a name, None if there is none."""
        return self.components.named(name)

    def set_if_changed(self, entity: int, *components: Any) -> bool:
        """Insert components unless the entity has equal ones; return whether anything was written."""
        differing = [each for each in components if not self._has_equal(entity, each)]
        if differing:
            self.insert(entity, *differing)
        return bool(differing)

    def _has_equal(self, entity: int, value: Any) -> bool:
        """Return whether an entity has this very value: a table component's as its columns would hold it."""
        found = self.get_or_none(entity, type(value))
        info = self.components.info(type(value))
        if found is None or info.storage != "table":
            return bool(found == value)
        wanted = instance_columns(self, info, value)
        now = instance_columns(self, info, found)
        return all(bool(a == b) for a, b in zip(now, wanted, strict=True))

    # -- relations -----------------------------------------------------------------------------

    def children(self, entity: int) -> tuple[Entity, ...]:
        """Return an entity's children, in the order of coming.

        Raises:
            StaleEntityError: it is gone.
        """
        self._one(entity)
        return self.relations.sources(ChildOf, entity)

    def sources(self, kind: type[Any], target: int) -> tuple[Entity, ...]:
        """Return the entities whose relation points at `target`, in the order of coming.

        Raises:
            StaleEntityError: it is gone.
        """
        self._one(target)
        return self.relations.sources(kind, target)

    def with_dependents(self, ids: Ids) -> Ids:
        """Return the ids with those whose relation ends them with their target."""
        return self.relations.with_dependents(ids)

    def orphan(self, ids: Ids) -> None:
        """Take relations to entities that are about to end from those that stay."""
        self.relations.orphan(ids)

    def ended(self, ids: Ids) -> None:
        """Forget the observers of entities that have ended."""
        self.observers.forget(ids.tolist() if self.observers.has_targets else ())

    def check_values(self, ids: Ids, values: Sequence[Values]) -> None:
        """Raise for relations that cannot be, before anything changes.

        Raises:
            RelationError: a target that is gone, or a circle.
        """
        for each in values:
            if hasattr(each.info.kind, "__relation__"):
                self.relations.check(each.info.kind, ids, each)

    def passes_over_stale(self, stale: StaleEntityError, *, count: int = 1, what: str = "relation") -> bool:
        """Count and log stale ids in commands that pass over them; False if they are to be raised."""
        if not self.applying or self.stale_policy == "error":
            return False
        self.stale_commands += count
        _LOG.warning("%d staged %s(s) ignored: %s", count, what, stale)
        return True

    def misses(self, entity: int, what: str) -> bool:
        """Count and log a stale id in a command; False if it is to be raised."""
        keep, self.applying = self.applying, True
        try:
            return self.passes_over_stale(self.entities.stale(entity), what=what)
        finally:
            self.applying = keep

    def _met(self, info: ComponentInfo) -> None:
        if hasattr(info.kind, "__relation__"):
            self.relations.track(info.kind)

    # -- lifecycle -----------------------------------------------------------------------------

    def on_add(self, kind: type[Any], hook: Hook) -> None:
        """Call `hook(world, ids)` after entities got a component they did not have."""
        self.lifecycle.add(self.components.number(kind), "add", hook, self.current_owner)

    def on_insert(self, kind: type[Any], hook: Hook) -> None:
        """Call `hook(world, ids)` after a component was added or replaced."""
        self.lifecycle.add(self.components.number(kind), "insert", hook, self.current_owner)

    def on_replace(self, kind: type[Any], hook: Hook) -> None:
        """Call `hook(world, ids)` before a component is replaced or goes."""
        self.lifecycle.add(self.components.number(kind), "replace", hook, self.current_owner)

    def on_remove(self, kind: type[Any], hook: Hook) -> None:
        """Call `hook(world, ids)` before a component goes, by removal or despawning."""
        self.lifecycle.add(self.components.number(kind), "remove", hook, self.current_owner)

    def on_despawn(self, kind: type[Any], hook: Hook) -> None:
        """Call `hook(world, ids)` before entities with a component are despawned."""
        self.lifecycle.add(self.components.number(kind), "despawn", hook, self.current_owner)

    # -- events --------------------------------------------------------------------------------

    def send(self, event: object) -> None:
        """Queue one event of its type."""
        self.check_open("send")
        self.events.send(event)

    def insert_resource(self, resource: object, as_type: Any = None, *, persistent: bool = False) -> None:
        """Insert or replace a resource; `persistent` ones are part of snapshots."""
        self.check_open("insert_resource")
        Resources.insert_resource(self, resource, as_type, persistent=persistent)

    def remove_resource(self, kind: Any) -> Any:
        """Take a resource out and return it, None if there is none."""
        self.check_open("remove_resource")
        return Resources.remove_resource(self, kind)

    def trigger(self, event: object, *, entity: Any = None) -> None:
        """Call the observers of an event now.

        Raises:
            StaleEntityError: the entity is gone.
        """
        self.check_open("trigger")
        if entity is not None:
            self._one(entity)
        self.observers.trigger(event, entity=entity)

    def _parent_of(self, entity: Any) -> Any:
        if not self.entities.contains(entity) or not self.has(entity, ChildOf):
            return None
        return self.get(entity, ChildOf).parent

    def now(self) -> int:
        """Return milliseconds since the epoch, constant during a tick."""
        return self._now()

    def set_now(self, now: Callable[[], int]) -> None:
        """Take the time from the app."""
        self._now = now

    # -- ticks and owners ----------------------------------------------------------------------

    def delay(self, delay_s: float, commands: Commands) -> None:
        """Let commands wait for `delay_s` seconds of the world's time."""
        self.delays += 1
        heapq.heappush(self.delayed, Delayed(self.now() + round(delay_s * 1000), self.delays, commands))

    def due(self, now_ms: int) -> Iterator[Commands]:
        """Take out delayed commands whose time has come, in the order of their deadlines, then of staging."""
        while self.delayed and self.delayed[0].due_ms <= now_ms:
            yield heapq.heappop(self.delayed).commands

    def end_tick(self) -> None:
        """Close the tick: removal queues drop what every reader has passed."""
        for queue in self.lifecycle.removed.values():
            queue.rotate()

    @contextmanager
    def owned_by(self, owner: str) -> Iterator[None]:
        """Tag what is registered inside."""
        keep, self.current_owner = self.current_owner, owner
        try:
            yield
        finally:
            self.current_owner = keep

    def release_owner(self, owner: str) -> None:
        """Take out the component hooks of one owner."""
        self.lifecycle.release(owner)
