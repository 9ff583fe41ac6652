"""The token stream: parallel lists, because a list of small objects costs twice the time of the whole lexer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["KEYWORDS", "Kind", "Tokens"]

KEYWORDS = frozenset(
    (
        "and",
        "break",
        "do",
        "else",
        "elseif",
        "end",
        "false",
        "for",
        "function",
        "if",
        "in",
        "local",
        "nil",
        "not",
        "or",
        "repeat",
        "return",
        "then",
        "true",
        "until",
        "while",
    )
)


class Kind(IntEnum):
    """What a token is; the four INTERP kinds are the pieces of a backtick string around its holes."""

    EOF = 0
    NAME = 1
    NUMBER = 2
    STRING = 3
    OP = 4
    KEYWORD = 5
    INTERP_WHOLE = 6
    INTERP_BEGIN = 7
    INTERP_MIDDLE = 8
    INTERP_END = 9


@dataclass(slots=True)
class Tokens:
    """Token i is `texts[i]` of kind `kinds[i]`, at byte `starts[i]`, on line `lines[i]`; the last one is EOF.

    Ops and keywords are known by their text alone: names never equal keywords, and the texts of strings and numbers
    begin with a quote, a long bracket or a digit.
    """

    source: str
    file: str
    kinds: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
