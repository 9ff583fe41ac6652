"""What a context is made of, and what assembling it gives.

Each type reads the sketches' snake_case and camelCase keys through `read_context`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, TypeAlias

import msgspec

from tickwright.systems.contracts.json import EMPTY, JsonValueError, freeze
from tickwright.systems.contracts.names import KeyNameError, snake_keys
from tickwright.systems.generation.errors import PipelineDefinitionError
from tickwright.systems.generation.provider import Message

__all__ = [
    "CONTEXT_SOURCES",
    "OVERFLOWS",
    "RESERVED_SOURCES",
    "AssembledContext",
    "ContextConfig",
    "ContextSource",
    "Custom",
    "ItemReport",
    "LinkedNotes",
    "RecentNotes",
    "SemanticSearch",
    "SourceReport",
    "StaticText",
    "read_context",
    "read_source",
]

OVERFLOWS = ("truncate", "drop", "error")
"""What happens to a source that does not fit: cut at a boundary, leave out whole, or fail."""

RESERVED_SOURCES = ("system", "user_message")
"""Names in `priorities` and reports that are no sources: always there, never dropped."""


class SourceBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every source has.

    Attributes:
        id: its name in priorities and reports; the type, numbered when repeated, if empty.
        min_tokens: room kept for it from sources of higher priority; with less than this it is left out.
        max_tokens: the most it may use; None for no limit of its own.
        required: assembling fails if it finds nothing, or finds no room.
        on_overflow: this source's own policy; empty takes the config's.
    """

    type_name: ClassVar[str] = ""
    id: str = ""
    min_tokens: int = 0
    max_tokens: int | None = None
    required: bool = False
    on_overflow: str = ""


class SemanticSearch(SourceBase, frozen=True, tag="semantic_search"):
    """The notes that answer a query best."""

    type_name: ClassVar[str] = "semantic_search"
    query: str
    limit: int = 5


class RecentNotes(SourceBase, frozen=True, tag="recent_notes"):
    """The notes modified last, in one folder or in all."""

    type_name: ClassVar[str] = "recent_notes"
    folder: str | None = None
    limit: int = 5


class LinkedNotes(SourceBase, frozen=True, tag="linked_notes", rename={"from_": "from"}):
    """The notes within `depth` links of a note, nearest first."""

    type_name: ClassVar[str] = "linked_notes"
    from_: str
    depth: int = 1


class StaticText(SourceBase, frozen=True, tag="static_text"):
    """A text given in the definition."""

    type_name: ClassVar[str] = "static_text"
    content: str


class Custom(SourceBase, frozen=True, tag="custom"):
    """What a registered handler returns: a text, a list of texts, or notes as {path, text}."""

    type_name: ClassVar[str] = "custom"
    handler: str
    config: Any = EMPTY


ContextSource: TypeAlias = SemanticSearch | RecentNotes | LinkedNotes | StaticText | Custom

CONTEXT_SOURCES: Mapping[str, type[ContextSource]] = {
    kind.type_name: kind for kind in (SemanticSearch, RecentNotes, LinkedNotes, StaticText, Custom)
}
"""Source types by name."""


class ContextConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What to put before a prompt.

    Attributes:
        system: the system prompt.
        sources: where the rest comes from, in the order in which it is shown.
        max_tokens: budget for all of it, the user's message included.
        priorities: by source id, else by source type; higher stays longer, 0 if absent, equal ones by order.
        on_overflow: truncate, drop or error, for sources that say nothing.
    """

    system: str | None = None
    sources: tuple[ContextSource, ...] = ()
    max_tokens: int = 8000
    priorities: Mapping[str, int] = EMPTY
    on_overflow: str = "truncate"

    def priority_of(self, source: SourceBase) -> int:
        """Return a source's priority: by its id, else its type, else 0."""
        return self.priorities.get(source.id, self.priorities.get(source.type_name, 0))


class ItemReport(msgspec.Struct, frozen=True):
    """What became of one note or text of a source, in tokens; `by` names the search that found it."""

    path: str
    asked: int
    used: int
    reason: str = ""
    by: str = ""


class SourceReport(msgspec.Struct, frozen=True):
    """What became of one source, in tokens: `used + dropped == asked`, and `reason` says why if any was dropped."""

    id: str
    type: str
    asked: int
    used: int
    dropped: int
    reason: str = ""
    priority: int = 0
    items: tuple[ItemReport, ...] = ()


class AssembledContext(msgspec.Struct, frozen=True, kw_only=True):
    """Context ready for a model.

    Attributes:
        system_prompt: empty for none.
        messages: one for each source that was used, in the config's order.
        total_tokens: of the system prompt, the messages and the user's message; at most `budget`.
        sources_used: ids of the sources in `messages`.
        truncated: whether anything was dropped; `report` says what and why.
        report: one for `system` and `user_message` if there are any, then one for every source.
        budget: tokens there was room for.
        encoding: the tokens' encoding.
        encoding_known: false if the model's own encoding is unknown and `encoding` stands in for it.
    """

    system_prompt: str = ""
    messages: tuple[Message, ...] = ()
    total_tokens: int = 0
    sources_used: tuple[str, ...] = ()
    truncated: bool = False
    report: tuple[SourceReport, ...] = ()
    budget: int = 0
    encoding: str = "o200k_base"
    encoding_known: bool = True


