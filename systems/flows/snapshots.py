"""Flows as part of an app's snapshot.

The numbers are columns of the world's own; this section keeps what stands beside them, by instance: contexts, history,
timers, queued actions. Definitions and handlers come from the app that restores; where a definition has changed since,
instances follow as they do when it is registered anew. The audit stream is not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import numpy as np

from tickwright.ecs_core.app_snapshot import Section
from tickwright.ecs_core.plain import pack, unpack
from tickwright.systems.contracts.json import FrozenDict, freeze
from tickwright.systems.flows.bulk import DenseStep
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.history import Chunk, Record, Spread
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.rebinding import rebind
from tickwright.systems.flows.results import GuardFailed, InvalidAction, InvalidState, Success, TransitionResult
from tickwright.systems.flows.store import FlowStore, Queued
from tickwright.systems.flows.structure import to_document
from tickwright.systems.flows.table import FlowTable, column_types, defaults_of
from tickwright.systems.flows.ticket import SUCCESS, Ticket

__all__ = ["flows_section"]

Column: TypeAlias = tuple[str, bytes]
"""(dtype, raw values)."""
_RESULTS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Success, GuardFailed, InvalidAction, InvalidState)}


class SavedChunk(msgspec.Struct, array_like=True):
    """History of one vectorised step."""

    ids: Column
    columns: tuple[Column | int, Column | int, Column | int]
    now: int
    user: str


class SavedTable(msgspec.Struct, array_like=True):
    """One definition's instances; what is kept by instance is in the order of ids."""

    definition: dict[str, Any]
    content_hash: str
    size: int
    configs: list[list[int]]
    contexts: list[tuple[int, Any]]
    memories: list[tuple[int, list[tuple[int, list[int]]]]]
    timers: list[tuple[int, list[tuple[int, int, int]]]]
    delayed: list[tuple[int, list[tuple[int, int, int, str, Any, str, str]]]]
    held: list[tuple[int, int, int, int]]
    started: list[tuple[int, Any, str]]
    records: list[tuple[int, list[tuple[Any, ...]]]]
    lost: list[tuple[int, str]]
    chunks: list[SavedChunk]
    begun: list[tuple[Column, dict[str, Column], str]]


class Saved(msgspec.Struct, array_like=True):
    """All of them, the queue, and the answers to idempotency keys."""

    tables: list[SavedTable]
    queue: list[tuple[int | Column, str | list[str], Any, str]]
    answers: list[tuple[int, str, str, dict[str, Any]]]


def flows_section(store: FlowStore) -> Section:
    """Return the snapshot section of a manager's instances."""
    return Section("flows", lambda: _save(store), lambda body, unknown: _load(store, body, unknown))


# -- saving --------------------------------------------------------------------------------------------------


def _save(store: FlowStore) -> bytes:
    queue = [_queued(store, each) for each in store.queue]
    answers = [
        (instance, key, type(result).__name__, msgspec.to_builtins(result))
        for (instance, key), result in store.answers.items()
    ]
    return pack(Saved([_saved(table) for table in store.tables], queue, answers))


def _queued(store: FlowStore, queued: Queued | Ticket) -> tuple[Any, Any, Any, str]:
    """Return a queued action, or a queued batch without those of its actions that were taken already."""
    if not isinstance(queued, Ticket):
        return queued
    left = np.arange(len(queued)) if queued.taken is None else np.flatnonzero(~queued.taken)
    one = isinstance(queued.actions, str)
    return (
        _column(queued.ids[left]),
        queued.actions if one else [store.action_of(queued, at) for at in left.tolist()],
        None,
        queued.user,
    )


def _unqueued(saved: tuple[Any, Any, Any, str]) -> Queued | Ticket:
    """Return what was queued; nobody holds the ticket of a batch any more."""
    whom, action, data, user = saved
    return (whom, action, freeze(data), user) if isinstance(whom, int) else Ticket(_array(whom), action, user)


def _saved(table: FlowTable) -> SavedTable:
    chunks, records = [], dict(table.records)
    for chunk in table.chunks:
        if chunk.dense.flow.content_hash == table.flow.content_hash:
            chunks.append(_saved_chunk(chunk))
        else:  # its numbers are those of a definition that is gone
            for instance in _ids(chunk).tolist():
                record = chunk.record(instance)
                records[instance] = [*records.get(instance, ()), *([record] if record is not None else [])]
    return SavedTable(
        definition=to_document(table.flow.definition),
        content_hash=table.flow.content_hash,
        size=len(table),
        configs=[sorted(config.active) for config in table.flow.config_list],
        contexts=sorted(table.contexts.items()),
        memories=sorted(
            (one, sorted((at, list(states)) for at, states in memory.items())) for one, memory in table.memories.items()
        ),
        timers=sorted((one, list(waits)) for one, waits in table.timers.items()),
        delayed=sorted(((one, list(waits)) for one, waits in table.delayed.items()), key=lambda item: item[0]),
        held=sorted(table.held),
        started=sorted(((one, *begun) for one, begun in table.started.items()), key=lambda item: item[0]),
        records=sorted(((one, list(done)) for one, done in records.items()), key=lambda item: item[0]),
        lost=sorted(table.lost.items()),
        chunks=chunks,
        begun=[
            (_column(ids), {name: _column(column) for name, column in values.items()}, user)
            for ids, values, user in table.begun
        ],
    )


