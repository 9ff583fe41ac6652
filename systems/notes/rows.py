"""The notes' entities, kept equal to the catalogue: only what changed is written, and in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from tickwright.ecs_core import Commands, Entity, Query, World
from tickwright.ecs_core.entity import Ids
from tickwright.systems.notes.catalog import Catalog
from tickwright.systems.notes.components import Block, Frontmatter, Link, Note, Tag
from tickwright.systems.notes.record import NoteRecord

__all__ = ["NoteRows"]

NOWHERE = Entity(0)


class NoteRows:
    """Write notes, links, tags and blocks as rows.

    Links are rows with two Entity columns and no engine relation: for 80,000 links that is 25 times faster to load
    and a ninth of the memory, and who links here is the link graph's to know.

    Attributes:
        entities: by path.
    """

    def __init__(self, world: World, catalog: Catalog) -> None:
        self.entities: dict[str, Entity] = {}
        self._world = world
        self._catalog = catalog
        self._written: dict[str, NoteRecord] = {}
        self._dirty: set[str] = set()
        self._orphans: list[Entity] = []
        self._links: Query[Any] = world.query(Query[tuple[Entity, Link]])
        self._parts: list[tuple[Query[Any], str]] = [
            (self._links, "source"),
            (world.query(Query[tuple[Entity, Tag]]), "note"),
            (world.query(Query[tuple[Entity, Block]]), "note"),
        ]
        for kind in (Note, Frontmatter):
            world.components.number(kind)

    def mark(self, paths: Iterable[str]) -> None:
        """Remember that these notes, or where their links lead, changed."""
        self._dirty.update(paths)

    def move(self, old: str, new: str) -> None:
        """Let a renamed note keep its entity."""
        entity = self.entities.pop(old, None)
        if entity is not None:
            if new in self.entities:  # of a note deleted since rows were last written
                self._orphans.append(self.entities[new])
            self.entities[new] = entity
        self._written.pop(old, None)

    def settle(self) -> None:
        """Write what changed; inside of a query's loop it waits for the next call outside of it."""
        if not self._dirty or self._world.iterating:
            return
        records = self._catalog.records
        dirty, self._dirty = sorted(self._dirty), set()
        alive = [path for path in dirty if path in records]
        fresh = [path for path in alive if not self._world.contains(self.entities.get(path, NOWHERE))]
        new = set(fresh)
        changed = [path for path in alive if path not in new and records[path] is not self._written.get(path)]
        new.update(changed)
        gone, self._orphans = self._orphans, []
        gone += [self.entities.pop(path) for path in dirty if path not in records and path in self.entities]
        for path in dirty:
            self._written.pop(path, None)
        self._drop([*gone, *(self.entities[path] for path in sorted(new) if path in self.entities)], notes=gone)
        self._write_notes(fresh, changed)
        self._write_parts(sorted(new))
        self._lead_elsewhere([path for path in alive if path not in new])
        self._written.update((path, records[path]) for path in alive)

    def adopt(self) -> dict[str, int]:
        """Take the rows of a restored world for the notes they name; return path -> hash."""
        self.entities.clear()
        self._written.clear()
        self._dirty.clear()
        self._orphans.clear()
        rows = list(self._world.query(Query[tuple[Entity, Note]]).rows())
        self.entities.update((row.path, entity) for entity, row in rows)
        return {row.path: row.hash for _, row in rows}

    def compare(self) -> None:
        """Pass over the notes whose rows say what the catalogue says, when rows are written next."""
        same: list[str] = []
        for path, entity in self.entities.items():
            record, row = self._catalog.records.get(path), self._world.get(entity, Note)
            if record is not None and (row.hash, row.modified_ms) == (record.hash, record.modified_ms):
                self._written[path] = record
                same.append(path)
        self.mark([*self.entities, *self._catalog.records])
        self._write_matter(same)

    def _drop(self, owners: Sequence[Entity], *, notes: Sequence[Entity]) -> None:
        if not owners:
            return
        ids = np.array(owners, np.uint64)
        doomed = [np.array(notes, np.uint64)]
        for query, field in self._parts:
            doomed += [chunk[np.isin(getattr(rows, field), ids)] for chunk, rows in query]
        found = np.concatenate(doomed)
        self._world.despawn_batch(found[self._world.contains_batch(found)])

    def _write_notes(self, fresh: Sequence[str], changed: Sequence[str]) -> None:
        made = self._world.spawn_batch(len(fresh), self._columns(fresh))
        self.entities.update(zip(fresh, map(Entity, made.tolist()), strict=True))
        if changed:
            self._world.insert_batch(self._ids(changed), self._columns(changed))
        self._write_matter([*fresh, *changed])

    def _write_matter(self, paths: Iterable[str]) -> None:
        commands = Commands(self._world)
        for path in paths:
            matter, entity = self._catalog.records[path].matter, self.entities[path]
            if matter.data or matter.error:
                commands.insert(entity, Frontmatter(matter.data, matter.error))
            elif self._world.has(entity, Frontmatter):
                commands.remove(entity, Frontmatter)
        commands.apply()

    def _columns(self, paths: Sequence[str]) -> Any:
        records = [self._catalog.records[path] for path in paths]
        return Note.columns(  # type: ignore[attr-defined]  # added by @component
            path=self._world.symbols.intern_batch(paths),
            size=np.fromiter((record.size for record in records), np.int64, len(records)),
            modified_ms=np.fromiter((record.modified_ms for record in records), np.int64, len(records)),
            hash=np.fromiter((record.hash for record in records), np.uint64, len(records)),
        )

    def _ids(self, paths: Iterable[str]) -> Ids:
        return np.fromiter((self.entities[path] for path in paths), np.uint64)

    def _write_parts(self, paths: Sequence[str]) -> None:
        records = [self._catalog.records[path] for path in paths]
        owners, intern = self._ids(paths), self._world.symbols.intern_batch
        targets = [self._target(target) for path in paths for target in self._catalog.graph.targets(path)]
        links = [link for record in records for link in record.links]
        kind: Any = Link
        self._spawn(
            len(links),
            kind.columns(
                source=_repeat(owners, [len(record.links) for record in records]),
                target=np.array(targets, np.uint64),
                index=_places([len(record.links) for record in records]),
                line=np.fromiter((link.line for link in links), np.int32, len(links)),
                **{name: intern(map(attrgetter(field), links)) for name, field in _LINK_TEXTS.items()},
            ),
        )
        counts = [len(record.tags) for record in records]
        names = [tag for record in records for tag in record.tags]
        kind = Tag
        self._spawn(len(names), kind.columns(note=_repeat(owners, counts), name=intern(names), index=_places(counts)))
        blocks = [block for record in records for block in _blocks(record)]
        counts = [len(record.headings) + len(record.anchors) for record in records]
        kind = Block
        self._spawn(
            len(blocks),
            kind.columns(
                note=_repeat(owners, counts),
                kind=intern(block[0] for block in blocks),
                name=intern(block[1] for block in blocks),
                level=np.fromiter((block[2] for block in blocks), np.int32, len(blocks)),
                line=np.fromiter((block[3] for block in blocks), np.int32, len(blocks)),
            ),
        )

    def _spawn(self, count: int, columns: Any) -> None:
        if count:
            self._world.spawn_batch(count, columns)

    def _lead_elsewhere(self, paths: Sequence[str]) -> None:
        """Point the links of notes that did not change themselves at where they lead now."""
        if not paths:
            return
        targets = {self.entities[path]: self._catalog.graph.targets(path) for path in paths}
        ids = self._ids(paths)
        moved: list[tuple[int, Entity]] = []
        for chunk, link in self._links:
            rows = np.flatnonzero(np.isin(link.source, ids))
            where = zip(chunk[rows], link.source[rows], link.index[rows], link.target[rows], strict=True)
            for entity, source, index, target in (map(int, row) for row in where):
                wanted = self._target(targets[Entity(source)][index])
                if wanted != target:
                    moved.append((entity, wanted))
        for row, wanted in moved:
            self._world.get(row, Link).target = wanted

    def _target(self, path: str | None) -> Entity:
        return NOWHERE if path is None else self.entities[path]


_LINK_TEXTS = {"name": "target", "anchor": "anchor", "kind": "kind"}


def _blocks(record: NoteRecord) -> list[tuple[str, str, int, int]]:
    """Return (kind, name, level, line) of what links can name, in document order."""
    found = [("heading", each.text, each.level, each.line) for each in record.headings]
    found += [("id", each.id, 0, each.line) for each in record.anchors]
    return sorted(found, key=lambda block: block[3])


def _repeat(owners: Ids, counts: Sequence[int]) -> Ids:
    return np.repeat(owners, counts)


def _places(counts: Sequence[int]) -> Any:
    """Return 0, 1, ... for each owner anew.

    >>> _places([2, 0, 3]).tolist()
    [0, 1, 0, 1, 2]
    """
    total = int(np.sum(counts))
    starts = np.cumsum(counts) - counts if len(counts) else np.empty(0, np.int64)
    return (np.arange(total) - np.repeat(starts, counts)).astype(np.int32)
