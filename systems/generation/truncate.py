"""Cut a text to a number of tokens where its own structure allows it: a heading, a paragraph, a sentence."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from tickwright.systems.generation.tokens import DEFAULT_ENCODING, TokenCounter

__all__ = ["BOUNDARIES", "Cut", "boundaries", "truncate"]

BOUNDARIES = ("heading", "paragraph", "sentence", "line")
"""Where a text may be cut, from coarse to fine."""

_WORTH = 0.75  # a coarser boundary is taken if it keeps this share of what the finest would keep
_LOOK_AHEAD = 256  # characters past the cut that may be needed to see that a boundary is one
_CHARS_PER_TOKEN = 8

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})(.*)")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]")
_ITEM = re.compile(r"[ \t]*(?:[-*+>|]|\d{1,9}[.)])(?:[ \t]|$)")
_CLOSERS = r"[\"'\u201d\u2019)\]*_]*"
_SENTENCE = re.compile(rf"[.!?…]{_CLOSERS}(?=\s+[^\sa-z])|[\u3002\uff01\uff1f][\"\u201d\u2019\u300d\u300f\uff09]*")
_ENDED = re.compile(rf"[.!?…]{_CLOSERS}$")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


class Cut(msgspec.Struct, frozen=True):
    """The kept head of a text; `boundary` is "whole", one of BOUNDARIES, or "" if nothing is left."""

    text: str
    tokens: int
    boundary: str


def truncate(text: str, max_tokens: int, *, counter: TokenCounter, encoding: str = DEFAULT_ENCODING) -> Cut:
    """Return the longest head of a text that fits and ends where the text itself pauses.

    A coarser boundary is preferred if it keeps three quarters of what the finest would keep. A text is never cut
    inside a code fence, inside frontmatter or right after a heading; lines are used where no sentence ends.

    Cost: O(what is kept), two or three encodings of it.
    """
    if not text or max_tokens <= 0:
        return Cut("", 0, "")
    reach = _reach(text, max_tokens, counter, encoding)
    if reach == len(text):
        tokens = counter.count(text, encoding=encoding)
        if tokens <= max_tokens:
            return Cut(text, tokens, "whole")
    ends = boundaries(text[: reach + _LOOK_AHEAD])
    while reach > 0:
        boundary, end = _best(ends, reach)
        if not end:
            break
        tokens = counter.count(text[:end], encoding=encoding)
        if tokens <= max_tokens:
            return Cut(text[:end], tokens, boundary)
        reach = end - 1  # a head may have more tokens than it had inside the whole
    return Cut("", 0, "")


def boundaries(text: str) -> dict[str, list[int]]:
    """Return, for each boundary, the ends of the heads of `text` that it allows, ascending.

    Cost: O(len(text)).
    """
    ends: dict[str, list[int]] = {name: [] for name in BOUNDARIES}
    fence, kept, broken, titled, ended = "", 0, False, False, False
    for start, line, in_matter in _lines(text):
        bare = line.strip()
        if not bare:
            broken = True
            continue
        marker = _marker(line)
        heading = not fence and not in_matter and _HEADING.match(line) is not None
        if kept and not fence and not in_matter and not titled:
            ended = ended or _ITEM.match(line) is not None
            ends[_kind(heading=heading, broken=broken or bool(marker), ended=ended)].append(kept)
        if not fence and not in_matter and not marker and not heading:
            _sentences(line, start, ends["sentence"])
        closing = bool(fence) and _closes(marker, fence, line)
        fence = "" if closing else fence or marker
        kept = start + len(line.rstrip())
        broken, titled, ended = closing, heading or in_matter, _ENDED.search(bare) is not None
    return {name: sorted(set(found)) for name, found in ends.items()}


def _kind(*, heading: bool, broken: bool, ended: bool) -> str:
    """Return what the start of a line marks the end of."""
    if heading:
        return "heading"
    if broken:
        return "paragraph"
    return "sentence" if ended else "line"


def _sentences(line: str, start: int, found: list[int]) -> None:
    found.extend(
        start + match.end()
        for match in _SENTENCE.finditer(line)
        if not line[: match.start()].strip(" \t>").isdigit()  # "1." begins a list item
    )


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield (offset, line, whether it stands in the frontmatter)."""
    matter = text.startswith(("---\n", "---\r\n"))
    for match in _LINE.finditer(text):
        if match.start() == len(text):
            return
        line = match[0]
        yield match.start(), line, matter
        if matter and match.start() and line.rstrip() in ("---", "..."):
            matter = False


def _marker(line: str) -> str:
    """Return the run of back-ticks or tildes that opens or closes a fence, or ""."""
    match = _FENCE.match(line)
    if match is None or (match[1][0] == "`" and "`" in match[2]):
        return ""
    return match[1]


def _closes(marker: str, fence: str, line: str) -> bool:
    return marker[:1] == fence[0] and len(marker) >= len(fence) and not line.strip(" \t>\r\n").strip(fence[0])


def _best(ends: dict[str, list[int]], reach: int) -> tuple[str, int]:
    """Return the boundary to take at or before `reach`, and where it ends; ("", 0) if there is none."""
    last = {name: found[at - 1] if (at := bisect_right(found, reach)) else 0 for name, found in ends.items()}
    finest = max(last["heading"], last["paragraph"], last["sentence"])
    for name in BOUNDARIES[:3]:
        if finest and last[name] >= _WORTH * finest:
            return name, last[name]
    return ("line", last["line"]) if last["line"] else ("", 0)


def _reach(text: str, max_tokens: int, counter: TokenCounter, encoding: str) -> int:
    """Return how many characters the first `max_tokens` tokens make up, without encoding all of a long text."""
    size = max_tokens * _CHARS_PER_TOKEN
    while size < len(text):
        reach = counter.head(text[:size], max_tokens, encoding=encoding)
        if reach < size:
            return reach
        size *= 4
    return counter.head(text, max_tokens, encoding=encoding)
