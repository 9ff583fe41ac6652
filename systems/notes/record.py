"""What is known of one note after parsing."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from tickwright.systems.notes.frontmatter import Matter, names_in, parse_matter
from tickwright.systems.notes.paths import stem_of
from tickwright.systems.notes.scan import Anchor, Heading, LinkRef, Scan, decode_note, scan

__all__ = ["NoteRecord", "hash_of", "parse_note"]


class NoteRecord(msgspec.Struct, frozen=True):
    """One note, parsed; its text stays in the store.

    Attributes:
        path: relative to the vault, forward slashes.
        size: bytes.
        modified_ms: milliseconds since the epoch.
        hash: first 8 bytes of the content's BLAKE2b.
        title: the frontmatter's `title`, else the first heading of level 1, else the file's name.
        links, headings, anchors: in document order.
        tags: without `#`, frontmatter's first, each once.
        aliases: further names a link may use.
        matter: the frontmatter, and what is wrong with it.
    """

    path: str
    size: int
    modified_ms: int
    hash: int
    title: str
    links: tuple[LinkRef, ...] = ()
    tags: tuple[str, ...] = ()
    headings: tuple[Heading, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    aliases: tuple[str, ...] = ()
    matter: Matter = Matter()

    @property
    def frontmatter(self) -> Mapping[str, Any]:
        """The frontmatter's data."""
        return self.matter.data


def hash_of(data: bytes) -> int:
    """Return 64 bits that stand for the content."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


def parse_note(path: str, data: bytes, modified_ms: int) -> tuple[NoteRecord, str, Scan]:
    """Parse a note's bytes; never raises.

    Returns:
        The record, the text, and the scan it came from.
    """
    text = decode_note(data)
    found = scan(text)
    matter = parse_matter(found.matter, path)
    tags = dict.fromkeys([*names_in(matter, "tags"), *(tag.name for tag in found.tags)])
    record = NoteRecord(
        path=path,
        size=len(data),
        modified_ms=modified_ms,
        hash=hash_of(data),
        title=_title(path, found, matter),
        links=found.links,
        tags=tuple(tags),
        headings=found.headings,
        anchors=found.anchors,
        aliases=tuple(names_in(matter, "aliases")),
        matter=matter,
    )
    return record, text, found


def _title(path: str, found: Scan, matter: Matter) -> str:
    title = matter.data.get("title")
    if isinstance(title, str) and title.strip():
        return title.strip()
    return next((heading.text for heading in found.headings if heading.level == 1 and heading.text), stem_of(path))
