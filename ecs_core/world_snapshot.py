"""A world's content as buffers: columns as they are, everything else in one msgpack header; and its digest.

Layout: header length, header, then the arrays one after the other; the header names their dtypes and lengths.
What belongs to transient components is left out, and rows keep their order.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.commands import Commands, Delayed
from tickwright.ecs_core.component import ComponentInfo, info_of
from tickwright.ecs_core.entity import is_run
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.name import Name
from tickwright.ecs_core.objects import ObjectStore
from tickwright.ecs_core.plain import build, pack, plain, unpack
from tickwright.ecs_core.relations import ChildOf, Children
from tickwright.ecs_core.staged import Group
from tickwright.ecs_core.table import Table
from tickwright.ecs_core.ticks import Ticks

if TYPE_CHECKING:
    from tickwright.ecs_core.world import World

__all__ = ["SnapshotValueError", "digest_world", "load_world", "save_world"]

_LENGTH = struct.Struct("<Q")
Buffer = bytes | memoryview
OWN_COMPONENTS = (ChildOf, Children, Name)
_RAW, _SAME, _RUN = 0, 1, 2


class SnapshotValueError(TickwrightError):
    """A component's value that cannot be saved; `component` and `entity` name it."""

    component: str
    entity: int


class _Arrays:
    """Arrays on their way out: each gets a number, the buffers go behind the header.

    Consecutive integers (ids mostly are) and columns of one value are named in the header instead.
    """

    def __init__(self) -> None:
        self.specs: list[tuple[str, int, int]] = []
        self.buffers: list[Buffer] = []

    def add(self, array: NDArray[Any]) -> int:
        array = np.ascontiguousarray(array)
        kind = _RAW
        if len(array) > 1:
            kind = _SAME if _is_same(array) else _RUN if array.dtype.kind in "iu" and is_run(array) else _RAW
        stored = array if kind == _RAW else array[:1]
        self.specs.append((array.dtype.str, len(array), kind))
        self.buffers.append(stored.data.cast("B") if len(stored) else b"")
        return len(self.specs) - 1


def _is_same(array: NDArray[Any]) -> bool:
    """Return whether all values are the first one, bit by bit (so that -0.0 and NaN stay what they are)."""
    raw = array.view(f"u{array.dtype.itemsize}")
    return bool(raw[0] == raw[-1] and (raw == raw[0]).all())


# -- saving --------------------------------------------------------------------------------------


def save_world(world: World) -> list[Buffer]:
    """Return a world's content as buffers, to be joined once.

    Raises:
        SnapshotValueError: an object that has no plain form.
    """
    arrays = _Arrays()
    entities = world.entities
    lasting = [info for info in world.components.current() if not info.transient]
    tables = [_save_table(world, table, arrays) for table in world.tables]
    objects = {info.name: _save_objects(world, info) for info in lasting if info.storage == "object"}
    delayed = [[each.due_ms, each.order, _save_commands(each.commands)] for each in sorted(world.delayed)]
    relations = world.relations.saved()
    used = {*relations, *(name for table in tables if table["rows"] for name in (*table["columns"], *table["bits"]))}
    used |= {name for each in world.delayed for group in each.commands.staged() for name in _names(group)}
    header = {
        "symbols": world.symbols.all(),
        "clock": world.clock.now,
        "alive": entities.alive,
        "used": entities.used,
        "generations": arrays.add(entities.generation[: entities.used]),
        "free": arrays.add(entities.free[: entities.free_count]),
        "components": [_schema(info) for info in lasting if info.name in used],
        "tables": tables,
        "objects": {name: pairs for name, pairs in objects.items() if pairs},
        "relations": relations,
        "delayed": delayed,
        "delays": world.delays,
        "runs": {name: [run.last, run.this] for name, run in sorted(world.runs.items())},
        "arrays": arrays.specs,
    }
    packed = pack(header)
    return [_LENGTH.pack(len(packed)), packed, *arrays.buffers]


def _schema(info: ComponentInfo) -> list[Any]:
    return [info.name, info.storage, [[each.name, each.dtype.str, each.kind] for each in info.fields]]


def _save_table(world: World, table: Table, arrays: _Arrays) -> dict[str, Any]:
    count, columns = table.count, dict[str, Any]()
    if not count:  # its place among the others is kept
        names = [column.info.name for column in table.columns.values() if not column.info.transient]
        return {"rows": 0, "columns": dict.fromkeys(names), "bits": {}}
    for column in table.columns.values():
        if not column.info.transient:
            fields = [arrays.add(array[:count]) for array in column.arrays]
            columns[column.info.name] = [fields, *_save_ticks(column.added, column.changed, count, arrays)]
    bits = {}
    for bit, number in enumerate(world.components.by_bit):
        info = world.components.infos[number]
        if not info.transient and (there := table.present(bit)).any():
            ticks = _save_ticks(*table.ticks_of(number), count, arrays)
            bits[info.name] = [arrays.add(np.packbits(there)), *ticks]
    return {"rows": count, "ids": arrays.add(table.ids[:count]), "columns": columns, "bits": bits}


