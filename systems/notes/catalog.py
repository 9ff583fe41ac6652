"""What is known of all notes: records, links, words; one change at a time keeps the three in step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tickwright.systems.contracts.ports import NoteHit, Retriever
from tickwright.systems.notes.graph import LinkGraph
from tickwright.systems.notes.record import NoteRecord
from tickwright.systems.notes.retrieve import Embedder, EmbeddingIndex, fuse
from tickwright.systems.notes.search import WordIndex

__all__ = ["Catalog"]


class Catalog:
    """Records by path, the link graph, the word index, and the embeddings if there is an embedder.

    Attributes:
        on_change: called with the paths whose record or links changed, after each change.
    """

    def __init__(self) -> None:
        self.records: dict[str, NoteRecord] = {}
        self.graph = LinkGraph()
        self.words = WordIndex()
        self.on_change: Callable[[set[str]], object] = lambda _: None
        self._meaning: EmbeddingIndex | None = None
        self._weight = 1.0

    def __len__(self) -> int:
        return len(self.records)

    def __contains__(self, path: str) -> bool:
        return path in self.records

    def reset(self, parsed: Iterable[tuple[NoteRecord, str]]) -> None:
        """Begin anew with these notes; if reading them fails, what was known stays."""
        records: dict[str, NoteRecord] = {}
        words = WordIndex()
        texts: list[tuple[str, str]] = []

        def taken() -> Iterable[tuple[NoteRecord, str]]:
            for record, text in parsed:
                records[record.path] = record
                if self._meaning is not None:
                    texts.append((record.path, text))
                yield record, text

        words.load(taken())
        gone = set(self.records) - set(records)
        self.words.close()
        self.records, self.words, self.graph = records, words, LinkGraph()
        changed = self.graph.put_many(records.values())
        if self._meaning is not None:
            for path in gone:
                self._meaning.remove(path)
            self._meaning.put_many(texts)
        self.on_change(changed | gone)

    def put(self, record: NoteRecord, text: str) -> None:
        """Add or replace one note."""
        self.records[record.path] = record
        changed = self.graph.put(record)
        self.words.put_many([(record, text)])
        if self._meaning is not None:
            self._meaning.put_many([(record.path, text)])
        self.on_change(changed)

    def remove(self, path: str) -> None:
        """Forget one note."""
        del self.records[path]
        changed = self.graph.remove(path)
        self.words.remove(path)
        if self._meaning is not None:
            self._meaning.remove(path)
        self.on_change(changed | {path})

    def use_embedder(self, embedder: Embedder, weight: float, texts: Sequence[tuple[str, str]]) -> None:
        """Search by meaning as well from now on."""
        self._meaning, self._weight = EmbeddingIndex(embedder), weight
        self._meaning.put_many(texts)

    def search(self, text: str, limit: int) -> list[NoteHit]:
        """Return hits by words, or by words and meaning fused."""
        if self._meaning is None:
            return [*self.words.search(text, limit)]
        retrievers: dict[str, tuple[Retriever, float]] = {
            "words": (self.words, 1.0),
            "meaning": (self._meaning, self._weight),
        }
        return fuse(text, limit, retrievers=retrievers)
