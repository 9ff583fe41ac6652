"""The provider that needs no model: it quotes the sentences of its context that answer best, and says so."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import anyio.lowlevel
import msgspec

from tickwright.plugins.providers.filling import fill
from tickwright.plugins.providers.ranking import Sentence, rank, sentences_of, titles_of, words_of
from tickwright.systems.generation.provider import Delta, Request, Usage
from tickwright.systems.generation.tokens import TokenCounter

__all__ = ["Extractive"]

_SAYS = "Quoted from the context, ranked by shared words; no model wrote this."
_CHOSE = "A title from the context, chosen by shared words; no model wrote it."
_NOTHING = "No sentence of the context shares a word with the question; no model was asked."
_WANTS_OUTLINE = re.compile(
    r"^\W*outline\b|"
    r"\b(?:create|write|make|draft|propose|give|produce|prepare|generate|build|plan)\b.{0,60}"
    r"\b(?:outline|sections|headings|table of contents)\b",
    re.IGNORECASE,
)
_LONG = 40  # words from which on what follows the instruction is a text to quote from


class Extractive:
    """Answer without a model and without a network: rank the context's sentences, and quote the best.

    - A prompt for an outline gives the titles of the notes that match.
    - A prompt whose first line is followed by a text of its own ("Synthesize these sections:") is answered from that.
    - A JSON schema is filled with quotations, and with counts of matching words where it wants numbers.

    The same request gives the same answer. `max_tokens` is kept exactly, at the end of a sentence.

    Args:
        most: sentences in an answer, and headings in an outline.
        counter: counts tokens; one of its own if None.
    """

    def __init__(self, *, most: int = 5, counter: TokenCounter | None = None) -> None:
        self._most = most
        self._counter = counter or TokenCounter()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Answer sentence by sentence."""
        await anyio.lowlevel.checkpoint()  # ranking takes its time: not in the middle of a tick
        asked = self._count_prompt(request)
        said, finish = "", "stop"
        yield Delta()
        for piece in self._pieces(request):
            await anyio.lowlevel.checkpoint()
            if request.max_tokens is not None and self._counter.count(said + piece) > request.max_tokens:
                finish = "length"
                break
            said += piece
            yield Delta(piece)
        yield Delta(usage=Usage(asked, self._counter.count(said)), finish=finish)

    def _pieces(self, request: Request) -> Iterator[str]:
        instruction, body = _split(request.prompt)
        context = [("", message.content) for message in request.messages]
        outline = _WANTS_OUTLINE.search(instruction) is not None
        own = not outline and len(body.split()) >= _LONG
        texts = [("", body)] if own else context
        sentences = [each for each in sentences_of(texts) if not _is_ours(each.text)]
        question = words_of(instruction if own else _without_ours(request.prompt))
        ranked = rank(sentences, question) or (_first_of_each(sentences) if own else [])
        if request.json_schema is not None:
            yield _json(request.json_schema, ranked, sentences, question)
        elif outline:
            yield from self._outline(ranked, sentences, question)
        else:
            yield from self._answer(ranked, heading="" if own else body)

    def _answer(self, ranked: Sequence[tuple[float, Sentence]], heading: str) -> Iterator[str]:
        title = heading.strip().splitlines()[0] if heading.strip().startswith("#") else ""
        if title:
            yield f"{title}\n\n"
        if not ranked:
            yield _NOTHING
            return
        yield _SAYS
        best = sorted((sentence for _, sentence in ranked[: self._most]), key=lambda sentence: sentence.at)
        source = ""
        for sentence in best:
            if sentence.source and sentence.source != source:
                source = sentence.source
                yield f"\n\nNote: {source}\n\n> {sentence.text}"
            else:
                yield f"\n\n> {sentence.text}"

    def _outline(
        self, ranked: Sequence[tuple[float, Sentence]], sentences: Sequence[Sentence], question: Sequence[str]
    ) -> Iterator[str]:
        headings = _outline(ranked, sentences)[: self._most]
        if not headings:
            yield f"## {' '.join(question) or 'Notes'}\n\n{_NOTHING}\n"
        for index, (heading, source) in enumerate(headings):
            gap = "\n" if index else ""
            yield f"{gap}## {heading}\n\n" + (f"Note: {source}\n\n" if source else "") + f"{_CHOSE}\n"

    def _count_prompt(self, request: Request) -> int:
        texts = (request.system, *(message.content for message in request.messages), request.prompt)
        return sum(self._counter.count(text) for text in texts)

    def __repr__(self) -> str:
        return f"Extractive(most={self._most})"


def _is_ours(text: str) -> bool:
    """Return whether a sentence is one that an earlier answer of ours says about itself."""
    return text in (_SAYS, _CHOSE, _NOTHING)


def _without_ours(prompt: str) -> str:
    return "\n".join(line for line in prompt.splitlines() if not line.strip() or not _is_ours(line.strip()))


def _split(prompt: str) -> tuple[str, str]:
    """Return (the first line or what stands before its colon, the rest)."""
    first, _, rest = prompt.strip().partition("\n")
    return first, rest.strip()


def _first_of_each(sentences: Sequence[Sentence]) -> list[tuple[float, Sentence]]:
    """Return each section's first sentence: what a summary of a text without a question holds."""
    first: dict[tuple[str, str], Sentence] = {}
    for sentence in sentences:
        first.setdefault((sentence.source, sentence.heading), sentence)
    return [(1.0, sentence) for sentence in first.values()]


def _outline(ranked: Sequence[tuple[float, Sentence]], sentences: Sequence[Sentence]) -> list[tuple[str, str]]:
    """Return the titles whose sentences match best, one of a name, best first."""
    scores: dict[tuple[str, str], float] = dict.fromkeys(titles_of(sentences), 0.0)
    for score, sentence in ranked:
        for key in titles_of([sentence]):
            scores[key] = max(scores[key], score)
    once: dict[str, tuple[str, str]] = {}
    for key in sorted((key for key, score in scores.items() if score > 0), key=lambda key: -scores[key]):
        once.setdefault(key[0].lower(), key)
    return list(once.values())


def _json(
    schema: Mapping[str, Any],
    ranked: Sequence[tuple[float, Sentence]],
    sentences: Sequence[Sentence],
    question: Sequence[str],
) -> str:
    texts = [sentence.text for _, sentence in ranked] or [_NOTHING]
    titles = [heading for heading, _ in _outline(ranked, sentences)] or texts
    found = {word for _, sentence in ranked for word in words_of(sentence.text)}
    matching = sum(word in found for word in set(question))
    return msgspec.json.encode(fill(schema, texts=texts, titles=titles, number=matching)).decode()
