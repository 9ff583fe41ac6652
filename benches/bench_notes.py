"""Notes: load a vault like a real one, its memory, a scan, a search."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
import tracemalloc
from functools import lru_cache
from pathlib import Path

from benches.harness import Case, Gauge
from tickwright.ecs_core import App
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.notes import Notes, NotesPlugin, scan

__all__ = ["cases"]

SYLLABLES = ["mar", "sal", "ti", "de", "cre", "ek", "mud", "lo", "wan", "ber", "so", "ri", "ne", "tu", "pa", "gil"]


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001
    size = 2_000 if quick else 10_000
    scale = size / 10_000
    return [
        Gauge("notes/load", size, lambda: _load(size), "s", required=8.0 * scale, wanted=4.0 * scale, rounds=1),
        Gauge("notes/memory", size, lambda: _memory(size), "kB a note", required=60, wanted=30, rounds=1),
        Gauge("notes/search_p95", size, lambda: _search_p95(size), "ms", required=15, wanted=5),
        Gauge("notes/scan_2kB", 1, _scan, "us", required=300, wanted=150),
    ]


def note(rng: random.Random, number: int, size: int) -> str:
    """Return a note of about 2 kB with frontmatter, headings, links, tags and a code block."""
    words = _words()
    weights = _weights()
    tags = f"t{number % 40}, t{number % 7}"
    parts = [f"---\ntitle: Note {number}\ntags: [{tags}]\ncreated: 2026-01-{number % 28 + 1:02}\n---\n"]
    for section in range(4):
        body = " ".join(rng.choices(words, cum_weights=weights, k=68))
        link = f"[[n{rng.randrange(size)}]] and [[n{rng.randrange(size)}#Part 1|there]]"
        parts.append(f"\n## Part {section}\n\n{body}\n\n- {link} #topic/{number % 30}\n")
    parts.append("\n```\n[[not a link]]\n```\n")
    return "".join(parts)


@lru_cache(maxsize=1)
def _words() -> list[str]:
    rng = random.Random(1)
    return ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(20_000)]


@lru_cache(maxsize=1)
def _weights() -> list[float]:
    total, out = 0.0, []
    for rank in range(1, len(_words()) + 1):  # words are as unevenly frequent as in any language
        total += 1 / rank
        out.append(total)
    return out


@lru_cache(maxsize=1)
def _vault(size: int) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    rng = random.Random(size)
    for number in range(size):
        path = Path(folder.name) / f"f{number % 50}" / f"n{number}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(note(rng, number, size))
    return folder


def _open(size: int) -> Notes:
    notes = App().add_plugins(NotesPlugin(), VaultPlugin(_vault(size).name)).world.resource(Notes)
    assert len(notes.paths()) == size
    assert notes.unresolved() == []
    return notes


def _load(size: int) -> float:
    _vault(size)
    start = time.perf_counter()
    notes = App().add_plugins(NotesPlugin(), VaultPlugin(_vault(size).name)).world.resource(Notes)
    taken = time.perf_counter() - start
    assert len(notes.paths()) == size
    return taken


def _memory(size: int) -> float:
    """Return the objects' bytes plus the index's, which SQLite allocates past the interpreter's accounting."""
    _vault(size)
    tracemalloc.start()
    notes = _open(size)
    taken = tracemalloc.get_traced_memory()[0] + notes.catalog.words.bytes_used()
    tracemalloc.stop()
    return taken / size / 1000


def _search_p95(size: int) -> float:
    notes, rng, times = _open(size), random.Random(3), []
    for _ in range(200):
        text = " ".join(rng.choices(_words(), cum_weights=_weights(), k=rng.randint(1, 4)))
        start = time.perf_counter()
        hits = notes.search(text, 5)
        times.append(time.perf_counter() - start)
        assert hits, "every word was drawn from the notes' own"
    return statistics.quantiles(times, n=20)[18] * 1e3


def _scan() -> float:
    text, times = note(random.Random(2), 1, 100), 300
    assert len(scan(text).links) == 8
    start = time.perf_counter()
    for _ in range(times):
        scan(text)
    return (time.perf_counter() - start) / times * 1e6
