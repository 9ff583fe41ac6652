"""Every invariant of the kit, by name."""

from __future__ import annotations

from tickwright.systems.flows.testing.invariant import Invariant
from tickwright.systems.flows.testing.run_checks import RUN_INVARIANTS
from tickwright.systems.flows.testing.step_checks import STEP_INVARIANTS

__all__ = ["ALL", "named"]

ALL: tuple[Invariant, ...] = (*STEP_INVARIANTS, *RUN_INVARIANTS)
"""I1 to I25; I26 is your own, made with `@invariant`."""


def named(*names: str) -> tuple[Invariant, ...]:
    """Return invariants by number or name: `named("I3", "I13")`.

    Raises:
        KeyError: nothing is called so.
    """
    found = tuple(each for each in ALL if each.name in names or each.name.split(" ", 1)[0] in names)
    known = {part for each in ALL for part in (each.name, each.name.split(" ", 1)[0])}
    if unknown := sorted(set(names) - known):
        raise KeyError(f"no invariant {unknown[0]!r}; there are: {', '.join(each.name for each in ALL)}")
    return found
