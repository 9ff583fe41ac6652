"""Notes: Markdown texts with frontmatter, links, tags and blocks; saved past hooks, searched, followed by links."""

from tickwright.systems.notes.blocks import Blocks, ParsedBlock, parse_blocks
from tickwright.systems.notes.catalog import Catalog
from tickwright.systems.notes.components import Block, Frontmatter, Link, Note, Tag
from tickwright.systems.notes.errors import (
    NoteError,
    NoteExistsError,
    NoteNotFoundError,
    NotePathError,
    NoteReadError,
    NoteWriteError,
)
from tickwright.systems.notes.frontmatter import Matter, parse_matter
from tickwright.systems.notes.graph import LinkGraph, ResolvedLink
from tickwright.systems.notes.manager import Notes, NoteText
from tickwright.systems.notes.paths import check_note_path
from tickwright.systems.notes.plugin import NotesPlugin
from tickwright.systems.notes.record import NoteRecord, parse_note
from tickwright.systems.notes.requests import NoteRequest, SaveOutcome, SaveTicket
from tickwright.systems.notes.retrieve import Embedder, EmbeddingIndex, fuse
from tickwright.systems.notes.scan import Anchor, Heading, LinkRef, Scan, TagRef, decode_note, encode_note, scan
from tickwright.systems.notes.search import FoundNote, WordIndex
from tickwright.systems.notes.store import MemoryStore

__all__ = [
    "Anchor",
    "Block",
    "Blocks",
    "Catalog",
    "Embedder",
    "EmbeddingIndex",
    "FoundNote",
    "Frontmatter",
    "Heading",
    "Link",
    "LinkGraph",
    "LinkRef",
    "Matter",
    "MemoryStore",
    "Note",
    "NoteError",
    "NoteExistsError",
    "NoteNotFoundError",
    "NotePathError",
    "NoteReadError",
    "NoteRecord",
    "NoteRequest",
    "NoteText",
    "NoteWriteError",
    "Notes",
    "NotesPlugin",
    "ParsedBlock",
    "ResolvedLink",
    "SaveOutcome",
    "SaveTicket",
    "Scan",
    "Tag",
    "TagRef",
    "WordIndex",
    "check_note_path",
    "decode_note",
    "encode_note",
    "fuse",
    "parse_blocks",
    "parse_matter",
    "parse_note",
    "scan",
]
