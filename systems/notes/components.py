"""Notes as entities, and what is in them: links, tags and blocks as rows that point at their note.

`Notes` writes these whenever a note comes, changes or goes; they are there to be queried. By name, from Lua and in
snapshots, the parts are `NoteLink`, `NoteTag` and `NoteBlock`, so that an app may have a `Tag` of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tickwright.ecs_core import Entity, Symbol, component, i32, i64, u64

__all__ = ["Block", "Frontmatter", "Link", "Note", "Tag"]


@component
class Note:
    """One note; keeps its entity when it is saved again or renamed.

    Attributes:
        path: relative to the vault, forward slashes.
        size: bytes.
        modified_ms: milliseconds since the epoch.
        hash: first 8 bytes of the content's BLAKE2b.
    """

    path: Symbol
    size: i64 = 0
    modified_ms: i64 = 0
    hash: u64 = 0


@component(storage="object", transient=True)
class Frontmatter:
    """A note's frontmatter, on entities of notes that have one; read from the text again after a restore.

    Attributes:
        data: keys to plain values.
        error: what is wrong with it, with file and line, or "".
    """

    data: Mapping[str, Any]
    error: str = ""


@component(name="NoteLink")
class Link:
    """One link as written in a note.

    Attributes:
        source: the note it is in.
        target: the note it leads to; 0 while there is no such note.
        index: its place among the note's links, from 0.
        name: the target as written, "" for a link within the note.
        anchor: the heading or `^block` after `#`, or "".
        kind: `wiki`, `embed` or `markdown`.
        line: from 1.
    """

    source: Entity
    target: Entity
    index: i32
    name: Symbol
    anchor: Symbol
    kind: Symbol
    line: i32


@component(name="NoteTag")
class Tag:
    """One tag of a note, without `#`; frontmatter's come first, each once."""

    note: Entity
    name: Symbol
    index: i32


@component(name="NoteBlock")
class Block:
    """A part of a note that links can name: a heading or a block id; `Notes.blocks` has the text of all blocks.

    Attributes:
        note: the note it is in.
        kind: `heading` or `id`.
        name: the heading's text, or the id without `^`.
        level: 1 to 6 for a heading, 0 for an id.
        line: from 1.
    """

    note: Entity
    kind: Symbol
    name: Symbol
    level: i32
    line: i32
