"""`Notes`: the front door: save, delete, rename, find."""

from __future__ import annotations

import heapq
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

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
from tickwright.systems.contracts.ports import Dispatcher, NoteHit, NoteStore, Outcome
from tickwright.systems.notes.blocks import Blocks
from tickwright.systems.notes.catalog import Catalog
from tickwright.systems.notes.errors import (
    NoteError,
    NoteExistsError,
    NoteNotFoundError,
    NotePathError,
    NoteReadError,
    NoteWriteError,
)
from tickwright.systems.notes.graph import ResolvedLink
from tickwright.systems.notes.paths import check_note_path
from tickwright.systems.notes.record import NoteRecord, parse_note
from tickwright.systems.notes.retrieve import Embedder
from tickwright.systems.notes.scan import Scan, decode_note, encode_note
from tickwright.systems.notes.store import MemoryStore

__all__ = ["NoteText", "Notes", "SaveOutcome", "SaveTicket"]

_LOG = logging.getLogger("tickwright.notes")


class SaveOutcome(msgspec.Struct, frozen=True):
    """What became of a save, delete or rename.

    Attributes:
        saved: it was done: the note is written, deleted or renamed.
        cancelled: a before-handler said no; nothing changed.
        reason: why not, or "".
        path: where the note is now (a handler may have moved it), or would be.
    """

    saved: bool
    cancelled: bool = False
    reason: str = ""
    path: str = ""


class NoteText(msgspec.Struct, frozen=True):
    """A note and its text, as it was read; bytes that are no UTF-8 are surrogates in `content`."""

    path: str
    content: str
    record: NoteRecord


class SaveTicket:
    """A queued request; `outcome` is None until a tick has processed it."""

    __slots__ = ("_do", "outcome")

    def __init__(self, do: Callable[[], SaveOutcome]) -> None:
        self._do = do
        self.outcome: SaveOutcome | None = None

    def process(self) -> None:
        """Do what was asked; a failure becomes the outcome's reason, so that one note does not end the tick."""
        try:
            self.outcome = self._do()
        except NoteError as error:
            _LOG.error("%s", error)
            self.outcome = SaveOutcome(saved=False, reason=str(error), path=error.path)


