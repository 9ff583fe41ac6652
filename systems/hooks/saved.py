"""Subscriptions in snapshots: the rows are the world's, their handlers are the restoring app's.

A handler is bound by owner, event and name, and by which of its kind it was. Of the restoring app's subscriptions those
that the saved one had ended are ended; those that it never had stay if they belong to the app as built (a newer
plugin's). Transient ones, which something running made for itself, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tickwright.ecs_core import World
from tickwright.ecs_core.app_snapshot import Section
from tickwright.ecs_core.plain import pack, unpack
from tickwright.systems.contracts.ports import Handlers
from tickwright.systems.hooks.components import Subscription
from tickwright.systems.hooks.index import Entry
from tickwright.systems.hooks.rows import Key, SubscriptionRows, key_of
from tickwright.systems.hooks.types import BatchHandler

__all__ = ["hooks_section"]


class _Live(msgspec.Struct, frozen=True, array_like=True):
    """One living subscription."""

    entity: int
    key: Key
    occurrence: int


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    sequence: int
    made: list[tuple[Key, int]]
    live: list[_Live]
    transient: list[int]


def hooks_section(world: World, rows: SubscriptionRows) -> Section:
    """Return the subscriptions' part of snapshots."""
    return Section("hooks", lambda: _save(rows), lambda body, unknown: _load(world, rows, body, unknown))


def _save(rows: SubscriptionRows) -> bytes:
    entries = list(rows.entries.values())
    saved = _Saved(
        sequence=rows.sequence,
        made=sorted(rows.made.items()),
        live=[_Live(each.entity, key_of(each), each.occurrence) for each in entries if not each.transient],
        transient=[each.entity for each in entries if each.transient],
    )
    return pack(msgspec.to_builtins(saved))


def _load(world: World, rows: SubscriptionRows, body: Any, unknown: list[str]) -> Callable[[], object]:
    saved: _Saved = msgspec.convert(unpack(body), _Saved)
    here = {(key_of(each), each.occurrence): each for each in rows.entries.values() if not each.transient}
    bound: list[tuple[int, Entry]] = []
    for live in saved.live:
        which = live.key, live.occurrence
        entry = here.pop(which, None) or _again(rows, which) or _by_name(world, rows, live.key)
        if entry is None:
            owner, event, name = live.key
            unknown.append(f"handler {owner or 'host'}/{name} on {event}")
        else:
            bound.append((live.entity, entry))
    made = dict(saved.made)
    fresh = [here[which] for which in here if which in rows.built and which[1] >= made.get(which[0], 0)]
    return lambda: _place(world, rows, saved, bound, fresh)


def _again(rows: SubscriptionRows, which: tuple[Key, int]) -> Entry | None:
    """Return an ended entry of the app as built; not a batch's, which has forgotten its handler."""
    entry = rows.built.get(which)
    return entry if entry is not None and (entry.live or not isinstance(entry.call, BatchHandler)) else None


def _by_name(world: World, rows: SubscriptionRows, key: Key) -> Entry | None:
    """Return a new entry for a handler that its owner uses elsewhere, or registered by name."""
    owner, event, name = key
    if name == "<lambda>":
        return None  # says nothing of which
    call: Any = None
    for each in rows.entries.values():
        if (each.owner, each.label) == (owner, name) and not isinstance(each.call, BatchHandler):
            call = each.call
            break
    else:
        handlers = world.get_resource(Handlers)
        call = handlers.resolve(owner, name) if handlers is not None else None
    if call is None:
        return None
    return Entry(event, call, order=(0, 0))


def _place(
    world: World, rows: SubscriptionRows, saved: _Saved, bound: list[tuple[int, Entry]], fresh: list[Entry]
) -> None:
    kept: Mapping[int, Entry] = {entity: entry for entity, entry in bound if world.contains(entity)}
    rows.begin_anew(kept.values(), fresh)
    rows.made.update(dict(saved.made))
    rows.sequence = saved.sequence
    for entity, entry in kept.items():
        rows.bind(entity, world.get(entity, Subscription), entry)
    for entity in saved.transient:
        if world.contains(entity):
            world.despawn(entity)
    for entry in fresh:
        rows.add(entry, renumbered=True)
