"""An app's state as bytes: sections for clock, random streams, states, resources, queues and whatever is added.

Layout: magic, version, header length, header, header CRC, bodies; the header (msgpack) has the name of each section,
and size and CRC-32 of its buffers. Values are msgpack, columns raw buffers; never pickle. Types come from the app that
restores: what the data names and the app does not know is one error that lists it all. A failed restore changes
nothing. Queues of event types with `transient = True` are left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tickwright.ecs_core.checksum import checks_hold, checksums, crc32
from tickwright.ecs_core.clock import ManualClock
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.events import EventBatch, EventQueue
from tickwright.ecs_core.kept_locals import load_locals, save_locals
from tickwright.ecs_core.plain import build, pack, plain, type_name, unpack
from tickwright.ecs_core.world_snapshot import digest_world, load_world, save_world

if TYPE_CHECKING:
    from tickwright.ecs_core.app import App

__all__ = ["AppSnapshotError", "Section", "digest", "restore", "snapshot"]

_MAGIC = b"TWAP"
_VERSION = 1
_HEAD = struct.Struct("<4sHI")
_CRC = struct.Struct("<I")


class AppSnapshotError(TickwrightError):
    """Data that is torn, foreign, or names what this app does not have; `unknown` lists the latter."""

    unknown: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One part of a snapshot.

    Attributes:
        save: returns the part as bytes, or as buffers to be joined.
        load: checks the bytes (a memoryview), raises or adds to `unknown`, and returns a call that puts it in place.
        digest: returns what the digest takes of the part, if that is not the saved bytes.
    """

    name: str
    save: Callable[[], bytes | Sequence[bytes | memoryview]]
    load: Callable[[Any, list[str]], Callable[[], object]]
    digest: Callable[[], bytes] | None = None


def snapshot(app: App) -> bytes:
    """Return the app's state."""
    names: list[tuple[str, list[tuple[int, int]]]] = []
    buffers: list[bytes | memoryview] = []
    for section in _sections(app):
        saved = section.save()
        parts = [saved] if isinstance(saved, bytes) else list(saved)
        names.append((section.name, checksums(parts)))
        buffers += parts
    header = msgspec.msgpack.encode(names)
    head = _HEAD.pack(_MAGIC, _VERSION, len(header)) + header + _CRC.pack(crc32(header))
    return b"".join([head, *buffers])


def restore(app: App, data: bytes) -> None:
    """Put the app where `data` says, all or nothing.

    Raises:
        AppSnapshotError: torn or foreign data, or names that this app does not know.
    """
    bodies = _bodies(data)
    unknown: list[str] = []
    sections = {section.name: section for section in _sections(app)}
    unknown += [f"section {name}" for name in bodies if name not in sections]
    places = [section.load(bodies[name], unknown) for name, section in sections.items() if name in bodies]
    if unknown:
        raise AppSnapshotError(
            f"the snapshot names what this app does not have: {', '.join(unknown)}",
            where="app.restore",
            expected="the plugins and types of the app that was saved",
            todo="add the same plugins before restoring",
            unknown=unknown,
        )
    for place in places:
        place()


def digest(app: App) -> str:
    """Return a hash of the app's state: equal states, equal digests, in any process."""
    found = hashlib.blake2b(digest_size=16)
    for section in _sections(app):
        found.update(section.name.encode())
        saved = section.save() if section.digest is None else section.digest()
        for part in [saved] if isinstance(saved, bytes) else saved:
            found.update(part)
    return found.hexdigest()


def _bodies(data: Any) -> dict[str, memoryview]:
    where = "app.restore"
    if not isinstance(data, bytes | bytearray | memoryview) or len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise AppSnapshotError("this is no snapshot of an app", where=where, expected="what app.snapshot() returned")
    _, version, size = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise AppSnapshotError(f"snapshot version {version}", where=where, expected=f"version {_VERSION}")
    torn = AppSnapshotError("the snapshot is torn", where=where, expected="all bytes, unchanged")
    start = _HEAD.size + size
    if len(data) < start + _CRC.size or _CRC.unpack_from(data, start)[0] != crc32(data[_HEAD.size : start]):
        raise torn
    position, bodies, whole = start + _CRC.size, dict[str, memoryview](), memoryview(data)
    header = msgspec.msgpack.decode(data[_HEAD.size : start], type=list[tuple[str, list[tuple[int, int]]]])
    for name, checks in header:
        length = sum(size for size, _ in checks)
        body = whole[position : position + length]
        if not checks_hold(body, checks):
            torn.add_note(f"in section {name}")
            raise torn
        bodies[name] = body
        position += length
    if position != len(data):
        raise torn
    return bodies


def _sections(app: App) -> list[Section]:
    return [
        Section("time", lambda: _save_time(app), lambda body, _: _load_time(app, body)),
        Section("rng", lambda: _save_rng(app), lambda body, _: _load_rng(app, body)),
        Section("states", lambda: _save_states(app), lambda body, unknown: _load_states(app, body, unknown)),
        Section("resources", lambda: _save_resources(app), lambda body, unknown: _load_resources(app, body, unknown)),
        Section("locals", lambda: save_locals(app), lambda body, unknown: load_locals(app, body, unknown)),
        Section("queues", lambda: _save_queues(app), lambda body, unknown: _load_queues(app, body, unknown)),
        Section(
            "world",
            lambda: save_world(app.world),
            lambda body, unknown: load_world(app.world, body, unknown),
            lambda: digest_world(app.world),
        ),
        *app.sections,
    ]


def _save_time(app: App) -> bytes:
    from tickwright.ecs_core.time import FixedTime

    fixed = app.world.resource(FixedTime)
    return msgspec.msgpack.encode([dataclasses.astuple(app.time), dataclasses.astuple(fixed)])


