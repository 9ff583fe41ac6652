"""The steps of a change: ask the before-handlers, write, take it into the catalogue, tell.

`Notes.save` runs them at once, the systems in Hooks.Before and Commit run them for queued requests: one code path.
What is refused or fails leaves store, catalogue and entities as they were.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from tickwright.ecs_core import World
from tickwright.systems.contracts.events import (
    HookEvent,
    NoteBeforeDelete,
    NoteBeforeSave,
    NoteDeleted,
    NoteParsed,
    NoteSaved,
    emit,
)
from tickwright.systems.contracts.ports import Dispatcher, NoteStore, Outcome
from tickwright.systems.notes.blocks import Blocks
from tickwright.systems.notes.catalog import Catalog
from tickwright.systems.notes.errors import (
    NoteExistsError,
    NoteNotFoundError,
    NotePathError,
    NoteReadError,
    NoteWriteError,
)
from tickwright.systems.notes.paths import check_note_path
from tickwright.systems.notes.record import NoteRecord, parse_note
from tickwright.systems.notes.requests import NoteDecision, NoteRequest, SaveOutcome
from tickwright.systems.notes.rows import NoteRows
from tickwright.systems.notes.scan import Scan, decode_note, encode_note
from tickwright.systems.notes.store import MemoryStore

__all__ = ["NoteSteps"]

_LOG = logging.getLogger("tickwright.notes")


class NoteSteps:
    """One world's notes and what can be done to them."""

    def __init__(self, world: World) -> None:
        self.memory = MemoryStore(world.now)
        self.catalog = Catalog()
        self.rows = NoteRows(world, self.catalog)
        self.catalog.on_change = self.rows.mark
        self._world = world

    @property
    def store(self) -> NoteStore:
        """Where texts live: the resource `NoteStore`, else memory."""
        return self._world.get_resource(NoteStore) or self.memory  # type: ignore[type-abstract]

    # deciding

    def decide(self, request: NoteRequest, pending: Mapping[str, bytes | None] | None = None) -> NoteDecision:
        """Ask the before-handlers of a request.

        Args:
            request: what is wanted.
            pending: what earlier requests will have made of notes when this one is carried out: text, or None for
                deleted.

        Raises:
            NoteNotFoundError, NoteExistsError, NotePathError, NoteWriteError: it cannot be carried out.
        """
        pending = pending or {}
        if request.verb == "save":
            check_note_path(request.path)
            return self._decided(request, self._ask_save(request.path, request.content))
        if not self._will_exist(request.path, pending):
            raise _no_note(request.path)
        if request.verb == "delete":
            return self._decided(request, self._ask(NoteBeforeDelete(path=request.path)))
        check_note_path(request.target)
        before = pending.get(request.path)
        before = self.bytes_of(request.path) if before is None else before
        saving = self._decided(request, self._ask_save(request.target, before))
        if saving.outcome is not None:
            return saving
        deleting = self._decided(request, self._ask(NoteBeforeDelete(path=request.path)))
        if deleting.outcome is not None:
            return deleting
        if self._will_exist(saving.path, pending):
            raise _taken(request.path, saving.path)
        return saving

    def _will_exist(self, path: str, pending: Mapping[str, bytes | None]) -> bool:
        return pending[path] is not None if path in pending else path in self.catalog

    def _ask_save(self, path: str, content: bytes) -> Outcome:
        return self._ask(NoteBeforeSave(path=path, content=decode_note(content)))

    def _ask(self, event: HookEvent) -> Outcome:
        dispatcher: Any = self._world.get_resource(Dispatcher)
        outcome: Outcome = dispatcher.dispatch_event(event) if dispatcher is not None else Outcome(event)
        return outcome

    @staticmethod
    def _decided(request: NoteRequest, outcome: Outcome) -> NoteDecision:
        if outcome.cancelled:
            refused = SaveOutcome(saved=False, cancelled=True, reason=outcome.reason, path=request.path)
            return NoteDecision(request=request, path=request.path, outcome=refused)
        event = outcome.event
        if isinstance(event, NoteBeforeSave):
            return NoteDecision(request=request, path=event.path, data=_bytes_of(event))
        assert isinstance(event, NoteBeforeDelete)
        return NoteDecision(request=request, path=request.path)

    # carrying out

    def carry_out(self, decision: NoteDecision) -> SaveOutcome:
        """Write what was decided, and queue what there is to tell.

        Raises:
            NoteNotFoundError, NoteExistsError: an earlier change made it impossible.
            NoteWriteError: the store failed; nothing changed.
        """
        if decision.outcome is not None:
            return decision.outcome
        request, path = decision.request, decision.path
        if request.verb == "save":
            self._write(path, decision.data)
            self._took(path, decision.data)
        elif request.path not in self.catalog:
            raise _no_note(request.path)
        elif request.verb == "delete":
            self._stored("delete", path, lambda: self.store.delete(path))
            self._lost(path)
        else:
            self._rename(request.path, path, decision.data)
        return SaveOutcome(saved=True, path=path)

    def _rename(self, old: str, new: str, data: bytes) -> None:
        if new in self.catalog:
            raise _taken(old, new)
        changed = data != self.bytes_of(old)
        self._stored("rename", old, lambda: self.store.rename(old, new))
        try:
            if changed:
                self._write(new, data)
        except NoteWriteError:
            self._stored("rename back", new, lambda: self.store.rename(new, old))
            raise
        self.rows.move(old, new)
        self._lost(old)
        self._took(new, data)

    def _write(self, path: str, data: bytes) -> None:
        self._stored("write", path, lambda: self.store.write(path, data))

    @staticmethod
    def _stored(verb: str, path: str, do: Callable[[], None]) -> None:
        try:
            do()
        except OSError as error:
            raise NoteWriteError(
                f"cannot {verb} {path!r}: {error.strerror or error}", todo="the note is as it was before", path=path
            ) from error

    # taking in

    def bytes_of(self, path: str) -> bytes:
        """Return a note's bytes.

        Raises:
            NoteReadError: the store cannot read it.
        """
        try:
            return self.store.read(path)
        except OSError as error:
            raise _unreadable(path, error) from error

    def _modified_ms(self, path: str) -> int:
        try:
            return self.store.stat(path)[1]
        except OSError as error:
            raise _unreadable(path, error) from error

    def read(self, path: str) -> tuple[NoteRecord, str, Scan]:
        """Read and parse a note of the store.

        Raises:
            NoteReadError: it cannot be read, or is binary; names the file.
        """
        data = self.bytes_of(path)
        modified_ms = self._modified_ms(path)
        if b"\0" in data:
            line = data.count(b"\n", 0, data.index(b"\0")) + 1
            raise NoteReadError(
                f"{path!r} is a binary file", where=f"{path}:{line}", expected="text", todo="move it out", path=path
            )
        return parse_note(path, data, modified_ms)

    def resume(self) -> list[str]:
        """Make the catalogue that of a restored store, and the rows that of the catalogue.

        Returns:
            What the restored rows did not know, which is told of as well. A store that is no part of the snapshot was
            read when the app was built.
        """
        known = self.rows.adopt()
        if self.store is self.memory:
            self.catalog.reset(each for path in self.memory.paths() for each in self._readable(path))
        self.rows.compare()
        news = [path for path, record in sorted(self.catalog.records.items()) if known.pop(path, None) != record.hash]
        for path in news:
            record, text, found = self.read(path)
            self._tell(record, text, found)
        for path in sorted(known):
            emit(self._world, NoteDeleted(path=path))
        return sorted([*news, *known])

    def _readable(self, path: str) -> list[tuple[NoteRecord, str]]:
        try:
            return [self.read(path)[:2]]
        except NoteReadError as error:
            _LOG.error("%s", error)
            return []

    def refresh_one(self, path: str, *, present: bool) -> bool:
        """Take in what the store says of a note, and return whether that is news; a failed read is logged."""
        known = self.catalog.records.get(path)
        if not present:
            if known is not None:
                self._lost(path)
            return known is not None
        try:
            record, text, found = self.read(path)
        except NoteReadError as error:
            _LOG.error("%s", error)
            return False
        if known is not None and known.hash == record.hash:
            return False
        self._parsed(record, text, found)
        return True

    def _took(self, path: str, data: bytes) -> None:
        record, text, found = parse_note(path, data, self.store.stat(path)[1])
        self._parsed(record, text, found)

    def _parsed(self, record: NoteRecord, text: str, found: Scan) -> None:
        self.catalog.put(record, text)
        self._tell(record, text, found)

    def _tell(self, record: NoteRecord, text: str, found: Scan) -> None:
        emit(self._world, NoteSaved(path=record.path))
        emit(self._world, NoteParsed(path=record.path, blocks=Blocks(text, found.body_start)))

    def _lost(self, path: str) -> None:
        self.catalog.remove(path)
        emit(self._world, NoteDeleted(path=path))


def _unreadable(path: str, error: OSError) -> NoteReadError:
    return NoteReadError(
        f"cannot read {path!r}: {error.strerror or error}",
        where=path,
        expected="a file that may be read",
        todo="change its permissions, or move it out",
        path=path,
    )


def _no_note(path: str) -> NoteNotFoundError:
    return NoteNotFoundError(f"no note {path!r}", path=path)


def _taken(old: str, new: str) -> NoteExistsError:
    return NoteExistsError(f"there is a note {new!r} already", where=f"rename of {old!r}", path=new)


def _bytes_of(event: NoteBeforeSave) -> bytes:
    """Return the bytes to write of an event that handlers may have changed."""
    path: object = event.path
    content: object = event.content
    if not isinstance(path, str) or not isinstance(content, str):
        raise NotePathError("a handler changed path or content to something that is no text", path=str(path))
    check_note_path(path)
    try:
        return encode_note(content)
    except UnicodeEncodeError as error:
        raise NoteWriteError(f"the text of {path!r} has a lone surrogate: {error.reason}", path=path) from error
