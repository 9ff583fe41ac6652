"""A note's blocks, parsed only when somebody looks at them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, overload

import msgspec

from tickwright.systems.contracts.events import ParsedBlock

__all__ = ["Blocks", "ParsedBlock", "parse_blocks"]


_KINDS = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "blockquote_open": "quote",
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
    "hr": "rule",
    "html_block": "html",
}
_ID = re.compile(r"(?:^|\s)\^([A-Za-z0-9-]+)\s*\Z")


@lru_cache(maxsize=1)
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    # inline parsing is never used here, and it is most of the cost
    return MarkdownIt("commonmark").enable("table").disable(["inline", "text_join", "linkify"], ignoreInvalid=True)


def parse_blocks(text: str, body_start: int = 0) -> tuple[ParsedBlock, ...]:
    """Return the top-level blocks of the body in document order; about 1 ms for 2 kB.

    Args:
        text: the whole note.
        body_start: where the body begins, past frontmatter; see `Scan.body_start`.
    """
    before = text.count("\n", 0, body_start)
    lines = text[body_start:].split("\n")
    found: list[ParsedBlock] = []
    for token in _markdown().parse("\n".join(lines).replace("\0", "\ufffd")):
        kind = _KINDS.get(token.type)
        if kind is None or token.level != 0 or token.map is None:
            continue
        first, end = token.map
        source = "\n".join(lines[first:end]).strip("\r\n")
        identity = _ID.search(source) if kind != "code" else None
        level = int(token.tag[1]) if kind == "heading" else 0
        found.append(
            ParsedBlock(
                kind=kind,
                text=source,
                line=before + first + 1,
                end_line=before + end + 1,
                level=level,
                info=token.info.strip() if kind == "code" else "",
                id=identity[1] if identity is not None else "",
            )
        )
    return tuple(found)


class Blocks(Sequence[ParsedBlock]):
    """The blocks of one text, parsed when first looked at; compares equal to any sequence of the same blocks."""

    __slots__ = ("_found", "_start", "_text")

    def __init__(self, text: str, body_start: int = 0) -> None:
        self._text = text
        self._start = body_start
        self._found: tuple[ParsedBlock, ...] | None = None

    def _all(self) -> tuple[ParsedBlock, ...]:
        if self._found is None:
            self._found = parse_blocks(self._text, self._start)
        return self._found

    @overload
    def __getitem__(self, index: int) -> ParsedBlock: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ParsedBlock]: ...
    def __getitem__(self, index: int | slice) -> ParsedBlock | Sequence[ParsedBlock]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[ParsedBlock]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __plain__(self) -> list[Any]:
        """Return the blocks as plain data, as snapshots keep them."""
        return [msgspec.to_builtins(block) for block in self]

    def __repr__(self) -> str:
        return f"Blocks({len(self)})" if self._found is not None else "Blocks(not parsed yet)"
