"""Answers that may be given again: by model, question and options."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import msgspec

from tickwright.systems.generation.provider import Request, Usage

__all__ = ["Answer", "AnswerCache", "cache_key"]


class Answer(msgspec.Struct, frozen=True):
    """One kept answer."""

    text: str
    usage: Usage = Usage()
    finish: str = ""


def cache_key(request: Request) -> str:
    """Return a digest of all that an answer depends on; who asks and how long it may take do not count."""
    asked = (
        request.model, request.system, [(each.role, each.content) for each in request.messages], request.prompt,
        request.max_tokens, request.temperature, request.json_schema, request.seed, request.stop,
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()[:32]


class AnswerCache:
    """Keeps a number of answers; the one used longest ago goes first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str) -> Answer | None:
        """Return an answer, or None."""
        found = self._answers.get(key)
        if found is not None:
            self._answers.move_to_end(key)
        return found

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer."""
        self._answers[key] = answer
        self._answers.move_to_end(key)
        while len(self._answers) > self.size:
            self._answers.popitem(last=False)

    def clear(self) -> None:
        """Forget every answer."""
        self._answers.clear()
