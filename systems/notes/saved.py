"""Notes in snapshots: rows are the world's, texts are the store's; only those in memory are part of the snapshot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tickwright.ecs_core.app_snapshot import Section
from tickwright.ecs_core.plain import pack, unpack
from tickwright.systems.notes.manager import Notes
from tickwright.systems.notes.store import MemoryStore

__all__ = ["notes_section"]


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    """Texts of the store in memory: path, bytes, modified in ms; None where texts are elsewhere."""

    asked: int
    texts: list[tuple[str, bytes, int]] | None


def notes_section(notes: Notes) -> Section:
    """Return the notes' part of snapshots.

    A store elsewhere, such as a folder, is as it is: what differs from the restored rows is taken in as edits from
    outside, with their events.
    """
    return Section("notes", lambda: _save(notes), lambda body, _: _load(notes, body))


def _save(notes: Notes) -> bytes:
    store = notes.store
    texts = store.all() if isinstance(store, MemoryStore) else None
    return pack([notes.asked, texts])


def _load(notes: Notes, body: Any) -> Callable[[], object]:
    saved = msgspec.convert(unpack(body), _Saved)

    def place() -> None:
        store = notes.store
        if saved.texts is not None and isinstance(store, MemoryStore):
            store.replace_all(saved.texts)
        notes.resume(asked=saved.asked)

    return place
