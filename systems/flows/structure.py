"""Flow definitions as values: what `read_definition` returns and `FlowBuilder` builds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from tickwright.systems.contracts.json import EMPTY, thaw

__all__ = [
    "BEFORE_INITIAL",
    "FlowDefinition",
    "HandlerRef",
    "StateDefinition",
    "StateType",
    "TransitionDefinition",
    "to_document",
]


BEFORE_INITIAL = "(initial)"
"""An extra state of imported definitions, where entering an initial state runs actions or enters several."""


class StateType(StrEnum):
    """What kind of state: `normal` has children or none, `parallel` has regions, `history` is a pseudo-state."""

    NORMAL = "normal"
    FINAL = "final"
    PARALLEL = "parallel"
    HISTORY = "history"


class HandlerRef(msgspec.Struct, frozen=True, rename={"name": "type"}):
    """A handler or guard by name, with the parameters it reads by `ctx.params()`."""

    name: str
    params: Any = EMPTY


class TransitionDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way out of a state; without a target it runs its actions and stays."""

    target: tuple[str, ...] = ()
    guard: Any = None
    actions: tuple[HandlerRef, ...] = ()
    reenter: bool = True


class StateDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One state. Any field takes the short forms of the document; `read_definition` brings them to one shape."""

    type: StateType = StateType.NORMAL
    id: str = ""
    initial: str = ""
    states: dict[str, StateDefinition] = {}
    on: dict[str, Any] = {}
    guards: dict[str, Any] = {}
    enter: Any = ()
    exit: Any = ()
    always: Any = ()
    after: dict[str, Any] = {}
    on_done: Any = ()
    history: str = ""
    target: Any = ()
    output: Any = None
    tags: tuple[str, ...] = ()
    meta: Any = None
    description: str = ""


class FlowDefinition(StateDefinition, frozen=True, omit_defaults=True, kw_only=True):
    """A whole flow: the root state, and what instances begin with."""

    id: str
    context: Any = EMPTY
    context_types: dict[str, str] = {}
    version: str = ""
    max_microsteps: int = 1000
    on_handler_error: str = "rollback"

    @property
    def content_hash(self) -> str:
        """A digest of everything the definition says, the order of its states and timers included."""
        order = [[path, *state.after] for path, state in self.walk()]
        return hashlib.sha256(msgspec.json.encode([self, order], order="sorted")).hexdigest()[:16]

    def walk(self) -> Iterator[tuple[str, StateDefinition]]:
        """Yield (dotted path, state) in document order, the root aside."""
        yield from _walk(self, "")


def _walk(state: StateDefinition, path: str) -> Iterator[tuple[str, StateDefinition]]:
    for name, child in state.states.items():
        inner = f"{path}.{name}" if path else name
        yield inner, child
        yield from _walk(child, inner)


def to_document(definition: FlowDefinition) -> dict[str, Any]:
    """Return a definition as plain data that `read_definition` reads back."""
    document: dict[str, Any] = thaw(msgspec.to_builtins(definition))
    return document