def _load_time(app: App, body: bytes) -> Callable[[], None]:
    from tickwright.ecs_core.time import FixedTime

    time, fixed = msgspec.msgpack.decode(body, type=tuple[list[Any], list[Any]])

    def place() -> None:
        for target, values in ((app.time, time), (app.world.resource(FixedTime), fixed)):
            for each, value in zip(dataclasses.fields(target), values, strict=True):
                setattr(target, each.name, value)
        if isinstance(app.clock, ManualClock):
            app.clock.set_ms(app.time.now_ms)
        app.ticker.started = app.time.tick > 0

    return place


def _save_rng(app: App) -> bytes:
    return msgspec.msgpack.encode((app.streams.seed, app.streams.state()))


def _load_rng(app: App, body: bytes) -> Callable[[], None]:
    seed, state = msgspec.msgpack.decode(body, type=tuple[int, dict[str, dict[str, str]]])
    return lambda: app.streams.restore(seed, state)


def _save_states(app: App) -> bytes:
    return msgspec.msgpack.encode(app.states.saved())


def _load_states(app: App, body: bytes, unknown: list[str]) -> Callable[[], None]:
    saved = msgspec.msgpack.decode(body, type=dict[str, Any])
    missing = [name for name in saved if name != "" and name not in app.states.names]
    unknown += [f"state {name}" for name in missing]
    return lambda: app.states.restore(saved)


def _save_resources(app: App) -> bytes:
    found = {type_name(kind): _plain_resource(kind, value) for kind, value in app.world.persistent_resources().items()}
    return pack(dict(sorted(found.items())))


def _plain_resource(kind: Any, value: Any) -> Any:
    todo = "keep arrays, handles and functions out of it, or insert it without persistent=True"
    return _plain(value, f"resource {type_name(kind)}", "a persistent resource", todo)


def _plain(value: Any, where: str, what: str, todo: str) -> Any:
    try:
        return plain(value)
    except (TypeError, AttributeError) as error:
        raise AppSnapshotError(
            f"{what} cannot be saved: {error}",
            where=where,
            expected="dataclasses, structs and plain data",
            todo=todo,
            unknown=[],
        ) from None


def _load_resources(app: App, body: bytes, unknown: list[str]) -> Callable[[], None]:
    saved = unpack(body, dict[str, Any])
    kinds = {type_name(kind): kind for kind in app.world.persistent_resources()}
    unknown += [f"resource {name}" for name in saved if name not in kinds]
    values = [(kinds[name], build(kinds[name], value)) for name, value in saved.items() if name in kinds]

    def place() -> None:
        for kind, value in values:
            app.world.insert_resource(value, as_type=kind, persistent=True)

    return place


def _queues(app: App) -> dict[str, EventQueue[Any]]:
    """Return the queues that are saved, by name: events, and the removals of components."""
    world = app.world
    events = {
        type_name(kind): queue for kind, queue in world.events.queues.items() if not getattr(kind, "transient", False)
    }
    names = world.components.infos
    return events | {f"removed {names[number].name}": queue for number, queue in world.lifecycle.removed.items()}


def _save_queues(app: App) -> bytes:
    return pack([_queue_data(name, queue) for name, queue in sorted(_queues(app).items())])


def _queue_data(name: str, queue: EventQueue[Any]) -> tuple[Any, ...]:
    chunks: list[Any] = []
    # what every reader has passed waits only to be dropped
    start = max(queue.start, min((reader.cursor for reader in queue.readers), default=queue.start))
    for first, chunk in queue.chunks(start):
        skip = max(0, start - first)
        if isinstance(chunk, EventBatch):
            columns = {
                key: (column.dtype.str, np.ascontiguousarray(column[skip:]).tobytes())
                for key, column in chunk.columns.items()
            }
            chunks.append([len(chunk) - skip, columns])
        else:
            chunks.append([-1, [_plain_event(name, event) for event in chunk[skip:]]])
    cursors = {reader.name: reader.cursor for reader in queue.readers}
    return name, start, queue.rotated_at, queue.overflowed, cursors, chunks


def _plain_event(name: str, event: Any) -> Any:
    todo = "send plain data, tick until it is heard, or give its class `transient = True`"
    return _plain(event, f"event {name}", "a queued event", todo)


def _load_queues(app: App, body: bytes, unknown: list[str]) -> Callable[[], None]:
    kinds = _queues(app)
    loaded: list[tuple[EventQueue[Any], int, int, int, dict[str, int], list[Any]]] = []
    for name, start, rotated_at, overflowed, cursors, chunks in unpack(body, list[tuple[Any, ...]]):
        queue = kinds.get(name)
        if queue is None:
            unknown += [f"event {name}"] if chunks else []
            continue
        loaded.append((queue, start, rotated_at, overflowed, cursors, [_chunk(queue, *each) for each in chunks]))
    named = {queue for queue, *_ in loaded}
    loaded += [(queue, 0, 0, 0, {}, []) for queue in kinds.values() if queue not in named]

    def place() -> None:
        for queue, start, rotated_at, overflowed, cursors, chunks in loaded:
            queue.restore(start, chunks, rotated_at=rotated_at)
            queue.overflowed = overflowed
            for reader in queue.readers:
                reader.cursor = cursors.get(reader.name, queue.end)

    return place


def _chunk(queue: EventQueue[Any], size: int, content: Any) -> Any:
    if size < 0:
        return [build(queue.event_type, each) for each in content]
    return EventBatch({key: np.frombuffer(raw, dtype).copy() for key, (dtype, raw) in content.items()}, size)