def read_context(document: ContextConfig | Mapping[str, Any] | None, path: str = "context") -> ContextConfig:
    """Return a checked config whose sources all have ids.

    Args:
        document: a dict in either spelling, a ContextConfig, or None for an empty one.
        path: where it stands in the definition, for the messages.

    Raises:
        PipelineDefinitionError: an unknown key, type, id or policy, a number out of range; with the path.

    >>> read_context({"maxTokens": 500, "sources": [{"type": "recent_notes", "limit": 2}]}).sources[0].id
    'recent_notes'
    """
    if isinstance(document, ContextConfig):
        document = msgspec.structs.asdict(document)
    keys = _keys({} if document is None else document, ContextConfig.__struct_fields__, path)
    listed = keys.pop("sources", ())
    if isinstance(listed, Mapping) and not listed:
        listed = ()  # an empty table from Lua
    if not isinstance(listed, list | tuple):
        raise _wrong("the sources are no list", f"{path}.sources", "a list of sources")
    sources = _with_ids([read_source(each, f"{path}.sources[{i}]") for i, each in enumerate(listed)], path)
    config = ContextConfig(
        system=_typed(keys.get("system"), str | None, f"{path}.system"),
        sources=sources,
        max_tokens=_typed(keys.get("max_tokens", 8000), int, f"{path}.max_tokens"),
        priorities=freeze(_typed(keys.get("priorities") or {}, dict[str, int], f"{path}.priorities")),
        on_overflow=_policy(keys.get("on_overflow", "truncate"), f"{path}.on_overflow"),
    )
    if config.max_tokens < 1:
        raise _wrong(f"{config.max_tokens} is no budget", f"{path}.max_tokens", "a whole number above 0")
    known = {*RESERVED_SOURCES, *CONTEXT_SOURCES, *(source.id for source in sources)}
    for name in config.priorities:
        _known(name, known, f"{path}.priorities.{name}", "source id or type")
    return config


def read_source(document: ContextSource | Mapping[str, Any], path: str) -> ContextSource:
    """Return one checked source; its id may still be empty.

    Raises:
        PipelineDefinitionError: with the path.
    """
    if isinstance(document, SourceBase):
        document = msgspec.to_builtins(document)
    if not isinstance(document, Mapping):
        raise _wrong(f"{document!r} is no source", path, "a table with a type")
    name = document.get("type")
    _known(name, CONTEXT_SOURCES, f"{path}.type", "source type")
    kind = CONTEXT_SOURCES[str(name)]
    keys = _keys(document, ("type", *(_outer(field) for field in kind.__struct_fields__)), path)
    if "config" in keys:
        keys["config"] = _frozen(keys["config"], f"{path}.config")
    if keys.get("on_overflow"):
        _policy(keys["on_overflow"], f"{path}.on_overflow")
    source: ContextSource = _typed(keys, kind, path)
    _check_numbers(source, path)
    return source


def _check_numbers(source: ContextSource, path: str) -> None:
    for name, least in (("limit", 1), ("depth", 0), ("min_tokens", 0), ("max_tokens", 1)):
        value = getattr(source, name, None)
        if value is not None and value < least:
            raise _wrong(f"{value} is no {name}", f"{path}.{name}", f"a whole number from {least}")
    if source.max_tokens is not None and source.min_tokens > source.max_tokens:
        raise _wrong("min_tokens is above max_tokens", f"{path}.min_tokens", f"at most {source.max_tokens}")


def _with_ids(sources: list[ContextSource], path: str) -> tuple[ContextSource, ...]:
    """Give every source an id: its own, else its type, else its type and a number."""
    taken: set[str] = set(RESERVED_SOURCES)
    for index, source in enumerate(sources):
        if source.id in taken:
            what = "is reserved" if source.id in RESERVED_SOURCES else "is the id of two sources"
            raise _wrong(f"{source.id!r} {what}", f"{path}.sources[{index}].id", "an id of its own")
        if source.id:
            taken.add(source.id)
    named: list[ContextSource] = []
    for source in sources:
        if not source.id:
            source = msgspec.structs.replace(source, id=_free(source.type_name, taken))
            taken.add(source.id)
        named.append(source)
    return tuple(named)


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _outer(field: str) -> str:
    return "from" if field == "from_" else field


def _keys(document: Any, known: Iterable[str], path: str) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise _wrong(f"{document!r} is no table", path, "keys and values")
    try:
        return snake_keys(document, tuple(known), path)
    except KeyNameError as error:
        raise PipelineDefinitionError(
            error.what, where=error.path, expected=error.expected, todo=error.todo, path=error.path
        ) from None


def _typed(value: Any, kind: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, inner = str(error).partition(" - at `$")
        at = path + inner.rstrip("`")
        raise PipelineDefinitionError(what, where=at, path=at) from None


def _frozen(value: Any, path: str) -> Any:
    try:
        return freeze(value, path)
    except JsonValueError as error:
        raise PipelineDefinitionError(error.what, where=error.where, expected=error.expected, path=error.path) from None


def _policy(value: Any, path: str) -> str:
    _known(value, OVERFLOWS, path, "overflow policy")
    return str(value)


def _known(name: Any, known: Iterable[str], path: str, what: str) -> None:
    names = sorted(known)
    if name in names:
        return
    near = get_close_matches(str(name), names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else ""
    said = f"unknown {what} {name!r}" if name is not None else f"no {what}"
    raise PipelineDefinitionError(said, where=path, expected=", ".join(names), todo=hint, path=path)


def _wrong(what: str, path: str, expected: str = "") -> PipelineDefinitionError:
    return PipelineDefinitionError(what, where=path, expected=expected, path=path)
