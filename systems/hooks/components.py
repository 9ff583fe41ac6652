"""Subscriptions as entities: what anybody may query, write and despawn."""

from __future__ import annotations

from typing import Any

from tickwright.ecs_core import Symbol, component, i16, i32, i64
from tickwright.systems.hooks.globs import Glob

__all__ = ["Subscription", "SubscriptionHandler"]


@component
class Subscription:
    """One subscription; despawning its entity, or removing this, is `off`.

    A write to a field holds from the next round of the hook sets on.

    Attributes:
        event: a core event's name, any `prefix:name`, or `custom`.
        priority: lower runs earlier.
        timing: `before` or `after`; follows from the event.
        once: ends just before its first call.
        sequence: orders subscriptions of one priority; 0 for the next number.
        owner: the plugin it belongs to.
        group: a name to unsubscribe several by.
        name: what reports call the handler.
        pattern: a glob over the event's subject; empty for none.
        fail_closed: a failure of this before-handler cancels.
        transient: left out of snapshots: something running made it for itself.
        occurrence: how many of this owner, event and name were made before; tells them apart in snapshots.
    """

    event: Symbol
    priority: i16 = 0
    timing: Symbol = "after"
    once: bool = False
    sequence: i64 = 0
    owner: Symbol = ""
    group: Symbol = ""
    name: Symbol = ""
    pattern: Symbol = ""
    fail_closed: bool = False
    transient: bool = False
    occurrence: i32 = 0


@component(storage="object", transient=True)
class SubscriptionHandler:
    """What a subscription calls; left out of snapshots, and bound again by owner and name.

    Attributes:
        handler: a function of (event, ctx), or a BatchHandler.
        glob: the pattern, compiled; None for none.
        key: what a BatchHandler knows the handler by.
    """

    handler: Any
    glob: Glob | None = None
    key: int = 0
