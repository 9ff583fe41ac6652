"""Links between notes, kept resolved while notes come, change and go.

What a link means depends on the set of notes alone, never on the order in which they arrived. A change re-resolves
only the links whose last part could name the note that changed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

import msgspec

from tickwright.systems.notes.paths import folder_of, join_relative, link_key
from tickwright.systems.notes.record import NoteRecord
from tickwright.systems.notes.scan import LinkRef

__all__ = ["LinkGraph", "ResolvedLink"]


class ResolvedLink(msgspec.Struct, frozen=True, gc=False):
    """One link of a note: as written, and the path it leads to, or None while there is no such note."""

    source: str
    ref: LinkRef
    target: str | None


def _last(key: str) -> str:
    return key.rpartition("/")[2]


class LinkGraph:
    """Which note links to which; unresolved links wait for their target."""

    def __init__(self) -> None:
        self._notes: dict[str, NoteRecord] = {}
        self._targets: dict[str, tuple[str | None, ...]] = {}
        self._named: defaultdict[str, set[str]] = defaultdict(set)  # last part of a path, or alias -> notes
        self._wanting: defaultdict[str, set[str]] = defaultdict(set)  # last part of a target -> notes that link so
        self._sources: defaultdict[str, set[str]] = defaultdict(set)  # note -> notes that link to it

    def put(self, record: NoteRecord) -> set[str]:
        """Add or replace a note, and return the notes whose links may lead elsewhere now."""
        return self.put_many([record])

    def put_many(self, records: Iterable[NoteRecord]) -> set[str]:
        """Add or replace notes at once."""
        names: set[str] = set()
        changed: set[str] = set()
        for record in records:
            old = self._notes.get(record.path)
            if old is not None:
                names |= self._forget(old)
            self._notes[record.path] = record
            changed.add(record.path)
            for name in _names(record):
                self._named[name].add(record.path)
                names.add(name)
            for ref in record.links:
                if ref.target:
                    self._wanting[_last(link_key(ref.target))].add(record.path)
        return self._resolve(changed, names)

    def remove(self, path: str) -> set[str]:
        """Take a note out, and return the notes whose links may lead elsewhere now."""
        record = self._notes.get(path)
        if record is None:
            return set()
        names = self._forget(record)
        del self._notes[path]
        self._sources.pop(path, None)
        return self._resolve(set(), names)

    def links(self, path: str) -> list[ResolvedLink]:
        """Return a note's links in document order."""
        record = self._notes.get(path)
        if record is None:
            return []
        targets = zip(record.links, self._targets[path], strict=True)
        return [ResolvedLink(path, ref, target) for ref, target in targets]

    def targets(self, path: str) -> tuple[str | None, ...]:
        """Return where a note's links lead, in document order."""
        return self._targets.get(path, ())

    def backlinks(self, path: str) -> list[str]:
        """Return the other notes that link to this one, sorted."""
        return sorted(self._sources.get(path, set()) - {path})

    def linked(self, path: str, depth: int) -> list[tuple[str, int]]:
        """Return (path, distance) of the notes within `depth` links, breadth first, in the order of the links."""
        seen = {path}
        found: list[tuple[str, int]] = []
        waiting = deque([(path, 0)])
        while waiting:
            here, distance = waiting.popleft()
            if distance == depth:
                continue
            for target in self._targets.get(here, ()):
                if target is not None and target not in seen:
                    seen.add(target)
                    found.append((target, distance + 1))
                    waiting.append((target, distance + 1))
        return found

    def unresolved(self) -> list[ResolvedLink]:
        """Return the links that lead nowhere, by source and line."""
        return [link for path in sorted(self._notes) for link in self.links(path) if link.target is None]

    def resolve(self, source: str, target: str) -> str | None:
        """Return the note that `target`, written in `source`, means; None if there is none.

        A path from the note's own folder or from the top comes first, then the end of a path or an alias: in the
        same folder, else the shortest path, else the first by name.
        """
        if not target:
            return source
        folder = folder_of(source)
        key = link_key(target)
        candidates = self._named.get(_last(key))
        if not candidates:
            return None
        for base in (folder, ""):
            joined = join_relative(base, key)
            exact = sorted(path for path in candidates if joined is not None and link_key(path) == joined)
            if exact:
                return exact[0]
        if ".." in key.split("/"):
            return None
        ending = "/" + key
        fitting = [p for p in candidates if ("/" + link_key(p)).endswith(ending) or key in self._aliases(p)]
        return min(fitting, key=lambda path: (folder_of(path) != folder, len(path), path), default=None)

    def _aliases(self, path: str) -> set[str]:
        return {link_key(alias) for alias in self._notes[path].aliases}

    def _forget(self, record: NoteRecord) -> set[str]:
        names = _names(record)
        for name in names:
            _discard(self._named, name, record.path)
        for ref in record.links:
            if ref.target:
                _discard(self._wanting, _last(link_key(ref.target)), record.path)
        for target in self._targets.pop(record.path, ()):
            if target is not None:
                _discard(self._sources, target, record.path)
        return names

    def _resolve(self, changed: set[str], names: set[str]) -> set[str]:
        affected = changed.union(*(self._wanting.get(name, ()) for name in names))
        for path in affected:
            for target in self._targets.get(path, ()):
                if target is not None:
                    _discard(self._sources, target, path)
            targets = tuple(self.resolve(path, ref.target) for ref in self._notes[path].links)
            self._targets[path] = targets
            for target in targets:
                if target is not None:
                    self._sources[target].add(path)
        return affected


def _names(record: NoteRecord) -> set[str]:
    return {_last(link_key(record.path)), *(_last(link_key(alias)) for alias in record.aliases)}


def _discard(index: defaultdict[str, set[str]], key: str, value: str) -> None:
    held = index.get(key)
    if held is not None:
        held.discard(value)
        if not held:
            del index[key]
