"""The subscriptions' entities beside the entries that dispatch uses, kept in step.

`on` and `off` change both at once. What others do to the rows is followed: a component that goes ends the
subscription there and then; rows that were added or written are taken in at the next round of the hook sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeAlias

from tickwright.ecs_core import Commands, Entity, World
from tickwright.ecs_core.entity import Ids
from tickwright.systems.hooks.components import Subscription, SubscriptionHandler
from tickwright.systems.hooks.context import HookContext
from tickwright.systems.hooks.errors import HookError
from tickwright.systems.hooks.failures import HookFailure
from tickwright.systems.hooks.index import Entry
from tickwright.systems.hooks.table import HookTable
from tickwright.systems.hooks.types import HookConfig

__all__ = ["Key", "SubscriptionRows", "key_of"]

Key: TypeAlias = tuple[str, str, str]
"""(owner, event, handler's name): what a handler is bound by."""


class SubscriptionRows:
    """Every living subscription, as entity and as entry.

    Args:
        world: where the entities are.
        table: where the entries are in force.
        context: gives an owner's context.
        building: whether what is subscribed now is part of the app as built: by a plugin, or before the first tick.

    Attributes:
        entries: by entity.
        made: how many subscriptions there ever were, by key.
        built: the handlers of the app as built, ended or not, by key and occurrence.
    """

    def __init__(
        self,
        world: World,
        table: HookTable,
        context: Callable[[str], HookContext],
        building: Callable[[], bool] = lambda: False,
    ) -> None:
        self.built: dict[tuple[Key, int], Entry] = {}
        self._building = building
        self.entries: dict[int, Entry] = {}
        self.made: Counter[Key] = Counter()
        self._world = world
        self._table = table
        self._context = context
        self._staged = Commands(world)
        for kind in (Subscription, SubscriptionHandler):
            world.on_remove(kind, lambda _, ids: self._gone(ids))

    @property
    def sequence(self) -> int:
        """The number of the newest subscription."""
        return self._table.sequence

    @sequence.setter
    def sequence(self, number: int) -> None:
        self._table.sequence = number

    def add(self, entry: Entry, *, renumbered: bool = False) -> None:
        """Put a new entry in force and make its entity; inside of a query's loop the entity follows after it.

        Args:
            entry: as the table made it.
            renumbered: give it the next sequence number: it comes from before a restore.
        """
        if renumbered:
            self._table.sequence += 1
            entry.order = (entry.order[0], self._table.sequence)
        entry.ctx = self._context(entry.owner)
        self._count(entry)
        if self._building() and not entry.transient:
            self.built[key_of(entry), entry.occurrence] = entry
        entry.entity = self._staged.spawn(_row(entry), SubscriptionHandler(entry.call, entry.glob, entry.key))
        self.entries[entry.entity] = entry
        self._table.add(entry)
        self.settle()

    def end(self, entry: Entry) -> None:
        """Take an entry out of force and its entity away; a second time does nothing."""
        if self.entries.pop(entry.entity, None) is not None:
            self._table.remove(entry)
            self._staged.despawn(entry.entity)
            self.settle()

    def begin_anew(self, kept: Iterable[Entry], fresh: Iterable[Entry]) -> None:
        """Forget everything, for a restored world; of the entries that are not used again, batches are told."""
        used = {id(entry) for entry in (*kept, *fresh)}
        for entry in self.entries.values():
            self._table.index.remove(entry)
            if entry.batch is not None and id(entry) not in used:
                entry.batch.release(entry.key)
        self.entries.clear()
        self.made.clear()
        self._staged = Commands(self._world)

    def bind(self, entity: int, row: Subscription, entry: Entry) -> None:
        """Put a restored row in force: what it says, with the handler of `entry`, which stays the same object."""
        made = self._entry_of(row, SubscriptionHandler(entry.call, None, entry.key), fresh=False)
        made.entity, made.occurrence = entity, row.occurrence
        for name in Entry.__slots__:
            setattr(entry, name, getattr(made, name))
        self._staged.insert(entity, SubscriptionHandler(entry.call, entry.glob, entry.key))
        self.settle()
        self.entries[entity] = entry
        self._table.add(entry)

    def release(self, owner: str) -> None:
        """Forget the handlers of an owner, whose subscriptions have ended."""
        for known in [known for known in self.built if known[0][0] == owner]:
            del self.built[known]

    def settle(self) -> None:
        """Apply what was staged inside of a query's loop."""
        if not self._world.iterating:
            self._staged.apply()

    def follow(self, rows: Iterable[tuple[Entity, Subscription, SubscriptionHandler]]) -> None:
        """Take in rows that were added or written; a wrong one is reported, and what held before goes on holding."""
        for entity, row, handler in rows:
            entry = self.entries.get(entity)
            if entry is not None and _same(entry, row, handler):
                continue
            try:
                made = self._entry_of(row, handler, fresh=entry is None)
            except HookError as error:
                self._table.errors.add(HookFailure(row.owner, row.event, row.name, str(error), self._world.now()))
                continue
            made.entity = entity
            if entry is None:
                self._count(made)
            else:
                made.occurrence = entry.occurrence
                self._table.index.remove(entry)
            self.entries[entity] = made
            self._table.add(made)
            _write(row, made)

    def _count(self, entry: Entry) -> None:
        if not entry.transient:
            entry.occurrence = self.made[key_of(entry)]
            self.made[key_of(entry)] += 1

    def _entry_of(self, row: Subscription, handler: SubscriptionHandler, *, fresh: bool) -> Entry:
        config = HookConfig(
            priority=row.priority,
            pattern=row.pattern or None,
            once=row.once,
            group=row.group or None,
            desc=row.name or None,
            fail_closed=row.fail_closed or (None if fresh else False),
            transient=row.transient,
        )
        entry = self._table.entry(row.event, handler.handler, config, key=handler.key, sequence=row.sequence)
        entry.owner = row.owner
        entry.ctx = self._context(row.owner)
        return entry

    def _gone(self, ids: Ids) -> None:
        for entity in ids.tolist():
            entry = self.entries.pop(entity, None)
            if entry is not None:
                self._table.remove(entry)


def key_of(entry: Entry) -> Key:
    """Return what an entry's handler is bound by."""
    return entry.owner, entry.event, entry.label


def _row(entry: Entry) -> Subscription:
    return Subscription(
        event=entry.event,
        priority=entry.order[0],
        timing=entry.timing.value,
        once=entry.once,
        sequence=entry.order[1],
        owner=entry.owner,
        group=entry.group,
        name=entry.label,
        pattern=entry.glob.text if entry.glob is not None else "",
        fail_closed=entry.fail_closed,
        occurrence=entry.occurrence,
        transient=entry.transient,
    )


def _same(entry: Entry, row: Subscription, handler: SubscriptionHandler) -> bool:
    return entry.call is handler.handler and entry.key == handler.key and _row(entry) == row


def _write(row: Subscription, entry: Entry) -> None:
    """Write what the entry knows better, such as a sequence number given just now."""
    wanted = _row(entry)
    for name in ("timing", "sequence", "name", "fail_closed", "occurrence"):
        if getattr(row, name) != getattr(wanted, name):
            setattr(row, name, getattr(wanted, name))
