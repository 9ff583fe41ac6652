"""Who hears of an event: one ordered list per event, matched per subject, never searched for per event."""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import Any, TypeAlias

from tickwright.systems.contracts.events import CustomEvent, EventTiming, HookEvent
from tickwright.systems.hooks.globs import Glob
from tickwright.systems.hooks.names import CUSTOM
from tickwright.systems.hooks.types import BatchHandler

__all__ = ["Entry", "SubscriptionIndex"]

SUBJECTS_KEPT = 8192
"""Matches remembered per event; the memory is dropped whole when full, and whenever the subscriptions change."""


class Entry:
    """One live subscription, as dispatch sees it; its columns are the entity's component `Subscription`."""

    __slots__ = (
        "batch", "call", "ctx", "entity", "event", "fail_closed", "glob", "group", "key", "label", "live",
        "occurrence", "once", "order", "owner", "plain", "timing", "transient",
    )  # fmt: skip

    def __init__(self, event: str, call: Any, *, order: tuple[int, int], entity: int = 0) -> None:
        self.entity = entity
        self.event = event
        self.order = order
        self.call = call
        self.ctx: Any = None
        self.glob: Glob | None = None
        self.once = False
        self.owner = ""
        self.group = ""
        self.label = ""
        self.fail_closed = False
        self.live = True
        self.key = 0
        self.occurrence = 0
        self.transient = False
        self.timing = EventTiming.AFTER
        self.batch: BatchHandler | None = None
        self.plain = True

    def __repr__(self) -> str:
        return f"<Entry {self.label!r} on {self.event!r} at {self.order}{'' if self.live else ' ended'}>"


_order = attrgetter("order")
_Group: TypeAlias = tuple[Glob, list[Entry]]


class _Bucket:
    """The subscriptions of one event name, sorted; globs grouped so that a new subject tests few of them."""

    __slots__ = ("by_beginning", "by_ending", "entries", "globbed", "matched", "ready", "unfiltered")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.forget()

    def forget(self) -> None:
        """Drop what was worked out from the entries."""
        self.ready = False
        self.globbed = False
        self.unfiltered: list[Entry] = []
        self.by_beginning: dict[int, dict[str, list[_Group]]] = {}
        self.by_ending: dict[int, dict[str, list[_Group]]] = {}
        self.matched: dict[str, tuple[Entry, ...]] = {}

    def prepare(self) -> None:
        """Group the entries' globs by how subjects must begin or end."""
        self.forget()
        groups: dict[str, _Group] = {}
        for entry in self.entries:
            if entry.glob is None:
                self.unfiltered.append(entry)
            else:
                groups.setdefault(entry.glob.text, (entry.glob, []))[1].append(entry)
        for group in groups.values():
            for text in group[0].beginnings:
                self.by_beginning.setdefault(len(text), {}).setdefault(text, []).append(group)
            for text in group[0].endings:
                self.by_ending.setdefault(len(text), {}).setdefault(text, []).append(group)
        self.globbed = bool(groups)
        self.ready = True

    def matching(self, subject: str) -> list[Entry]:
        """Return the entries that hear of `subject`, unsorted, each once."""
        likely: list[_Group] = []
        for length, groups in self.by_beginning.items():
            likely += groups.get(subject[:length], ())
        size = len(subject)
        for length, groups in self.by_ending.items():
            if length <= size:
                likely += groups.get(subject[size - length :], ())
        found = list(self.unfiltered)
        seen: set[str] = set()
        for glob, entries in likely:
            if glob.text not in seen and (subject in glob.exact if glob.exact else glob.matches(subject)):
                seen.add(glob.text)
                found += entries
        return found

    def remember(self, subject: str, entries: list[Entry]) -> tuple[Entry, ...]:
        """Sort what matched, and keep it for the next event with this subject."""
        if len(self.matched) >= SUBJECTS_KEPT:
            self.matched.clear()
        found = self.matched[subject] = tuple(sorted(entries, key=_order))
        return found


class SubscriptionIndex:
    """All live entries, by event.

    Cost: a subject seen before, two dict lookups; a new one, one test per glob whose literal beginning fits and a
    sort of what matched. Adding or removing drops the one event's remembered matches. benches/bench_hooks.py.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._any_custom = _Bucket()

    def add(self, entry: Entry) -> None:
        """Put an entry in its place."""
        bucket = self._bucket(entry.event)
        insort(bucket.entries, entry, key=_order)
        self._changed(bucket)

    def remove(self, entry: Entry) -> None:
        """Take an entry out; dispatches that have begun see `entry.live`."""
        entry.live = False
        bucket = self._bucket(entry.event)
        bucket.entries.remove(entry)
        if not bucket.entries and bucket is not self._any_custom:
            del self._buckets[entry.event]
        self._changed(bucket)

    def hears(self, event: str) -> bool:
        """Return whether anybody subscribed to an event, whatever its subject."""
        bucket = self._buckets.get(event)
        return bucket is not None and bool(bucket.entries)

    def matching(self, event: HookEvent) -> tuple[Entry, ...]:
        """Return who hears of `event`, in (priority, sequence) order."""
        bucket = self._buckets.get(event.name_of_event)
        custom = self._any_custom.entries and type(event) is CustomEvent
        if custom:
            bucket = bucket or self._any_custom
        if bucket is None:
            return ()
        if not bucket.ready:
            bucket.prepare()
        subject = event.subject if custom or bucket.globbed else ""
        found = bucket.matched.get(subject)
        if found is None:
            entries = bucket.matching(subject)
            if custom and bucket is not self._any_custom:
                if not self._any_custom.ready:
                    self._any_custom.prepare()
                entries += self._any_custom.matching(subject)
            found = bucket.remember(subject, entries)
        return found

    def _bucket(self, event: str) -> _Bucket:
        if event == CUSTOM:
            return self._any_custom
        return self._buckets.setdefault(event, _Bucket())

    def _changed(self, bucket: _Bucket) -> None:
        bucket.forget()
        if bucket is self._any_custom:
            for each in self._buckets.values():
                each.forget()
