"""`WorldMachine`: random operations on a world and on the model, equal after each."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from tickwright.ecs_core.app import App
from tickwright.ecs_core.clock import ManualClock
from tickwright.ecs_core.commands import Commands
from tickwright.ecs_core.component import Symbol, columns, component, f32, f64, i16
from tickwright.ecs_core.entity import Entity, StaleEntityError
from tickwright.ecs_core.query import Query
from tickwright.ecs_core.removed import RemovedComponents
from tickwright.ecs_core.schedule.labels import Update
from tickwright.ecs_core.storage import ComponentMissingError
from tickwright.ecs_core.terms import Added, Changed, Mut, With, Without
from tickwright.ecs_core.testing.model import ModelWorld
from tickwright.ecs_core.testing.strategies import as_tuple, component_values

__all__ = ["WorldMachine"]


@component
class Place:
    """Fields of one dtype: a block."""

    x: f32 = 0.0
    y: f32 = 0.0


@component
class Mixed:
    """Fields of several dtypes."""

    weight: f64 = 1.0
    count: i16 = 0
    on: bool = False
    name: Symbol = "none"


@component(requires=(Mixed,))
class Needy:
    """Brings another component with it."""

    rank: i16 = 3


@component
class Mark:
    """A dense tag."""


@component(storage="sparse")
class Toggle:
    """A sparse tag."""


@component
class Text:
    """An object component."""

    text: str = ""


KINDS: tuple[type[Any], ...] = (Place, Mixed, Needy, Mark, Toggle, Text)
_VALUES = st.fixed_dictionaries({}, optional={kind: component_values(kind) for kind in KINDS})
_KINDS = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True).map(tuple)


class WorldMachine(RuleBasedStateMachine):
    """Spawn, insert, remove, despawn, write, stage and restore, by single calls and in bulk, against `ModelWorld`.

    Every check reads all entities back through `get`, through queries and through change filters.
    """

    entities: Bundle[int] = Bundle("entities")

    def __init__(self) -> None:
        super().__init__()
        self.app = App(clock=ManualClock())
        self.world = self.app.world
        for kind in KINDS:
            self.world.components.number(kind)
        self.model = ModelWorld({Needy: ((Mixed, Mixed()),)})
        self.seen = dict.fromkeys(KINDS, 0)
        self.news: dict[str, set[int]] = {}
        self.lost: list[tuple[int, type[Any]]] = []
        self.steps = 0
        for kind in KINDS:
            self._watch(kind)

    def _watch(self, kind: type[Any]) -> None:
        def report(added: Query[Any, Any], changed: Query[Any, Any]) -> None:
            self.news[f"added {kind.__name__}"] = set(added.ids().tolist())
            self.news[f"changed {kind.__name__}"] = set(changed.ids().tolist())

        def lose(removed: RemovedComponents[Any]) -> None:
            self.lost += [(entity, kind) for entity in removed.read().tolist()]

        wanted: Any = kind  # the hints are made at run time
        report.__annotations__ = {"added": Query[Entity, Added[wanted]], "changed": Query[Entity, Changed[wanted]]}
        lose.__annotations__ = {"removed": RemovedComponents[wanted]}
        report.__qualname__, lose.__qualname__ = f"report_{kind.__name__}", f"lose_{kind.__name__}"
        self.app.add_systems(Update, report, lose)

    # -- single calls --------------------------------------------------------------------------

    @initialize(target=entities, values=_VALUES)
    def first(self, values: dict[type[Any], Any]) -> Any:
        """Begin with one entity."""
        return self.spawn(values)

    @rule(target=entities, values=_VALUES)
    def spawn(self, values: dict[type[Any], Any]) -> int:
        """Spawn one."""
        entity = self.world.spawn(*values.values())
        self.model.spawn(entity, values)
        return entity

    @rule(entity=entities, values=_VALUES)
    def insert(self, entity: int, values: dict[type[Any], Any]) -> None:
        """Insert into one, which may be gone."""
        if self._refused(entity, lambda: self.world.insert(entity, *values.values())):
            return
        self.model.insert(entity, values)

    @rule(entity=entities, kinds=_KINDS)
    def remove(self, entity: int, kinds: tuple[type[Any], ...]) -> None:
        """Remove from one, which may be gone."""
        if self._refused(entity, lambda: self.world.remove(entity, *kinds)):
            return
        self.model.remove(entity, kinds)

    @rule(entity=consumes(entities))
    def despawn(self, entity: int) -> None:
        """Despawn one for good."""
        if self._refused(entity, lambda: self.world.despawn(entity)):
            return
        self.model.despawn(entity)

    @rule(entity=entities)
    def despawn_but_keep_the_id(self, entity: int) -> None:
        """Despawn one whose id stays in use, stale."""
        if entity in self.model.entities:
            self.world.despawn(entity)
            self.model.despawn(entity)

    @rule(entity=entities, x=st.floats(width=32, allow_nan=False))
    def write_a_handle(self, entity: int, x: float) -> None:
        """Write a field of a handle."""
        place = self.world.get_or_none(entity, Place)
        has = self.model.entities.get(entity, {})
        assert (place is not None) == (Place in has)
        if place is not None:
            place.x = x
            self.model.change(entity, Place, Place(x, has[Place].y))

    def _refused(self, entity: int, call: Any) -> bool:
        """Call, and check that exactly stale ids are refused."""
        if entity in self.model.entities:
            call()
            return False
        before = self.world.digest()
        try:
            call()
        except StaleEntityError:
            assert self.world.digest() == before
            return True
        raise AssertionError(f"a stale id was taken: {entity}")

    # -- bulk ----------------------------------------------------------------------------------

    @rule(target=entities, rows=st.lists(component_values(Place), max_size=5), marked=st.booleans())
    def spawn_batch(self, rows: list[Place], marked: bool) -> Any:  # noqa: FBT001  # drawn by name
        """Spawn several by columns."""
        more = (Mark(),) if marked else ()
        values = columns(Place, x=[row.x for row in rows], y=[row.y for row in rows])
        ids = self.world.spawn_batch(len(rows), values, *more).tolist()
        for entity, row in zip(ids, rows, strict=True):
            self.model.spawn(entity, {Place: row, **{type(each): each for each in more}})
        return multiple(*ids)

    @rule(data=st.data(), value=component_values(Mixed))
    def insert_batch(self, data: st.DataObject, value: Mixed) -> None:
        """Insert a component into several."""
        ids = self._some(data)
        counts = list(range(len(ids)))
        values = columns(Mixed, weight=value.weight, count=counts, on=value.on, name=value.name)
        self.world.insert_batch(ids, values, Toggle())
        for entity, count in zip(ids, counts, strict=True):
            self.model.insert(entity, {Mixed: Mixed(value.weight, count, value.on, value.name), Toggle: Toggle()})

    @rule(data=st.data(), kinds=_KINDS)
    def remove_batch(self, data: st.DataObject, kinds: tuple[type[Any], ...]) -> None:
        """Remove from several."""
        ids = self._some(data)
        self.world.remove_batch(ids, *kinds)
        for entity in ids:
            self.model.remove(entity, kinds)

    @rule(data=st.data())
    def despawn_batch(self, data: st.DataObject) -> None:
        """Despawn several."""
        ids = self._some(data)
        self.world.despawn_batch(ids)
        for entity in ids:
            self.model.despawn(entity)

    @rule(data=st.data())
    def get_batch(self, data: st.DataObject) -> None:
        """Read a component of several, in any order, twice the same too."""
        having = sorted(self.model.matching([Place]))
        ids = data.draw(st.lists(st.sampled_from(having), max_size=8)) if having else []
        found = self.world.get_batch(ids, Place)
        assert found.x.tolist() == [self.model.entities[entity][Place].x for entity in ids]

    def _has_none(self, entity: int, kind: type[Any], error: type[Exception]) -> None:
        try:
            self.world.get(entity, kind)
        except error:
            return
        raise AssertionError(f"entity {entity} gave a {kind.__name__} that it does not have")

    def _some(self, data: st.DataObject) -> list[int]:
        alive = sorted(self.model.entities)
        return data.draw(st.lists(st.sampled_from(alive), unique=True, max_size=8)) if alive else []

    # -- commands ------------------------------------------------------------------------------

    @rule(target=entities, data=st.data())
    def stage(self, data: st.DataObject) -> Any:
        """Stage a mix of operations, with stale ids among them, and apply it."""
        commands, made = Commands(self.world), list[int]()
        known = sorted(self.model.entities) + sorted(self.model.gone)[:3]
        steps: list[tuple[str, int, Any]] = []
        for _ in range(data.draw(st.integers(0, 10))):
            choices = ["spawn"] + (["insert", "remove", "despawn"] if known + made else [])
            step = data.draw(st.sampled_from(choices))
            if step == "spawn":
                values = data.draw(_VALUES)
                made.append(commands.spawn(*values.values()))
                steps.append((step, made[-1], values))
                continue
            entity = data.draw(st.sampled_from(known + made))
            if step == "insert":
                values = data.draw(_VALUES)
                commands.insert(entity, *values.values())
                steps.append((step, entity, values))
            elif step == "remove":
                kinds = data.draw(_KINDS)
                commands.remove(entity, *kinds)
                steps.append((step, entity, kinds))
            else:
                commands.despawn(entity)
                steps.append((step, entity, None))
        commands.apply()
        for step, entity, detail in steps:
            if step == "spawn":
                self.model.spawn(entity, detail)
            elif entity in self.model.entities:
                getattr(self.model, step)(entity, *([] if detail is None else [detail]))
        return multiple(*made)

    @rule(values=_VALUES)
    def drop_what_was_staged(self, values: dict[type[Any], Any]) -> None:
        """Drop staged commands; nothing is left of them."""
        commands = Commands(self.world)
        entity = commands.spawn(*values.values())
        for known in self.model.entities:
            commands.despawn(known)
        commands.clear()
        self.model.gone.add(entity)

    # -- queries and time ----------------------------------------------------------------------

    @rule(step=st.sampled_from([1.0, -2.0]), without=st.sampled_from([Mark, Toggle, Text, Needy]))
    def write_columns(self, step: float, without: type[Any]) -> None:
        """Write a column through a query."""
        for ids, place in self.world.query(Query[tuple[Entity, Mut[Place]], Without[without]]):  # type: ignore[valid-type]
            place.x += step
            for entity in ids.tolist():
                old = self.model.entities[entity][Place]
                self.model.change(entity, Place, Place(float(np.float32(old.x) + np.float32(step)), old.y))

    @invariant()
    def tick(self) -> None:
        """After every other step, run the watching systems once and compare what they saw."""
        self.steps += 1
        if self.steps % 2:
            return
        self.lost.clear()
        self.app.update()
        for kind in KINDS:
            since = self.seen[kind]
            for word, place in (("added", 0), ("changed", 1)):
                newer = {e for (e, k), times in self.model.times.items() if k is kind and times[place] > since}
                assert self.news[f"{word} {kind.__name__}"] == newer
            self.seen[kind] = self.model.now
        assert Counter(self.lost) == Counter(self.model.removed)
        self.model.removed.clear()

    @rule()
    def save_and_restore(self) -> None:
        """Save, restore in place: nothing changes."""
        before = self.world.digest()
        self.app.restore(self.app.snapshot())
        assert self.world.digest() == before

    @invariant()
    def equal(self) -> None:
        """Hold everything that can be asked against the model."""
        assert len(self.world) == len(self.model.entities)
        assert set(self.world.all_entities().tolist()) == set(self.model.entities)
        for entity in self.model.gone:
            assert not self.world.contains(entity)
            self._has_none(entity, Place, StaleEntityError)
        for entity, has in self.model.entities.items():
            for kind in KINDS:
                assert self.world.has(entity, kind) == (kind in has)
                if kind in has:
                    assert as_tuple(self.world.get(entity, kind)) == as_tuple(has[kind])
                else:
                    self._has_none(entity, kind, ComponentMissingError)
        for one, other in ((Place, Mixed), (Place, Toggle), (Text, Mark), (Toggle, Text), (Needy, Place)):
            both = self.world.query(Query[Entity, With[one], With[other]])  # type: ignore[valid-type]
            only = self.world.query(Query[Entity, With[one], Without[other]])  # type: ignore[valid-type]
            assert set(both.ids().tolist()) == self.model.matching([one, other])
            assert set(only.ids().tolist()) == self.model.matching([one], [other])
