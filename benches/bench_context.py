"""Context assembly: 50 notes into 8000 tokens, with their counts remembered and without."""

from __future__ import annotations

import random
import time

from benches.bench_notes import note
from benches.harness import Case, Gauge
from tickwright.systems.contracts.ports import NoteHit
from tickwright.systems.generation.assembly import Limits, assemble
from tickwright.systems.generation.context_types import AssembledContext, ContextConfig, SemanticSearch, read_context
from tickwright.systems.generation.tokens import TokenCounter

__all__ = ["cases"]

NOTES, BUDGET = 50, 8000


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001
    times = 5 if quick else 20
    return [
        Gauge("context/cached", NOTES, lambda: _cached(times), "ms", required=5.0, wanted=2.5),
        Gauge("context/cold", NOTES, lambda: _cold(times), "ms", required=40.0, wanted=20.0),
        Gauge("context/count_2kB", 1, _count, "us", required=10.0, wanted=4.0),
    ]


class _Shelf:
    """Notes by number: a search returns the first of them."""

    def __init__(self) -> None:
        rng = random.Random(7)
        self.hits = [NoteHit(f"f/n{number}.md", note(rng, number, NOTES)) for number in range(NOTES)]

    def search(self, text: str, limit: int = 5) -> list[NoteHit]:
        return self.hits[:limit]

    def recent(self, folder: str | None = None, limit: int = 5) -> list[NoteHit]:
        return self.hits[:limit]

    def linked(self, path: str, depth: int = 1) -> list[NoteHit]:
        return self.hits


def _config() -> ContextConfig:
    return read_context(
        ContextConfig(system="Answer.", sources=(SemanticSearch("tide", limit=NOTES),), max_tokens=BUDGET)
    )


def _checked(context: AssembledContext) -> None:
    counter = TokenCounter()
    counted = sum(counter.count(message.content) for message in context.messages) + counter.count("Answer.")
    assert counted == context.total_tokens
    assert 0.95 * BUDGET < context.total_tokens <= BUDGET
    assert context.report[-1].dropped > 0


def _run(counter: TokenCounter, shelf: _Shelf, config: ContextConfig) -> tuple[float, AssembledContext]:
    start = time.perf_counter()
    context = assemble(config, notes=shelf, counter=counter, limits=Limits())
    return (time.perf_counter() - start) * 1e3, context


def _cached(times: int) -> float:
    counter, shelf, config = TokenCounter(), _Shelf(), _config()
    _checked(_run(counter, shelf, config)[1])
    return sorted(_run(counter, shelf, config)[0] for _ in range(times))[times // 2]


def _cold(times: int) -> float:
    shelf, config = _Shelf(), _config()
    TokenCounter().count("the vocabulary is read before the clock starts")
    _checked(_run(TokenCounter(), shelf, config)[1])
    return sorted(_run(TokenCounter(), shelf, config)[0] for _ in range(times))[times // 2]


def _count() -> float:
    counter, text, times = TokenCounter(), note(random.Random(2), 1, 100), 300
    first = counter.count(text)
    start = time.perf_counter()
    for _ in range(times):
        again = counter.count(text)
    taken = (time.perf_counter() - start) / times * 1e6
    assert again == first
    return taken
