"""Ask each context source for its texts; needs the notes and the handlers, so it runs on the world's thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tickwright.ecs_core.errors import TickwrightError
from tickwright.systems.contracts.ports import LinkSource, NoteHit
from tickwright.systems.generation.context_types import (
    ContextConfig,
    ContextSource,
    Custom,
    LinkedNotes,
    RecentNotes,
    SemanticSearch,
    StaticText,
)
from tickwright.systems.generation.errors import ContextError

__all__ = ["CustomCaller", "Gathered", "Item", "clean_text", "gather"]

_SURROGATE = re.compile("[\ud800-\udfff]")

CustomCaller = Callable[[Custom], Any]
"""Runs a custom source's handler and returns what it returned."""


class Item(msgspec.Struct, frozen=True):
    """One text of a source; `path` is the note's, or empty, and `by` the search that found it."""

    text: str
    path: str = ""
    by: str = ""

    @property
    def header(self) -> str:
        """What stands before the text, so that an answer can name the note."""
        return f"Note: {self.path}\n\n" if self.path else ""


class Gathered(msgspec.Struct, frozen=True):
    """What one source gave, best first; `reason` says why it gave nothing."""

    source: ContextSource
    items: tuple[Item, ...] = ()
    reason: str = ""


def gather(
    config: ContextConfig, *, notes: LinkSource | None = None, custom: CustomCaller | None = None
) -> tuple[Gathered, ...]:
    """Return what every source has to say, in the config's order.

    Args:
        config: with every template filled in already: texts are taken as they are, `${...}` in a note included.
        notes: the app's notes; without them, sources of notes are empty and say so.
        custom: calls the handler of a custom source.

    Raises:
        ContextError: a handler raised (its error is the cause), returned what is no text, or cannot be called.
    """
    return tuple(_one(source, notes, custom) for source in config.sources)


def _one(source: ContextSource, notes: LinkSource | None, custom: CustomCaller | None) -> Gathered:
    if isinstance(source, StaticText):
        if not source.content.strip():
            return Gathered(source, (), "the text is empty")
        return Gathered(source, (Item(clean_text(source.content)),))
    if isinstance(source, Custom):
        items = _from_handler(source, custom)
        return Gathered(source, items, "" if items else "the handler returned nothing")
    if notes is None:
        return Gathered(source, (), "the app has no notes")
    try:
        hits = _hits(source, notes)
    except TickwrightError as error:  # such as a note that does not exist: the report says so
        return Gathered(source, (), str(error))
    items = tuple(Item(clean_text(hit.text).strip(), hit.path, hit.by) for hit in hits if hit.text.strip())
    return Gathered(source, items, "" if items else "no note was found")


def _hits(source: SemanticSearch | RecentNotes | LinkedNotes, notes: LinkSource) -> Sequence[NoteHit]:
    if isinstance(source, SemanticSearch):
        return notes.search(source.query, source.limit)
    if isinstance(source, RecentNotes):
        return notes.recent(source.folder, source.limit)
    return notes.linked(source.from_, source.depth)


def _from_handler(source: Custom, custom: CustomCaller | None) -> tuple[Item, ...]:
    if custom is None:
        raise ContextError(
            f"no handler {source.handler!r} can be called here", where=f"source {source.id!r}", source=source.id
        )
    try:
        answer = custom(source)
    except ContextError:
        raise
    except Exception as error:
        raise ContextError(
            f"the handler {source.handler!r} raised {type(error).__name__}: {error}",
            where=f"source {source.id!r}",
            source=source.id,
        ) from error
    listed = answer if isinstance(answer, list | tuple) else () if answer is None else (answer,)
    items = [_item(each, source, index) for index, each in enumerate(listed)]
    return tuple(item for item in items if item.text.strip())


def _item(value: Any, source: Custom, index: int) -> Item:
    if isinstance(value, str):
        return Item(clean_text(value))
    if isinstance(value, NoteHit):
        return Item(clean_text(value.text).strip(), value.path, value.by)
    if isinstance(value, Mapping) and isinstance(value.get("text"), str):
        return Item(clean_text(value["text"]).strip(), str(value.get("path") or ""))
    raise ContextError(
        f"the handler {source.handler!r} returned {type(value).__name__} at {index}",
        where=f"source {source.id!r}",
        expected="a text, a list of texts, or notes as {path, text}",
        source=source.id,
    )


def clean_text(text: str) -> str:
    """Return a text that UTF-8 can carry: what a note held of other bytes becomes U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
