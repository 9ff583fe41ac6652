"""Event names: which exist, which may be emitted, what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from tickwright.systems.contracts.events import CORE_EVENTS, RESERVED_PREFIXES, EventTiming, HookEvent
from tickwright.systems.hooks.errors import ReservedEventError, UnknownEventError

__all__ = ["check_emittable", "check_event", "suggest", "timing_of"]

CUSTOM = "custom"


def suggest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return up to three known names nearest to `name`, best first.

    >>> suggest("note:before_sav", ["note:saved", "note:before_save"])
    ('note:before_save', 'note:saved')
    """
    return tuple(difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.6))


def check_event(name: str) -> None:
    """Refuse a name that nothing can ever send.

    Raises:
        UnknownEventError: unknown within a reserved prefix, or not of the form `prefix:name`.
    """
    if name in CORE_EVENTS:
        return
    prefix, colon, rest = name.partition(":")
    if prefix in RESERVED_PREFIXES:
        near = suggest(name, CORE_EVENTS)
        raise UnknownEventError(
            f"no event {name!r}",
            where=f"the prefix '{prefix}:' is the engine's own",
            expected=" or ".join(repr(n) for n in near) or ", ".join(_of_prefix(prefix)),
            event=name,
            suggestions=near,
        )
    if not (prefix and colon and rest) or name != name.strip():
        near = suggest(name, [*CORE_EVENTS, *(known.partition(":")[2] for known in CORE_EVENTS)])
        full = tuple(k for n in near for k in CORE_EVENTS if k == n or k.endswith(f":{n}"))
        raise UnknownEventError(
            f"no event {name!r}",
            expected=" or ".join(repr(n) for n in full) or "'prefix:name'",
            todo="give a custom event a prefix of its own, such as 'workflow:completed'",
            event=name,
            suggestions=full,
        )


def check_emittable(name: str) -> None:
    """Refuse to emit what only the engine may send.

    Raises:
        ReservedEventError: the prefix is reserved.
        UnknownEventError: the name is not of the form `prefix:name`.
    """
    prefix = name.partition(":")[0]
    if prefix in RESERVED_PREFIXES:
        raise ReservedEventError(
            f"a plugin may not emit {name!r}",
            expected=f"a prefix other than {', '.join(sorted(RESERVED_PREFIXES))}",
            todo="emit a custom event such as 'myplugin:done'",
            event=name,
        )
    if name == CUSTOM:
        raise ReservedEventError(
            f"{CUSTOM!r} stands for every custom event", expected="one event's own name, 'prefix:name'", event=name
        )
    check_event(name)


def timing_of(name: str, declared: Mapping[str, EventTiming]) -> EventTiming:
    """Return when an event's handlers run; custom events are after-events unless declared otherwise."""
    core: type[HookEvent] | None = CORE_EVENTS.get(name)
    return core.timing if core is not None else declared.get(name, EventTiming.AFTER)


def _of_prefix(prefix: str) -> list[str]:
    return [repr(name) for name in CORE_EVENTS if name.startswith(f"{prefix}:")]