class Notes:
    """Notes of one world; a resource, also under `LinkSource`.

    Every save, delete and rename asks the before-handlers, then writes, then changes the catalogue, then queues the
    after-events; what is refused or fails leaves disk and world as they were.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._memory = MemoryStore(world.now)
        self.catalog = Catalog()
        self._requests: deque[SaveTicket] = deque()

    @property
    def store(self) -> NoteStore:
        """Where texts live: the resource `NoteStore`, else memory."""
        return self._world.get_resource(NoteStore) or self._memory  # type: ignore[type-abstract]

    # changing

    def save(self, path: str, content: str | bytes) -> SaveOutcome:
        """Save a note now.

        Args:
            path: relative, forward slashes, ends in `.md`.
            content: the whole text; `str` may carry surrogates for bytes that are no UTF-8.

        Raises:
            NotePathError: no path of a note, also if a handler changed it to one.
            NoteWriteError: the store failed; nothing changed.
        """
        check_note_path(path)
        text = decode_note(content) if isinstance(content, bytes) else content
        outcome = self._ask(NoteBeforeSave(path=path, content=text))
        if outcome.cancelled:
            return SaveOutcome(saved=False, cancelled=True, reason=outcome.reason, path=path)
        event = outcome.event
        assert isinstance(event, NoteBeforeSave)
        data = _bytes_of(event)
        self._write(event.path, data)
        self._took(event.path, data)
        return SaveOutcome(saved=True, path=event.path)

    def delete(self, path: str) -> SaveOutcome:
        """Delete a note now.

        Raises:
            NoteNotFoundError: there is none.
            NoteWriteError: the store failed; nothing changed.
        """
        self._must_exist(path)
        outcome = self._ask(NoteBeforeDelete(path=path))
        if outcome.cancelled:
            return SaveOutcome(saved=False, cancelled=True, reason=outcome.reason, path=path)
        self._stored("delete", path, lambda: self.store.delete(path))
        self._lost(path)
        return SaveOutcome(saved=True, path=path)

    def rename(self, old: str, new: str) -> SaveOutcome:
        """Move a note now: a save at the new path and a delete of the old, and both are asked.

        Links by name follow; the text of other notes is not changed.

        Raises:
            NoteNotFoundError, NoteExistsError, NotePathError: see there; renames never overwrite.
            NoteWriteError: the store failed; nothing changed.
        """
        self._must_exist(old)
        check_note_path(new)
        before = self.store.read(old)
        asked = NoteBeforeSave(path=new, content=decode_note(before))
        outcome = self._ask(asked)
        if not outcome.cancelled:
            saved, outcome = outcome.event, self._ask(NoteBeforeDelete(path=old))
        if outcome.cancelled:
            return SaveOutcome(saved=False, cancelled=True, reason=outcome.reason, path=old)
        assert isinstance(saved, NoteBeforeSave)
        data = _bytes_of(saved)
        if saved.path in self.catalog:
            raise NoteExistsError(
                f"there is a note {saved.path!r} already", where=f"rename of {old!r}", path=saved.path
            )
        self._stored("rename", old, lambda: self.store.rename(old, saved.path))
        if data != before:
            self._write(saved.path, data)
        self._lost(old)
        self._took(saved.path, data)
        return SaveOutcome(saved=True, path=saved.path)

    def request_save(self, path: str, content: str | bytes) -> SaveTicket:
        """Queue a save for the tick's Commit set; a path that is none raises at once."""
        check_note_path(path)
        return self._request(lambda: self.save(path, content))

    def request_delete(self, path: str) -> SaveTicket:
        """Queue a delete for the tick's Commit set."""
        return self._request(lambda: self.delete(path))

    def request_rename(self, old: str, new: str) -> SaveTicket:
        """Queue a rename for the tick's Commit set; a new path that is none raises at once."""
        check_note_path(new)
        return self._request(lambda: self.rename(old, new))

    @property
    def waiting(self) -> int:
        """Return how many requests are queued."""
        return len(self._requests)

    def commit(self) -> int:
        """Process the requests queued so far, in order, and return how many; the Commit set calls this."""
        count = len(self._requests)
        for _ in range(count):
            self._requests.popleft().process()
        return count

    # following the store

    def load(self, track: Callable[[Sequence[str]], Iterable[str]] = iter) -> int:
        """Take in every note of the store, replacing what was known, and return how many; no events.

        Args:
            track: wraps the paths, to show progress.

        Raises:
            NoteReadError: a note cannot be read or is binary; names the file.
        """
        paths = list(self.store.paths())
        parsed = (self._read(path)[:2] for path in track(paths))
        self.catalog.reset(parsed)
        return len(paths)

    def refresh(self, paths: Iterable[str] | None = None) -> list[str]:
        """Compare with the store, take in what changed behind our back, and return those paths.

        Changes become saved, parsed and deleted events. Content that is the same, such as our own write, is none.
        A note that cannot be read is logged and kept as it was.

        Args:
            paths: where to look; None for everywhere.
        """
        store = self.store
        present = set(store.paths())
        looked = present | set(self.catalog.records) if paths is None else set(paths)
        return [path for path in sorted(looked) if self._refresh_one(path, present=path in present)]

    # asking

    def get(self, path: str) -> NoteText | None:
        """Return a note and its text, or None."""
        record = self.catalog.records.get(path)
        if record is None:
            return None
        return NoteText(path, decode_note(self.store.read(path)), record)

    def paths(self) -> list[str]:
        """Return every note's path, sorted."""
        return sorted(self.catalog.records)

    def records(self) -> Iterator[NoteRecord]:
        """Return every note's record, by path."""
        return (self.catalog.records[path] for path in self.paths())

    def blocks(self, path: str) -> Blocks:
        """Return a note's blocks, parsed when first looked at.

        Raises:
            NoteNotFoundError: no such note.
        """
        self._must_exist(path)
        _, text, found = parse_note(path, self.store.read(path), 0)
        return Blocks(text, found.body_start)

    def search(self, text: str, limit: int = 5) -> list[NoteHit]:
        """Return at most `limit` notes for the words, best first; see WordIndex and `use_embedder`."""
        return self.catalog.search(text, limit)

    def recent(self, folder: str | None = None, limit: int = 5) -> list[NoteHit]:
        """Return the notes modified last, newest first, then by path; `folder` includes its subfolders."""
        prefix = folder.strip("/") + "/" if folder and folder.strip("/") else ""
        records = (record for record in self.catalog.records.values() if record.path.startswith(prefix))
        newest = heapq.nsmallest(limit, records, key=lambda record: (-record.modified_ms, record.path))
        return [self._hit(record.path, float(record.modified_ms), "recent") for record in newest]

    def linked(self, path: str, depth: int = 1) -> list[NoteHit]:
        """Return the notes within `depth` links, breadth first; `path` may be written as in a link."""
        start = self.resolve(path)
        found = self.catalog.graph.linked(start, depth) if start is not None else []
        return [self._hit(target, 1.0 / distance, "linked") for target, distance in found]

    def backlinks(self, path: str) -> list[str]:
        """Return the paths of the notes that link to this one, sorted."""
        start = self.resolve(path)
        return self.catalog.graph.backlinks(start) if start is not None else []

    def links(self, path: str) -> list[ResolvedLink]:
        """Return a note's own links in document order, resolved or not."""
        return self.catalog.graph.links(path)

    def unresolved(self) -> list[ResolvedLink]:
        """Return the links that lead nowhere."""
        return self.catalog.graph.unresolved()

    def resolve(self, name: str) -> str | None:
        """Return the path that a name, written in a link at the top of the vault, means."""
        return name if name in self.catalog else (self.catalog.graph.resolve("", name) or None)

    def use_embedder(self, embedder: Embedder, *, weight: float = 1.0) -> None:
        """Let an embedder have a second opinion in `search`."""
        self.catalog.use_embedder(
            embedder, weight, [(path, decode_note(self.store.read(path))) for path in self.paths()]
        )

    def __repr__(self) -> str:
        return f"Notes({len(self.catalog)} notes, {self.waiting} requests waiting)"

    # steps

    def _request(self, do: Callable[[], SaveOutcome]) -> SaveTicket:
        ticket = SaveTicket(do)
        self._requests.append(ticket)
        return ticket

    def _ask(self, event: HookEvent) -> Outcome:
        dispatcher: Any = self._world.get_resource(Dispatcher)
        outcome: Outcome = dispatcher.dispatch_event(event) if dispatcher is not None else Outcome(event)
        return outcome

    def _must_exist(self, path: str) -> None:
        if path not in self.catalog:
            raise NoteNotFoundError(f"no note {path!r}", path=path)

    def _write(self, path: str, data: bytes) -> None:
        self._stored("write", path, lambda: self.store.write(path, data))

    def _stored(self, verb: str, path: str, do: Callable[[], None]) -> None:
        try:
            do()
        except OSError as error:
            raise NoteWriteError(
                f"cannot {verb} {path!r}: {error.strerror or error}", todo="the note is as it was before", path=path
            ) from error

    def _read(self, path: str) -> tuple[NoteRecord, str, Scan]:
        try:
            data = self.store.read(path)
            modified_ms = self.store.stat(path)[1]
        except OSError as error:
            raise NoteReadError(
                f"cannot read {path!r}: {error.strerror or error}",
                where=path,
                expected="a file that may be read",
                todo="change its permissions, or move it out",
                path=path,
            ) from error
        if b"\0" in data:
            line = data.count(b"\n", 0, data.index(b"\0")) + 1
            raise NoteReadError(
                f"{path!r} is a binary file", where=f"{path}:{line}", expected="text", todo="move it out", path=path
            )
        return parse_note(path, data, modified_ms)

    def _took(self, path: str, data: bytes) -> None:
        record, text, found = parse_note(path, data, self.store.stat(path)[1])
        self._parsed(record, text, found)

    def _parsed(self, record: NoteRecord, text: str, found: Scan) -> None:
        self.catalog.put(record, text)
        emit(self._world, NoteSaved(path=record.path))
        emit(self._world, NoteParsed(path=record.path, blocks=Blocks(text, found.body_start)))

    def _lost(self, path: str) -> None:
        self.catalog.remove(path)
        emit(self._world, NoteDeleted(path=path))

    def _refresh_one(self, path: str, *, present: bool) -> bool:
        known = self.catalog.records.get(path)
        if not present:
            if known is not None:
                self._lost(path)
            return known is not None
        try:
            record, text, found = self._read(path)
        except NoteReadError as error:
            _LOG.error("%s", error)
            return False
        if known is not None and known.hash == record.hash:
            return False
        self._parsed(record, text, found)
        return True

    def _hit(self, path: str, score: float, by: str) -> NoteHit:
        return NoteHit(path, decode_note(self.store.read(path)), score, by)


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
