"""The sets of the Update schedule, in the order in which they run."""

from __future__ import annotations

from tickwright.ecs_core.sets import SystemSet

__all__ = ["UpdateSet"]


class UpdateSet(SystemSet):
    """Where a feature's systems sit in `Update`; a user's own systems come after GENERATION unless they say otherwise.

    HOOKS_BEFORE -> COMMIT -> HOOKS_AFTER is one sub-schedule, repeated while new events appear (64 rounds at most).
    """

    HOOKS_BEFORE = "hooks_before"
    COMMIT = "commit"
    HOOKS_AFTER = "hooks_after"
    FLOWS = "flows"
    GENERATION = "generation"