def _save_ticks(added: Ticks, changed: Ticks, count: int, arrays: _Arrays) -> list[Any]:
    return [
        [each.whole, each.latest, None if each.rows is None else arrays.add(each.rows[:count])]
        for each in (added, changed)
    ]


def _save_objects(world: World, info: ComponentInfo) -> list[Any]:
    found = []
    for entity in world.query(info.kind).ids().tolist():
        try:
            found.append((entity, plain(world.objects.get(entity, info.kind))))
        except (TypeError, AttributeError) as error:
            raise SnapshotValueError(
                f"a '{info.name}' cannot be saved: {error}",
                where=f"entity {entity}",
                expected="dataclasses, structs and plain data",
                todo="keep handles and functions out of it, or make it @component(transient=True)",
                component=info.name,
                entity=entity,
            ) from None
    return found


def _save_commands(commands: Commands) -> list[Any]:
    return [
        [
            group.operation,
            _names(group),
            [int(each) for each in group.ids],
            [[[plain(each) for each in column] for column in values] for values in group.lists()],
        ]
        for group in commands.staged()
    ]


def _names(group: Group) -> list[str]:
    return [info_of(kind).name for kind in group.kinds]


# -- loading -------------------------------------------------------------------------------------


class _Saved:
    """A header and its arrays."""

    def __init__(self, data: memoryview) -> None:
        (length,) = _LENGTH.unpack_from(data)
        self.header: dict[str, Any] = unpack(data[_LENGTH.size : _LENGTH.size + length])
        self._starts: list[int] = []
        position = _LENGTH.size + length
        for dtype, count, kind in self.header["arrays"]:
            self._starts.append(position)
            position += (count if kind == _RAW else 1) * np.dtype(dtype).itemsize
        self._data = data

    def array(self, number: int) -> NDArray[Any]:
        dtype, count, kind = self.header["arrays"][number]
        found = np.frombuffer(self._data, dtype, count if kind == _RAW else 1, self._starts[number])
        if kind == _SAME:
            return np.broadcast_to(found, (count,))
        if kind == _RUN:
            return np.arange(int(found[0]), int(found[0]) + count, dtype=dtype)
        return found


def load_world(world: World, data: memoryview, unknown: list[str]) -> Callable[[], None]:
    """Check saved content against a world's components; return the call that puts it in place.

    What the world does not have, or has with other fields, is added to `unknown`.
    """
    saved = _Saved(data)
    named = {name for name, _, _ in saved.header["components"]}
    for own in OWN_COMPONENTS:  # nobody need mention these for a world to have them
        if info_of(own).name in named:
            world.components.number(own)
    for name, storage, fields in saved.header["components"]:
        kind = world.components.named(name)
        if kind is None:
            unknown.append(f"component {name}")
        elif (now := _schema(world.components.info(kind))) != [name, storage, fields]:
            unknown.append(f"component {name} as {_shown(storage, fields)}, here it is {_shown(now[1], now[2])}")
    if unknown:
        return lambda: None
    kinds = {name: world.components.require(name) for name, _, _ in saved.header["components"]}
    objects = [
        (entity, kinds[name], build(kinds[name], value))
        for name, pairs in saved.header["objects"].items()
        for entity, value in pairs
    ]
    delayed = [
        Delayed(due_ms, order, _load_commands(world, kinds, groups))
        for due_ms, order, groups in saved.header["delayed"]
    ]
    return lambda: _place(world, saved, objects, delayed)


def _shown(storage: str, fields: Sequence[Sequence[str]]) -> str:
    return f"{storage}({', '.join(f'{name}: {np.dtype(dtype)}' for name, dtype, _ in fields)})"


def _load_commands(world: World, kinds: dict[str, type[Any]], groups: list[Any]) -> Commands:
    commands = Commands(world)
    for operation, names, ids, saved in groups:
        types = [kinds.get(name) or world.components.require(name) for name in names]
        values = [
            [[build(kind, each) for each in columns[0]]] if info_of(kind).storage == "object" else columns
            for kind, columns in zip(types, saved, strict=False)
        ]
        commands.restage(operation, tuple(types), ids, values)
    return commands


