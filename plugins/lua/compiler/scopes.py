"""Which names are local where: for const, for the targets' limits, and for what a loop's `continue` jumps over."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["MAX_LOCALS", "Binding", "FunctionScope", "Loop", "resolve"]

# Both targets allow 200; loops and the emitted helpers need some of them.
MAX_LOCALS = 180


@dataclass(slots=True, eq=False)
class Binding:
    """One local variable; `order` counts declarations, so that later ones compare greater."""

    owner: FunctionScope
    order: int
    is_const: bool = False


@dataclass(slots=True)
class Loop:
    """A loop being parsed: its number, and where its first `continue` stands (order of declaration, token)."""

    label: int
    continue_order: int = -1
    continue_at: int = 0


@dataclass(slots=True, eq=False)
class FunctionScope:
    """A function being parsed: its blocks (innermost last), open loops and captured variables."""

    parent: FunctionScope | None
    is_vararg: bool
    blocks: list[dict[str, Binding]] = field(default_factory=lambda: [{}])
    counts: list[int] = field(default_factory=lambda: [0])
    loops: list[Loop] = field(default_factory=list)
    captured: set[Binding] = field(default_factory=set)

    def active(self) -> int:
        """Return how many locals are alive."""
        return sum(self.counts)


def resolve(function: FunctionScope, name: str) -> Binding | None:
    """Return the local that `name` means here and note its capture by every function in between; None if global."""
    scope: FunctionScope | None = function
    while scope is not None:
        for block in reversed(scope.blocks):
            if name in block:
                found = block[name]
                if scope is not function:
                    _capture(function, scope, found)
                return found
        scope = scope.parent
    return None


def _capture(inner: FunctionScope, owner: FunctionScope, binding: Binding) -> None:
    while inner is not owner:
        inner.captured.add(binding)
        assert inner.parent is not None
        inner = inner.parent
