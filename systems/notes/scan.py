"""Find links, tags, headings and block ids in a note, past its code.

One pass over the text with code blanked out: about 100 us for 2 kB (benches/bench_notes.py).
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
_STARTS = re.compile(r"[\[#^]")
_WIKI = re.compile(r"\[\[([^\[\]\n|#]{0,500})(?:#([^\[\]\n|]{0,500}))?(?:\|([^\[\]\n]{0,500}))?\]\]")
_INLINE = re.compile(
    r"\[([^\[\]\n]{0,500})\]\((?:<([^<>\n]{1,500})>|([^()\s<>]{1,500}))(?:[ \t]+\"[^\"\n]{0,500}\")?[ \t]*\)"
)
_HEADING = re.compile(r"(#{1,6})(?=[ \t])([^\n]*)")
_TAG = re.compile(r"#([\w/-]{1,200})")
_BLOCK = re.compile(r"\^([A-Za-z0-9-]{1,200})(?=[ \t]{0,50}\r?(?:\n|\Z))")
_BEFORE_TAG = frozenset(" \t\r\n([{,;\"'>*_")
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
    found = _Finder(_blank_code(text, body_start))
    found.run(body_start)
    return Scan(tuple(found.links), tuple(found.tags), tuple(found.headings), tuple(found.anchors), matter, body_start)


class _Finder:
    """Look at every `[`, `#` and `^`: nothing else can begin a mark."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.links: list[LinkRef] = []
        self.tags: list[TagRef] = []
        self.headings: list[Heading] = []
        self.anchors: list[Anchor] = []

    def run(self, position: int) -> None:
        """Find all marks from a position on."""
        text = self.text
        marks = {"[": self._link, "#": self._hash, "^": self._block}
        for match in _STARTS.finditer(text, position):
            at = match.start()
            if at >= position and (at == 0 or text[at - 1] != "\\"):
                position = marks[match[0]](at)

    def _line(self, at: int) -> int:
        return bisect_right(self.ends, at - 1) + 1

    def _link(self, at: int) -> int:
        text = self.text
        if text.startswith("[[", at):
            match = _WIKI.match(text, at)
            if match is None:
                return at + 1
            target, anchor, alias = (part.strip() if part else "" for part in match.groups())
            kind = "embed" if at and text[at - 1] == "!" else "wiki"
            if target or anchor:
                self.links.append(LinkRef(target, anchor, alias, kind, self._line(at)))
            return match.end()
        match = _INLINE.match(text, at)
        if match is None:
            return at + 1
        target, _, anchor = unquote(match[2] or match[3]).partition("#")
        if target.lower().endswith(".md") and not _SCHEME.match(target):
            self.links.append(LinkRef(target, anchor, match[1], "markdown", self._line(at)))
        return match.end()

    def _hash(self, at: int) -> int:
        text = self.text
        begin = text.rfind("\n", max(0, at - 4), at) + 1
        if (begin or at < 4) and text[begin:at].strip(" ") == "" and at - begin < 4:
            heading = _HEADING.match(text, at)
            if heading is not None:
                self.headings.append(Heading(len(heading[1]), _heading_text(heading[2]), self._line(at)))
                return heading.end(1)  # links and tags in the heading count as well
        if at and text[at - 1] not in _BEFORE_TAG:
            return at + 1
        match = _TAG.match(text, at)
        if match is None:
            return at + 1
        name = match[1].strip("/")
        if name and not name.replace("/", "").isdecimal():
            self.tags.append(TagRef(name, self._line(at)))
        return match.end()

    def _block(self, at: int) -> int:
        text = self.text
        match = _BLOCK.match(text, at) if at == 0 or text[at - 1].isspace() else None
        if match is None:
            return at + 1
        self.anchors.append(Anchor(match[1], self._line(at)))
        return match.end()


def _split_matter(text: str, start: int) -> tuple[str | None, int]:
    if not text.startswith("---", start):
        return None, start
    match = _MATTER.match(text, start)
    return (match[1] or "", match.end()) if match is not None else (None, start)


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
