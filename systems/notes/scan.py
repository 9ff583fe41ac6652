"""Find links, tags, headings and block ids in a note, past its code.

One pass of one expression over the text with code blanked out: about 100 us for 2 kB (benches/bench_notes.py).
No expression here can backtrack over more than a line, so a hostile megabyte costs no more than a plain one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from urllib.parse import unquote

import msgspec

__all__ = ["Anchor", "Heading", "LinkRef", "Scan", "TagRef", "decode_note", "encode_note", "scan"]


class LinkRef(msgspec.Struct, frozen=True, gc=False):
    """One link as written.

    Attributes:
        target: the name or path before `#` and `|`; "" for a link within the note itself.
        anchor: the heading or `^block` after `#`, or "".
        alias: the text to show, or "".
        kind: `wiki`, `embed` or `markdown`.
        line: from 1.
    """

    target: str
    anchor: str
    alias: str
    kind: str
    line: int


class TagRef(msgspec.Struct, frozen=True, gc=False):
    """One tag as written in the text, without `#`; `line` from 1."""

    name: str
    line: int


class Heading(msgspec.Struct, frozen=True, gc=False):
    """One heading; `level` 1 to 6, `line` from 1."""

    level: int
    text: str
    line: int


class Anchor(msgspec.Struct, frozen=True, gc=False):
    """One block id, without `^`; `line` from 1."""

    id: str
    line: int


class Scan(msgspec.Struct, frozen=True):
    """What a note's text contains; `matter` is the raw frontmatter or None, `body_start` where the body begins."""

    links: tuple[LinkRef, ...] = ()
    tags: tuple[TagRef, ...] = ()
    headings: tuple[Heading, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    matter: str | None = None
    body_start: int = 0


_MATTER = re.compile(r"---[ \t]*\r?\n(?:(.*?)\r?\n)??(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FENCE = re.compile(r"^[ \t>]{0,12}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_TICKS = re.compile(r"`+|\n[ \t]*\r?\n")
_KEEP_LINES = re.compile(r"[^\n]+")
_MARKS = re.compile(
    r"""
      (?<!\\)(?P<embed>!?)\[\[(?P<wiki>[^\[\]\n|\#]{0,500})(?:\#(?P<wanchor>[^\[\]\n|]{0,500}))?
        (?:\|(?P<alias>[^\[\]\n]{0,500}))?\]\]
    | (?<!\\)\[(?P<text>[^\[\]\n]{0,500})\]\((?:<(?P<angled>[^<>\n]{1,500})>|(?P<bare>[^()\s<>]{1,500}))
        (?:[ \t]+"[^"\n]{0,500}")?[ \t]*\)
    | ^[ ]{0,3}(?P<level>\#{1,6})(?=[ \t])(?P<heading>[^\n]*)$
    | (?<![^\s(\[{,;"'>*_])\#(?P<tag>[\w/-]{1,200})
    | (?<!\S)\^(?P<block>[A-Za-z0-9-]{1,200})(?=[ \t]{0,50}\r?$)
    """,
    re.VERBOSE | re.MULTILINE,
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def decode_note(data: bytes) -> str:
    """Return a note's text; bytes that are no UTF-8 survive as surrogates and come back by `encode_note`."""
    return data.decode("utf-8", "surrogateescape")


def encode_note(text: str) -> bytes:
    """Return a note's bytes; the inverse of `decode_note`."""
    return text.encode("utf-8", "surrogateescape")


def scan(text: str) -> Scan:
    """Return what a note contains; never raises.

    Code blocks and code spans are passed over; lines end in LF or CRLF; a byte order mark is ignored.
    Cost: O(len(text)).
    """
    start = 1 if text.startswith("\ufeff") else 0
    matter, body_start = _split_matter(text, start)
    masked = _blank_code(text, body_start)
    ends = [match.start() for match in re.finditer("\n", text)]
    links: list[LinkRef] = []
    tags: list[TagRef] = []
    headings: list[Heading] = []
    anchors: list[Anchor] = []
    position = body_start
    while (match := _MARKS.search(masked, position)) is not None:
        position = max(match.end(), match.start() + 1)
        line = bisect_right(ends, match.start() - 1) + 1
        kind = match.lastgroup
        if kind == "tag":
            name = match["tag"].strip("/")
            if name and not name.replace("/", "").isdecimal():
                tags.append(TagRef(name, line))
        elif kind == "heading":
            headings.append(Heading(len(match["level"]), _heading_text(match["heading"]), line))
            position = match.end("level")  # links and tags in the heading count as well
        elif kind == "block":
            anchors.append(Anchor(match["block"], line))
        elif (link := _link(match, line)) is not None:
            links.append(link)
    return Scan(tuple(links), tuple(tags), tuple(headings), tuple(anchors), matter, body_start)


def _split_matter(text: str, start: int) -> tuple[str | None, int]:
    if not text.startswith("---", start):
        return None, start
    match = _MATTER.match(text, start)
    return (match[1] or "", match.end()) if match is not None else (None, start)


def _link(match: re.Match[str], line: int) -> LinkRef | None:
    wiki = match["wiki"]
    if wiki is not None:
        target, anchor = wiki.strip(), (match["wanchor"] or "").strip()
        if not target and not anchor:
            return None
        return LinkRef(target, anchor, (match["alias"] or "").strip(), "embed" if match["embed"] else "wiki", line)
    target, _, anchor = unquote(match["angled"] or match["bare"]).partition("#")
    if not target.lower().endswith(".md") or _SCHEME.match(target):
        return None
    return LinkRef(target, anchor, match["text"], "markdown", line)


def _heading_text(raw: str) -> str:
    text = raw.strip()
    bare = text.rstrip("#")
    return bare.rstrip() if bare != text and (not bare or bare[-1] in " \t") else text


def _blank_code(text: str, start: int) -> str:
    """Return the text with code replaced by spaces, so that every offset and line stays."""
    if "`" not in text and "~~~" not in text:
        return text
    spans = _fences(text, start)
    masked = _blank(text, spans)
    return _blank(masked, _code_spans(masked, start)) if "`" in masked else masked


def _blank(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    parts: list[str] = []
    done = 0
    for begin, end in spans:
        parts += [text[done:begin], _KEEP_LINES.sub(lambda run: " " * len(run[0]), text[begin:end])]
        done = end
    return "".join([*parts, text[done:]])


def _fences(text: str, start: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(text, start):
        mark, rest = match[1], match[2]
        if opened is None:
            if mark[0] != "`" or "`" not in rest:
                opened = (match.start(), mark)
        elif mark[0] == opened[1][0] and len(mark) >= len(opened[1]) and not rest.strip():
            spans.append((opened[0], match.end()))
            opened = None
    if opened is not None:  # a fence that nobody closes runs to the end
        spans.append((opened[0], len(text)))
    return spans


def _code_spans(text: str, start: int) -> list[tuple[int, int]]:
    """Pair runs of backticks of equal length within a paragraph."""
    spans: list[tuple[int, int]] = []
    runs: list[tuple[int, int]] = []
    for match in _TICKS.finditer(text, start):
        if match[0][0] == "`":
            runs.append(match.span())
        else:
            _pair(runs, spans)
            runs = []
    _pair(runs, spans)
    return spans


def _pair(runs: list[tuple[int, int]], spans: list[tuple[int, int]]) -> None:
    if len(runs) < 2:
        return
    later: defaultdict[int, list[int]] = defaultdict(list)
    for index in range(len(runs) - 1, -1, -1):
        later[runs[index][1] - runs[index][0]].append(index)
    index = 0
    while index < len(runs):
        same = later[runs[index][1] - runs[index][0]]
        while same and same[-1] <= index:
            same.pop()
        if same:
            closing = same.pop()
            spans.append((runs[index][0], runs[closing][1]))
            index = closing
        index += 1
