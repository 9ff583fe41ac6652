"""Search by words: SQLite's FTS5 in memory, every word first, then any of them."""

from __future__ import annotations

import re
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from tickwright.systems.contracts.ports import NoteHit
from tickwright.systems.notes.record import NoteRecord

__all__ = ["FoundNote", "WordIndex"]

_WORD = re.compile(r"\w+")
_MOST_WORDS = 24
_AT_A_TIME = 256
_COUNTS_KEPT = 10_000
_RARE = 0.1  # a word in more notes than this share tells little when any word will do


@dataclass(frozen=True, slots=True)
class FoundNote(NoteHit):
    """A hit with its title and the piece of text that matched."""

    title: str = ""
    snippet: str = ""


class WordIndex:
    """Index notes' texts, and find them by words; safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._db.executescript(
            "CREATE VIRTUAL TABLE notes USING fts5(path UNINDEXED, title, tags, body,"
            " tokenize='porter unicode61 remove_diacritics 2');"
            "PRAGMA temp_store = MEMORY;"
        )
        weakref.finalize(self, self._db.close)  # also where nobody calls close
        self._rows: dict[str, int] = {}
        self._next = 1
        self._counts: dict[str, int] = {}
        self._changes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def load(self, notes: Iterable[tuple[NoteRecord, str]]) -> None:
        """Take in many notes, into an index that is empty; a second thread indexes those that are there already.

        What `notes` raises goes through; the index is then of no use.
        """
        with self._lock, ThreadPoolExecutor(1, "tickwright index") as worker:
            at_work: Future[None] | None = None
            rows: list[tuple[Any, ...]] = []
            self._db.execute("BEGIN")
            for record, text in notes:
                rows.append(self._row(record, text))
                if len(rows) == _AT_A_TIME:
                    if at_work is not None:
                        at_work.result()
                    at_work, rows = worker.submit(self._insert, rows), []
            if at_work is not None:
                at_work.result()
            self._insert(rows)
            self._db.execute("COMMIT")

    def put_many(self, notes: Iterable[tuple[NoteRecord, str]]) -> None:
        """Add or replace notes with their texts."""
        with self._lock:
            self._db.execute("BEGIN")
            for record, text in notes:
                self._delete(record.path)
                self._insert([self._row(record, text)])
                self._changed(1)
            self._db.execute("COMMIT")

    def _row(self, record: NoteRecord, text: str) -> tuple[Any, ...]:
        number = self._rows[record.path] = self._next
        self._next += 1
        return number, record.path, record.title, " ".join(record.tags), _clean(text).replace("\0", " ")

    def _insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._db.executemany("INSERT INTO notes(rowid, path, title, tags, body) VALUES (?, ?, ?, ?, ?)", rows)

    def remove(self, path: str) -> None:
        """Forget a note; an unknown one does nothing."""
        with self._lock:
            self._delete(path)
            self._changed(1)

    def bytes_used(self) -> int:
        """Return the index's size in memory."""
        pages, size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages) * int(size)

    def close(self) -> None:
        """Free the index."""
        self._db.close()

    def search(self, text: str, limit: int = 5) -> list[FoundNote]:
        """Return at most `limit` notes, best first: those with every word, then those with any."""
        words = list(dict.fromkeys(word.casefold() for word in _WORD.findall(_clean(text))))[:_MOST_WORDS]
        if not words or limit <= 0:
            return []
        with self._lock:
            found = self._with_all(words, limit)
            if len(found) < limit and len(words) > 1:
                any_word = " OR ".join(f'"{word}"' for word in self._telling(words))
                seen = {hit.path for hit in found}
                some = self._match(any_word, limit + len(seen)) or []
                more = [hit for hit in some if hit.path not in seen]
                # bm25 of two queries cannot be compared: a note with every word stays before one with some
                lowest = min((hit.score for hit in found), default=None)
                most = float("inf") if lowest is None else lowest - 0.001 * abs(lowest)
                found += [_at_most(hit, most) for hit in more[: limit - len(found)]]
            if not found and not text.isascii():
                found = self._contains(words, limit)
        return found

    def _with_all(self, words: Sequence[str], limit: int) -> list[FoundNote]:
        """Return the notes with every word, best first.

        A word in more than half of the notes adds next to nothing to bm25, yet costs as much as any: the others, or
        the rarest, rank. A hit that lacks one of the words left out shows that they matter after all.
        """
        every = " AND ".join(f'"{word}"' for word in words)
        half = max(20, len(self._rows) // 2)
        ranking = [word for word in words if self._count(word) <= half] or [min(words, key=self._count)]
        if len(ranking) < len(words):
            found = self._match(" AND ".join(f'"{word}"' for word in ranking), limit, shown=every)
            if found is not None:
                return found
        return self._match(every, limit) or []

    def _match(self, query: str, limit: int, *, shown: str = "") -> list[FoundNote] | None:
        """Return the best hits of a query, or None if one of them does not fit what is to be shown."""
        # ranked first, so that snippets are made only for the hits that are shown
        ranked = self._db.execute(
            "SELECT rowid, bm25(notes, 0.0, 8.0, 4.0, 1.0) AS score FROM notes WHERE notes MATCH ?"
            " ORDER BY score LIMIT ?",  # the weights of path (not indexed), title, tags, body
            (query, limit),
        ).fetchall()
        found = []
        for row, score in ranked:
            hit = self._db.execute(
                "SELECT path, title, body, snippet(notes, 3, '', '', ' … ', 24) FROM notes"
                " WHERE notes MATCH ? AND rowid = ?",
                (shown or query, row),
            ).fetchone()
            if hit is None:
                return None
            path, title, body, snippet = hit
            found.append(FoundNote(path, body, -score, "words", title, " ".join(snippet.split())))
        return found

    def _telling(self, words: Sequence[str]) -> list[str]:
        """Leave out the words that most notes have, unless that leaves none."""
        most = max(20, int(len(self._rows) * _RARE))
        kept = [word for word in words if self._count(word) <= most]
        return kept or [min(words, key=self._count)]

    def _count(self, word: str) -> int:
        """Return how many notes have the word, or had when it was last counted."""
        found = self._counts.get(word)
        if found is None:
            ask = "SELECT count(*) FROM notes WHERE notes MATCH ?"
            found = self._counts[word] = int(self._db.execute(ask, (f'"{word}"',)).fetchone()[0])
        return found

    def _changed(self, count: int) -> None:
        """Forget the words' counts once a hundredth of the notes changed."""
        self._changes += count
        if self._changes * 100 > len(self._rows) or len(self._counts) > _COUNTS_KEPT:
            self._changes = 0
            self._counts.clear()

    def _contains(self, words: Sequence[str], limit: int) -> list[FoundNote]:
        """Look through the texts, for scripts that write no spaces between words."""
        where = " AND ".join("instr(body, ?) > 0" for _ in words)
        rows = self._db.execute(
            f"SELECT path, title, body FROM notes WHERE {where} ORDER BY path LIMIT ?",  # noqa: S608 (only ? inside)
            (*words, limit),
        )
        return [FoundNote(path, body, 0.0, "words", title, _around(body, words[0])) for path, title, body in rows]

    def _delete(self, path: str) -> None:
        row = self._rows.pop(path, None)
        if row is not None:
            self._db.execute("DELETE FROM notes WHERE rowid = ?", (row,))


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _at_most(hit: FoundNote, score: float) -> FoundNote:
    return hit if hit.score <= score else replace(hit, score=score)


def _around(body: str, word: str) -> str:
    at = max(0, body.find(word) - 40)
    return " ".join(body[at : at + 120].split())
