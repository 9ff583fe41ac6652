"""`Notes`: the front door: save, delete, rename, find."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from tickwright.ecs_core import Entity, World
from tickwright.systems.contracts.ports import NoteHit, NoteStore
from tickwright.systems.notes.blocks import Blocks
from tickwright.systems.notes.errors import NoteError, NoteNotFoundError, NoteWriteError
from tickwright.systems.notes.graph import ResolvedLink
from tickwright.systems.notes.paths import check_note_path
from tickwright.systems.notes.record import NoteRecord, parse_note
from tickwright.systems.notes.requests import NoteDecision, NoteRequest, SaveOutcome, SaveTicket
from tickwright.systems.notes.retrieve import Embedder
from tickwright.systems.notes.scan import decode_note, encode_note
from tickwright.systems.notes.steps import NoteSteps

__all__ = ["NoteText", "Notes"]

_LOG = logging.getLogger("tickwright.notes")


class NoteText(msgspec.Struct, frozen=True):
    """A note and its text, as it was read; bytes that are no UTF-8 are surrogates in `content`."""

    path: str
    content: str
    record: NoteRecord


class Notes:
    """Notes of one world; a resource, also under `LinkSource`. Each note is an entity with the component `Note`.

    Every save, delete and rename asks the before-handlers, then writes, then changes the catalogue and the entities,
    then queues the after-events; what is refused or fails leaves disk and world as they were.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps = NoteSteps(world)
        self.catalog = self._steps.catalog
        self.requests = world.events.register(NoteRequest).reader("notes")
        self._undone: list[NoteDecision] = []
        self._tickets: dict[int, SaveTicket] = {}
        self.asked = 0

    @property
    def store(self) -> NoteStore:
        """Where texts live: the resource `NoteStore`, else memory."""
        return self._steps.store

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
        return self._do(NoteRequest(verb="save", path=path, content=_encoded(path, content)))

    def delete(self, path: str) -> SaveOutcome:
        """Delete a note now.

        Raises:
            NoteNotFoundError: there is none.
            NoteWriteError: the store failed; nothing changed.
        """
        return self._do(NoteRequest(verb="delete", path=path))

    def rename(self, old: str, new: str) -> SaveOutcome:
        """Move a note now: a save at the new path and a delete of the old, and both are asked.

        The note keeps its entity. Links by name follow; the text of other notes is not changed.

        Raises:
            NoteNotFoundError, NoteExistsError, NotePathError: see there; renames never overwrite.
            NoteWriteError: the store failed; nothing changed.
        """
        return self._do(NoteRequest(verb="rename", path=old, target=new))

    def request_save(self, path: str, content: str | bytes) -> SaveTicket:
        """Queue a save: asked in Hooks.Before, written in Commit; a path that is none raises at once."""
        return self._request(NoteRequest(verb="save", path=check_note_path(path), content=_encoded(path, content)))

    def request_delete(self, path: str) -> SaveTicket:
        """Queue a delete."""
        return self._request(NoteRequest(verb="delete", path=path))

    def request_rename(self, old: str, new: str) -> SaveTicket:
        """Queue a rename; a new path that is none raises at once."""
        return self._request(NoteRequest(verb="rename", path=old, target=check_note_path(new)))

    @property
    def waiting(self) -> int:
        """Return how many requests are queued."""
        return len(self.requests)

    def decide(self) -> list[NoteDecision]:
        """Ask the before-handlers of all queued requests, in order; the system in Hooks.Before calls this.

        A request that cannot be carried out is decided as such, so that one note does not end the tick.

        Raises:
            HookCycleError, or what else asking raised: after all were asked; nothing comes of those that raised.
        """
        decisions: list[NoteDecision] = []
        pending: dict[str, bytes | None] = {}
        failed: Exception | None = None
        for request in self.requests.read():
            try:
                decisions.append(self._steps.decide(request, pending))
                _foresee(decisions[-1], pending)
            except NoteError as error:
                decisions.append(NoteDecision(request=request, path=request.path, outcome=_failure(error)))
            except Exception as error:
                outcome = SaveOutcome(saved=False, reason=str(error), path=request.path)
                decisions.append(NoteDecision(request=request, path=request.path, outcome=outcome))
                failed = failed or error
        self._undone = decisions
        if failed is not None:
            raise failed
        return decisions

    def commit(self) -> int:
        """Carry out what was decided, in order, and return how much that was; the system in Commit calls this."""
        decisions, self._undone = self._undone, []
        for decision in decisions:
            try:
                outcome = self._steps.carry_out(decision)
            except NoteError as error:
                outcome = _failure(error)
            ticket = self._tickets.pop(decision.request.ticket, None)
            if ticket is not None:
                ticket.outcome = outcome
        self._steps.rows.settle()
        return len(decisions)

    # following the store

    def load(self, track: Callable[[Sequence[str]], Iterable[str]] = iter) -> int:
        """Take in every note of the store, replacing what was known, and return how many; no events.

        Args:
            track: wraps the paths, to show progress.

        Raises:
            NoteReadError: a note cannot be read or is binary; names the file.
        """
        paths = list(self.store.paths())
        parsed = (self._steps.read(path)[:2] for path in track(paths))
        self.catalog.reset(parsed)
        self._steps.rows.settle()
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
        news = [path for path in sorted(looked) if self._steps.refresh_one(path, present=path in present)]
        self._steps.rows.settle()
        return news

    def resume(self, *, asked: int) -> list[str]:
        """Go on in a restored world, and return the paths of notes that differ from its rows: edits from outside.

        Args:
            asked: how many requests were ever queued there, so that no ticket is told of another's.
        """
        self.asked = max(self.asked, asked)
        self._tickets.clear()
        news = self._steps.resume()
        self._steps.rows.settle()
        return news

    # asking

    def get(self, path: str) -> NoteText | None:
        """Return a note and its text, or None."""
        record = self.catalog.records.get(path)
        if record is None:
            return None
        return NoteText(path, decode_note(self._steps.bytes_of(path)), record)

    def entity(self, path: str) -> Entity | None:
        """Return the entity that stands for a note, or None."""
        self._steps.rows.settle()
        return self._steps.rows.entities.get(path)

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
        _, text, found = parse_note(path, self._steps.bytes_of(path), 0)
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
            embedder, weight, [(path, decode_note(self._steps.bytes_of(path))) for path in self.paths()]
        )

    def __repr__(self) -> str:
        return f"Notes({len(self.catalog)} notes, {self.waiting} requests waiting)"

    def _do(self, request: NoteRequest) -> SaveOutcome:
        outcome = self._steps.carry_out(self._steps.decide(request))
        self._steps.rows.settle()
        return outcome

    def _request(self, request: NoteRequest) -> SaveTicket:
        self.asked += 1
        ticket = self._tickets[self.asked] = SaveTicket()
        self._world.send(msgspec.structs.replace(request, ticket=self.asked))
        return ticket

    def _must_exist(self, path: str) -> None:
        if path not in self.catalog:
            raise NoteNotFoundError(f"no note {path!r}", path=path)

    def _hit(self, path: str, score: float, by: str) -> NoteHit:
        return NoteHit(path, decode_note(self._steps.bytes_of(path)), score, by)


def _encoded(path: str, content: str | bytes) -> bytes:
    if isinstance(content, bytes):
        return content
    if not isinstance(content, str):
        raise NoteWriteError(f"the text of {path!r} is {type(content).__name__}", expected="str or bytes", path=path)
    try:
        return encode_note(content)
    except UnicodeEncodeError as error:
        raise NoteWriteError(f"the text of {path!r} has a lone surrogate: {error.reason}", path=path) from error


def _failure(error: NoteError) -> SaveOutcome:
    _LOG.error("%s", error)
    return SaveOutcome(saved=False, reason=str(error), path=error.path)


def _foresee(decision: NoteDecision, pending: dict[str, bytes | None]) -> None:
    """Note what a decision will make of notes once it is carried out."""
    if decision.outcome is not None:
        return
    verb = decision.request.verb
    if verb != "save":
        pending[decision.request.path] = None
    if verb != "delete":
        pending[decision.path] = decision.data
