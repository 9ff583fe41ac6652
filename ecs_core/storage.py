"""The structural core: where entities' rows are, and how they come, move and go. Everything here is all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.entity import Ids, StaleEntityError, label
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.guard import Guard
from tickwright.ecs_core.lifecycle import COMING, Lifecycle, Moment
from tickwright.ecs_core.preparing import Values
from tickwright.ecs_core.table import Table
from tickwright.ecs_core.tables import Rows
from tickwright.ecs_core.ticks import ChangeClock
from tickwright.ecs_core.writing import Writing, bits_of

__all__ = ["ComponentMissingError", "Storage"]

_REPLACING: tuple[Moment, ...] = ("replace", "leave")
_ENDING: tuple[Moment, ...] = ("despawn", "replace", "remove")
Group = tuple[Table, Rows, Rows]
InsertPlan = tuple[Table, Rows, Rows, "list[Values]"]


class ComponentMissingError(TickwrightError):
    """An entity that has no such component."""

    entity: int
    component: str


class Storage(Writing, Guard):
    """Entities, tables and objects of one world."""

    def __init__(self) -> None:
        Writing.__init__(self)
        Guard.__init__(self)
        self.clock = ChangeClock()
        self.lifecycle = Lifecycle()

    # -- coming --------------------------------------------------------------------------------

    def spawn_rows(self, ids: Ids, values: Sequence[Values]) -> None:
        """Give reserved ids their first row; if a hook fails then, none of them is left."""
        given = bits_of(values)
        values = [*values, *self.missing_required(0, given, values)]
        awaited = self.lifecycle.awaited & bits_of(values)
        if awaited:
            self.check_values(ids, values)
        dense = bits_of(each for each in values if each.info.is_dense)
        table = self.table(dense, room=len(ids))
        tick = self.clock.advance()
        start = table.append(ids)
        self.entities.place(ids, table.number, start)
        self.entities.alive += len(ids)
        rows = slice(start, start + len(ids))
        for each in values:
            self._write_new(table, each, rows, slice(None), ids, tick)
        if not awaited:
            return
        fresh, stamp = {each.number: ids for each in values}, self.stamp.value
        try:
            for moment in COMING:
                self._announce(fresh, moment, since=stamp)
        except Exception:
            self._take_back(ids)
            raise

    def _take_back(self, ids: Ids) -> None:
        """End entities after whose coming a hook failed: nobody learns their ids, and hooks heard of them in part."""
        try:
            self.despawn_rows(ids[self.entities.contains_batch(ids)])
        except Exception:  # from a hook, too; the first error is the one to tell
            self.despawn_rows(ids[self.entities.contains_batch(ids)], told=False)

    def insert_rows(self, ids: Ids, values: Sequence[Values]) -> None:
        """Add or replace components of living entities."""
        if not len(ids):
            return
        plans = self._insert_plans(ids, values)
        watched = self.lifecycle.watched
        if watched and watched & bits_of(each for plan in plans for each in plan[3]):
            self._insert_watched(ids, values, plans)
        else:
            self._insert_plain(ids, plans)

    def _insert_plans(self, ids: Ids, values: Sequence[Values]) -> list[InsertPlan]:
        """Return (table, rows, positions, values with the missing required ones) for each table."""
        given = bits_of(values)
        return [
            (*group, [*values, *self.missing_required(self._key(group[0], group[1]), given, values)])
            for group in self.groups(ids)
        ]

    def _insert_plain(self, ids: Ids, plans: list[InsertPlan]) -> None:
        tick = self.clock.advance()
        for table, rows, positions, wanted in plans:
            self._insert_group(table, rows, positions, ids[positions], wanted, tick)

    def _insert_watched(self, ids: Ids, values: Sequence[Values], plans: list[InsertPlan]) -> None:
        """Insert with hooks: "replace" before anything is written, "add" and "insert" when all is there."""
        self.check_values(ids, values)
        given: dict[int, NDArray[np.bool_]] = {}
        had: dict[int, NDArray[np.bool_]] = {}
        for table, rows, positions, wanted in plans:
            for each in wanted:
                for masks in (given, had):
                    masks.setdefault(each.number, np.zeros(len(ids), np.bool_))
                has = self._rows_with(table, rows, each.number)
                given[each.number][positions] = ~has if each.required else True
                had[each.number][positions] = has & (not each.required)
        replaced, stamp = {number: ids[mask] for number, mask in had.items()}, self.stamp.value
        for moment in _REPLACING:
            shifts = self.shifts
            self._announce(replaced, moment, since=stamp)
            if self.shifts != shifts:  # a hook moved rows
                plans = self._insert_plans(ids, values)
        self._insert_plain(ids, plans)
        stamp = self.stamp.value
        written = {number: ids[mask] for number, mask in given.items()}
        added = {number: ids[mask & ~had[number]] for number, mask in given.items()}
        for moment in COMING:
            self._announce(added if moment == "add" else written, moment, since=stamp)

    def check_values(self, ids: Ids, values: Sequence[Values]) -> None:
        """Raise for values that cannot be, before anything changes; worlds check relations here."""

    def _announce(self, those: Mapping[int, Ids], moment: Moment, *, since: int) -> None:
        """Call the hooks of components, by number, for these ids; not for those from which a hook took it since."""
        for number, ids in those.items():
            if self.lifecycle.hears(number, moment) and len(ids):
                having = ids if self.stamp.value == since else self._having(ids, number)
                self.lifecycle.call(self, number, moment, having)

    def _having(self, ids: Ids, number: int) -> Ids:
        """Return those ids that are alive and have a component."""
        ids = ids[self.entities.contains_batch(ids)]
        return ids[self._mask_of(self.groups(ids, distinct=False), len(ids), number)]

    def _mask_of(self, groups: list[Group], count: int, number: int) -> NDArray[np.bool_]:
        mask = np.zeros(count, np.bool_)
        for table, rows, positions in groups:
            mask[positions] = self._rows_with(table, rows, number)
        return mask

    def _key(self, table: Table, rows: Rows) -> int:
        """Return the bits of everything all these rows have for certain: dense ones only."""
        return table.key if not len(table.presence) else table.key | self._common_bits(table, rows)

    def _common_bits(self, table: Table, rows: Rows) -> int:
        found = 0
        for bit, number in enumerate(self.components.by_bit):
            if bit < 64 * len(table.presence) and table.present(bit)[rows].all():
                found |= 1 << number
        return found

    # -- going ---------------------------------------------------------------------------------

    def remove_rows(self, ids: Ids, numbers: Sequence[int]) -> None:
        """Take components from living entities; those they do not have are passed over."""
        if not len(ids):
            return
        wanted = sum(1 << number for number in set(numbers))
        groups = self.groups(ids)
        if self.lifecycle.watched & wanted:
            ids, groups = self._announce_going(ids, groups, wanted, ("replace", "remove", "leave"))
        for table, rows, positions in groups:
            self._remove_group(table, rows, ids[positions], wanted)

    def _announce_going(
        self, ids: Ids, groups: list[Group], wanted: int, moments: Sequence[Moment]
    ) -> tuple[Ids, list[Group]]:
        """Call the hooks of what is about to go; return ids and groups as they are after that."""
        watched = self.lifecycle.watched & wanted
        having: dict[int, Ids] = {}
        for number in range(watched.bit_length()):
            if watched >> number & 1:
                having[number] = ids[self._mask_of(groups, len(ids), number)]
        shifts, stamp = self.shifts, self.stamp.value
        for moment in moments:
            self._announce(having, moment, since=stamp)
        return self._still(ids, groups, shifts)

    def _still(self, ids: Ids, groups: list[Group], since: int) -> tuple[Ids, list[Group]]:
        """Return ids and groups as they are if a hook moved rows since then, or ended some itself."""
        if self.shifts == since:
            return ids, groups
        ids = ids[self.entities.contains_batch(ids)]
        return ids, self.groups(ids)

    def despawn_rows(self, ids: Ids, *, told: bool = True) -> None:
        """End living entities; the engine alone hears of it unless it is to be `told`."""
        if not len(ids):
            return
        ids = self.with_dependents(ids)
        groups = self.groups(ids)
        if watched := self.lifecycle.watched:
            ids, groups = self._announce_going(ids, groups, watched, _ENDING if told else ())
            shifts = self.shifts
            self.orphan(ids)
            ids, groups = self._announce_going(*self._still(ids, groups, shifts), watched, ("leave",))
        for table, rows, positions in groups:
            gone = ids[positions]
            if len(table.presence):
                for entity in gone[(table.presence[:, rows] != 0).any(axis=0)].tolist():
                    self.objects.drop(entity)
            for kind in list(self.live):
                self.forget(kind, gone)
            moved, holes = table.remove(rows)
            self.entities.move_rows(moved, holes)
            self.shifts += 1
        self.entities.alive -= len(ids)
        self.entities.release(ids)
        self.ended(ids)

    def ended(self, ids: Ids) -> None:
        """Forget what is kept for entities that have ended."""

    def with_dependents(self, ids: Ids) -> Ids:
        """Return the ids with those that end together with them."""
        return ids

    def orphan(self, ids: Ids) -> None:
        """Take from others what points at entities that are about to end."""

    # -- looking -------------------------------------------------------------------------------

    def locate(self, entity: int, kind: type[Any]) -> tuple[Table, int]:
        """Return (table, row) of an entity that has a component.

        Raises:
            StaleEntityError: the entity is gone.
            ComponentMissingError: it has no such component.
        """
        number, row = self.entities.find(entity)
        table = self.tables[number]
        if not self._row_has(table, row, self.components.number(kind)):
            raise self.lacks(entity, kind)
        return table, row

    def _row_has(self, table: Table, row: int, number: int) -> bool:
        bit = self.components.bits.get(number)
        return bool(table.key >> number & 1) if bit is None else table.has_bit(bit, row)

    def lacks(self, entity: int, kind: type[Any]) -> ComponentMissingError:
        """Return the error for a component an entity has not."""
        name = self.components.info(kind).name
        number, row = self.entities.find(entity)
        return ComponentMissingError(
            f"entity {label(entity)} has no {name}",
            expected=", ".join(self.component_names(self.tables[number], row)) or "it has no components",
            todo="ask world.has(entity, ...) before, or world.get_or_none",
            entity=entity,
            component=name,
        )

    def component_names(self, table: Table, row: int) -> list[str]:
        """Return the names of everything a row has."""
        return [info.name for number, info in enumerate(self.components.infos) if self._row_has(table, row, number)]

    def mark_changed(self, entity: int, kind: type[Any]) -> None:
        """Note that an entity's component was changed in place."""
        table, row = self.locate(entity, kind)
        if self.lent:
            self.check_not_lent(entity, kind)
        _, changed = table.ticks_of(self.components.number(kind))
        changed.mark(row, self.clock.advance(), table.capacity)

    def spawn_numbers(self, kind: type[Any], entities: Sequence[int], rows: Sequence[Sequence[int]]) -> bool:
        """Give reserved ids a component each by what its columns store: whole numbers, of texts their symbols.

        Returns:
            Whether it could be done so; not where hooks hear of its coming, or the component brings others along.

        Raises:
            ValueError: a number that its column cannot hold; rows before it are there.
        """
        self.check_free("spawn")
        number = self.components.number(kind)
        info = self.components.infos[number]
        if info.storage != "table" or info.requires or self.lifecycle.awaited >> number & 1:
            return False
        table, tick = self.table(1 << number), self.clock.advance()
        column = table.by_kind[kind]
        for entity, values in zip(entities, rows, strict=True):
            row = table.append_one(entity)
            for cell, value in zip(column.cells, values, strict=True):
                cell[row] = value
            column.added.append(row, tick, table.capacity)
            column.changed.append(row, tick, table.capacity)
            self.entities.place_one(entity, table.number, row)
            self.entities.alive += 1
        return True

    def write_numbers(self, entity: int, kind: type[Any], first: int, values: Sequence[int]) -> bool:
        """Write an entity's whole-number fields from the `first` on, as one change; False if it is gone.

        Raises:
            ComponentMissingError: it has no such component.
            ValueError: a number that its column cannot hold; those before it are written.
        """
        try:
            number, row = self.entities.find(entity)
        except StaleEntityError:
            return False
        table = self.tables[number]
        column = table.by_kind.get(kind)
        if column is None:
            raise self.lacks(entity, kind)
        if self.lent:
            self.check_not_lent(entity, kind)
        for cell, value in zip(column.cells[first:], values, strict=False):
            cell[row] = value
        column.changed.mark(row, self.clock.advance(), table.capacity)
        return True
