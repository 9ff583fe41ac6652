"""A second opinion beside words: an embedder, fused by weighted reciprocal ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.ports import NoteHit, Retriever

__all__ = ["Embedder", "EmbeddingIndex", "fuse"]

_K = 60.0  # the constant of reciprocal rank fusion (Cormack, Clarke, Buettcher 2009)


class Embedder(Protocol):
    """Turn texts into vectors; vectors of like texts point the same way."""

    def embed(self, texts: Sequence[str], /) -> Any:
        """Return one row of floats per text, all of one length."""
        ...


class EmbeddingIndex:
    """Find notes by the cosine of their vectors; implements `Retriever`.

    Args:
        embedder: asked once for each new or changed note, in batches, when the next search needs it.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._texts: dict[str, str] = {}
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._stale: set[str] = set()

    def put_many(self, notes: Iterable[tuple[str, str]]) -> None:
        """Add or replace notes, as (path, text)."""
        for path, text in notes:
            self._texts[path] = text
            self._stale.add(path)

    def remove(self, path: str) -> None:
        """Forget a note."""
        self._texts.pop(path, None)
        self._vectors.pop(path, None)
        self._stale.discard(path)

    def search(self, text: str, limit: int = 5) -> Sequence[NoteHit]:
        """Return the notes whose vectors are nearest, best first; equal ones by path."""
        self._refresh()
        if not self._vectors or limit <= 0:
            return []
        paths = sorted(self._vectors)
        scores = np.stack([self._vectors[path] for path in paths]) @ self._unit([text])[0]
        order = np.argsort(-scores, kind="stable")[:limit]
        return [NoteHit(paths[at], self._texts[paths[at]], float(scores[at]), "meaning") for at in order]

    def _refresh(self) -> None:
        if self._stale:
            paths = sorted(self._stale)
            self._vectors.update(zip(paths, self._unit([self._texts[path] for path in paths]), strict=True))
            self._stale.clear()

    def _unit(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.asarray(self._embedder.embed(texts), dtype=np.float32).reshape(len(texts), -1)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: NDArray[np.float32] = np.divide(rows, np.where(lengths == 0, 1, lengths), dtype=np.float32)
        return unit


def fuse(text: str, limit: int, *, retrievers: Mapping[str, tuple[Retriever, float]], depth: int = 30) -> list[NoteHit]:
    """Ask every retriever, and order the notes by the weighted sum of 1 / (60 + rank).

    Args:
        retrievers: name -> (retriever, weight).
        depth: hits asked of each, at least `limit`.

    Returns:
        The hit of the first retriever that found the note, with the fused score; `by` names all that did.
    """
    scores: dict[str, float] = {}
    hits: dict[str, NoteHit] = {}
    names: dict[str, list[str]] = {}
    for name, (retriever, weight) in retrievers.items():
        for rank, hit in enumerate(retriever.search(text, max(depth, limit)), start=1):
            scores[hit.path] = scores.get(hit.path, 0.0) + weight / (_K + rank)
            hits.setdefault(hit.path, hit)
            names.setdefault(hit.path, []).append(name)
    best = sorted(scores, key=lambda path: (-scores[path], path))[:limit]
    return [replace(hits[path], score=scores[path], by="+".join(names[path])) for path in best]