def _place(world: World, saved: _Saved, objects: list[Any], delayed: list[Delayed]) -> None:
    header, entities = saved.header, world.entities
    world.symbols.restore(header["symbols"])
    world.clock.restore(header["clock"])
    tables = [(each, _key(world, each["columns"])) for each in header["tables"]]
    world.rearrange(key for _, key in tables if key is not None)
    entities.restore(saved.array(header["generations"]), saved.array(header["free"]), header["alive"])
    world.live.clear()
    world.objects = ObjectStore()
    for each, _ in tables:
        if each["rows"]:
            _load_table(world, saved, each)
    for entity, kind, value in objects:
        world.objects.put(entity, kind, value)
    world.relations.restore(header["relations"])
    world.delayed, world.delays = delayed, header["delays"]
    entities.release_lost([entity for each in delayed for entity in each.commands.reserved])
    for name, run in world.runs.items():  # a system that was not there sees all as new
        run.last, run.this = header["runs"].get(name, (0, 0))
    world.restores += 1


def _key(world: World, names: Iterable[str]) -> int | None:
    """Return the key of a table with these components, None if one is unknown (and nobody has it)."""
    kinds = [world.components.named(name) for name in names]
    return None if None in kinds else sum(1 << world.components.numbers[kind] for kind in kinds if kind is not None)


def _load_table(world: World, saved: _Saved, content: dict[str, Any]) -> None:
    components = world.components
    numbers = {name: components.numbers[components.require(name)] for name in content["columns"]}
    table = world.table(sum(1 << number for number in numbers.values()))
    ids = saved.array(content["ids"])
    start = table.append(ids)
    stop = start + len(ids)
    world.entities.place(ids, table.number, start)
    for name, (fields, added, changed) in content["columns"].items():
        column = table.columns[numbers[name]]
        for array, number in zip(column.arrays, fields, strict=True):
            array[start:stop] = saved.array(number)
        _load_ticks(saved, (column.added, column.changed), (added, changed), start, stop, table.capacity)
    for name, (there, added, changed) in content["bits"].items():
        number = components.numbers[components.require(name)]
        rows = np.flatnonzero(np.unpackbits(saved.array(there), count=len(ids))) + start
        table.set_bit(components.bits[number], rows, present=True)
        _load_ticks(saved, table.ticks_of(number), (added, changed), start, stop, table.capacity)


def _load_ticks(
    saved: _Saved, ticks: Sequence[Ticks], values: Sequence[Any], start: int, stop: int, capacity: int
) -> None:
    for each, (whole, latest, rows) in zip(ticks, values, strict=True):
        if start == 0:
            each.restore(whole, latest, None if rows is None else saved.array(rows), capacity)
        else:
            found = whole if rows is None else np.maximum(saved.array(rows), whole)
            each.write(start, stop, found, capacity)


# -- digest --------------------------------------------------------------------------------------


def digest_world(world: World) -> bytes:
    """Return a hash of all entities with their components: equal content, equal hash, whatever came before."""
    found = hashlib.blake2b(digest_size=16)
    tables = [table for table in world.tables if table.count]
    named = [(sorted(c.info.name for c in t.columns.values() if not c.info.transient), t) for t in tables]
    named.sort(key=lambda pair: pair[0])
    by_names: dict[tuple[str, ...], list[Table]] = {}
    for key, table in named:
        by_names.setdefault(tuple(key), []).append(table)
    for names, group in by_names.items():
        found.update(msgspec.msgpack.encode(names))
        ids = np.concatenate([table.ids[: table.count] for table in group])
        order = np.argsort(ids)
        found.update(ids[order].data)
        for name in names:
            _digest_component(world, found, name, group, order)
    for info in sorted(world.components.infos, key=lambda info: info.name):
        if info.is_dense or info.transient:
            continue
        ids = np.sort(world.query(info.kind).ids())
        if not len(ids):
            continue  # a component that is known and that nobody has is no content
        found.update(info.name.encode() + ids.tobytes())
        if info.storage == "object":
            values = [plain(each) for each in world.objects.get_all(ids.tolist(), info.kind)]
            found.update(pack(values, ordered=True))
    return found.digest()


def _digest_component(world: World, found: Any, name: str, group: list[Table], order: NDArray[np.intp]) -> None:
    number = world.components.numbers[world.components.require(name)]
    columns = [table.columns[number] for table in group]
    for place, field in enumerate(columns[0].info.fields):
        parts = [column.arrays[place][: table.count] for column, table in zip(columns, group, strict=True)]
        values = np.concatenate(parts)[order]
        if field.kind == "symbol":
            numbers, places = np.unique(values, return_inverse=True)
            texts = world.symbols.texts(numbers.tolist())
            ordered = {text: rank for rank, text in enumerate(sorted(texts))}
            found.update(pack(list(ordered)))
            ranks = np.array([ordered[text] for text in texts], np.int64)
            values = ranks[places.reshape(-1)]
        found.update(np.ascontiguousarray(values).data.cast("B") if len(values) else b"")