def _saved_chunk(kept: Chunk) -> SavedChunk:
    chunk = kept.accepted()
    before, actions, revisions = (
        value if isinstance(value, int) else _column(value) for value in (chunk.before, chunk.actions, chunk.revisions)
    )
    return SavedChunk(_column(_ids(chunk)), (before, actions, revisions), chunk.now, chunk.user)


def _ids(chunk: Chunk) -> Any:
    return np.arange(chunk.first, chunk.last + 1, dtype=np.int64) if chunk.ids is None else chunk.ids


def _column(array: Any) -> Column:
    return array.dtype.str, np.ascontiguousarray(array).tobytes()


def _array(column: Column) -> Any:
    return np.frombuffer(column[1], column[0]).copy()


# -- loading -------------------------------------------------------------------------------------------------


def _load(store: FlowStore, body: bytes, unknown: list[str]) -> Callable[[], None]:
    saved = unpack(body, Saved)
    known: list[tuple[FlowTable, SavedTable]] = []
    for each in saved.tables:
        key = (each.definition["id"], each.definition.get("version", ""))
        table = store.versions.get(key)
        if table is not None:
            known.append((table, each))
        elif each.size:
            unknown.append(f"flow {' '.join(filter(None, key))}")
    return lambda: _place(store, saved, known)


def _place(store: FlowStore, saved: Saved, known: list[tuple[FlowTable, SavedTable]]) -> None:
    store.reset()
    for table in store.tables:
        table.reset()
    for table, each in known:
        current = table.flow
        same = each.content_hash == current.content_hash
        flow = current.unnumbered() if same else CompiledFlow(read_definition(each.definition), _no_handler)
        _fill(table, flow, each)
        if not same:
            rebind(table, current)
    for table in store.tables:
        store.wind(table)
    store.queue.extend(_unqueued(each) for each in saved.queue)
    for instance, key, name, fields in saved.answers:
        result: TransitionResult = msgspec.convert(fields, _RESULTS[name])
        store.remember(instance, key, result)


def _no_handler(name: str, path: str) -> Callable[..., Any]:
    """Resolve a handler of a definition that has changed: its instances move on before any is called."""
    del name, path
    return lambda *_: None


def _fill(table: FlowTable, flow: CompiledFlow, saved: SavedTable) -> None:
    """Take what was saved; configurations have the numbers that the columns say."""
    for active in saved.configs:
        flow.config(frozenset(active))
    table.flow, table.dense = flow, DenseStep(flow)
    table.types, table.defaults = column_types(flow), defaults_of(flow)
    table.contexts = {one: freeze(context) for one, context in saved.contexts}
    table.memories = {one: {at: tuple(states) for at, states in memory} for one, memory in saved.memories}
    table.timers = {one: tuple(waits) for one, waits in saved.timers}
    table.delayed = {
        one: tuple((*wait[:4], freeze(wait[4]), *wait[5:]) for wait in waits) for one, waits in saved.delayed
    }
    table.held = set(saved.held)
    table.started = {one: (_context(context), user) for one, context, user in saved.started}
    table.records = {one: [_record(record) for record in records] for one, records in saved.records}
    table.lost = dict(saved.lost)
    table.chunks = [_chunk(table, chunk) for chunk in saved.chunks]
    table.begun = [
        (_array(ids), {name: _array(column) for name, column in values.items()}, user)
        for ids, values, user in saved.begun
    ]


def _context(value: Any) -> FrozenDict:
    found: FrozenDict = freeze(value)
    return found


def _record(saved: tuple[Any, ...]) -> Record:
    (before, after, exited, entered), action, timestamp, data, revision, user = saved
    return (before, after, tuple(exited), tuple(entered)), action, timestamp, freeze(data), revision, user


def _chunk(table: FlowTable, saved: SavedChunk) -> Chunk:
    before, actions, revisions = (each if isinstance(each, int) else _array(each) for each in saved.columns)
    columns: tuple[Spread, Spread, Spread, Spread] = (before, actions, revisions, SUCCESS)
    return Chunk(table.dense, _array(saved.ids), columns, None, saved.now, saved.user)
