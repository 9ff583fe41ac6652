"""SCXML's event descriptors as keys of `on`, such that transitions are tried in document order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Arrow", "group_transitions"]


@dataclass(frozen=True, slots=True)
class Arrow:
    """One transition: its event descriptors (none: eventless), its document, its actions."""

    events: list[str]
    document: dict[str, Any]
    actions: list[dict[str, Any]]


def group_transitions(arrows: list[Arrow], states: list[str]) -> dict[str, Any]:
    """Return `always` and `on`.

    A key of `on` holds every transition whose descriptors take that event, in document order. So the more specific
    key, which is tried first, leaves nothing out that stands before.
    """
    always = [each.document for each in arrows if not each.events]
    named = [([_plain(event) for event in each.events], each.document) for each in arrows if each.events]
    keys: list[str] = []
    for descriptors, _ in named:
        for descriptor in descriptors:
            keys += _keys(descriptor, states)
    on = {key: [document for descriptors, document in named if _any(descriptors, key)] for key in dict.fromkeys(keys)}
    out: dict[str, Any] = {}
    if always:
        out["always"] = always
    if on:
        out["on"] = on
    return out


def _plain(descriptor: str) -> str:
    """Return a descriptor without the `.*` or `.` that say nothing; "" takes every event."""
    while descriptor.endswith((".*", ".")):
        descriptor = descriptor.removesuffix("*").removesuffix(".")
    return "" if descriptor == "*" else descriptor


def _keys(descriptor: str, states: list[str]) -> list[str]:
    """Return the keys under which a descriptor is found; done events are named one by one."""
    done = [f"done.state.{state}" for state in states]
    if not descriptor:
        return ["*", *done]
    if descriptor in done:
        return [descriptor]
    inside = [each for each in done if each.startswith(f"{descriptor}.")]
    if descriptor in ("done", "done.state"):
        return inside
    return [descriptor, f"{descriptor}.*"]


def _any(descriptors: list[str], key: str) -> bool:
    event = key.removesuffix(".*").removesuffix("*")
    return any(not each or event == each or event.startswith(f"{each}.") for each in descriptors)
