"""Event queues: objects and columnar batches in one order, kept until the slowest reader has passed them.

A reader owns a cursor, so a system that is skipped, or runs at a fixed step, loses nothing. A queue without
readers keeps an event for two rotations (ticks). A queue never holds more than its cap: beyond it the oldest
events go, and both the queue (`overflowed`) and the readers they were meant for (`missed`) count them.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from operator import length_hint
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.checks import is_count
from tickwright.ecs_core.errors import TickwrightError

__all__ = ["DEFAULT_CAP", "EventBatch", "EventError", "EventQueue", "EventReader", "EventWriter", "Events"]

DEFAULT_CAP = 1_000_000
_LOG = logging.getLogger("tickwright.events")
E = TypeVar("E")
Column: TypeAlias = NDArray[Any]


class EventError(TickwrightError):
    """An event or a batch that does not fit its queue."""


class EventBatch:
    """Columns of events of one type; `batch["damage"]` and `batch.columns` give arrays of shape (len(batch),)."""

    __slots__ = ("columns", "size")

    def __init__(self, columns: Mapping[str, Column], size: int) -> None:
        self.columns = columns
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __repr__(self) -> str:
        return f"EventBatch({', '.join(self.columns)}; {self.size} events)"


class EventQueue(Generic[E]):
    """One type's events in the order in which they were sent.

    Positions count events since the world began; chunks are lists of objects or batches.
    """

    def __init__(self, event_type: type[E], *, cap: int = DEFAULT_CAP) -> None:
        if not is_count(cap):
            raise EventError(
                f"a queue for {cap!r} events", where=f"events of {event_type.__name__}", expected="a cap of 1 or more"
            )
        self.event_type = event_type
        self.cap = cap
        self.overflowed = 0
        self._reported = 0
        self.start = 0
        self.end = 0
        self.readers: list[EventReader[E]] = []
        self._chunks: list[list[E] | EventBatch] = []
        self._starts: list[int] = []
        self.rotated_at = 0
        self._open: list[E] | None = None
        self._full_at = cap

    def __len__(self) -> int:
        return self.end - self.start

    def __repr__(self) -> str:
        return f"EventQueue({self.event_type.__name__}; {len(self)} events, {len(self.readers)} readers)"

    def send(self, event: E) -> None:
        """Append one event."""
        if self._open is None:
            self._open = []
            self._chunks.append(self._open)
            self._starts.append(self.end)
        self._open.append(event)
        self.end += 1
        if self.end > self._full_at:
            self._overflow()

    def send_batch(self, columns: Mapping[str, Any]) -> None:
        """Append one event per row; arrays of equal length, scalars are repeated.

        Raises:
            EventError: a column that is no field of the event, a missing one, or unequal lengths.

        Cost: O(columns); the arrays are kept, not copied, so hand them over.
        """
        batch = self._checked(columns)
        if not len(batch):
            return
        self._open = None
        self._chunks.append(batch)
        self._starts.append(self.end)
        self.end += len(batch)
        if self.end > self._full_at:
            self._overflow()

    def reader(self, name: str = "") -> EventReader[E]:
        """Register a reader that begins with what the queue still holds."""
        reader = EventReader(self, name=name)
        self.readers.append(reader)
        return reader

    def rotate(self) -> None:
        """Drop what every reader has passed; without readers, what was sent before the previous rotation.

        What overflowed since the last rotation is logged.
        """
        if self.overflowed > self._reported:
            _LOG.warning(
                "%s dropped its %d oldest events: more than %d waited for %s",
                self,
                self.overflowed - self._reported,
                self.cap,
                ", ".join(reader.name for reader in self.readers if reader.missed) or "no reader",
            )
            self._reported = self.overflowed
        keep = min((reader.cursor for reader in self.readers), default=self.rotated_at)
        self.rotated_at = self.end
        self._drop_before(keep)

    def truncate(self, end: int) -> None:
        """Take back everything sent since the queue ended at `end`."""
        end = max(end, self.start)
        while self._starts and self._starts[-1] >= end:
            self._starts.pop()
            self._chunks.pop()
        if self._chunks:
            last, size = self._chunks[-1], end - self._starts[-1]
            if isinstance(last, EventBatch):
                self._chunks[-1] = EventBatch({name: column[:size] for name, column in last.columns.items()}, size)
            else:
                del last[size:]
        self._open = None
        self.end = end
        for reader in self.readers:
            if reader.cursor > end:
                reader.cursor = end

    def clear(self) -> None:
        """Drop everything; readers move to the end."""
        self._drop_before(self.end)

    def chunks(self, position: int) -> Iterator[tuple[int, list[E] | EventBatch]]:
        """Yield (first position, chunk) for every chunk that holds events from `position` on."""
        index = max(0, bisect_right(self._starts, position) - 1)
        while index < len(self._chunks):
            first, chunk = self._starts[index], self._chunks[index]
            if first + len(chunk) > position:
                yield first, chunk
            index += 1

    def restore(self, start: int, chunks: list[list[E] | EventBatch], *, rotated_at: int) -> None:
        """Replace the content by `chunks`, the first of which begins at position `start`."""
        self._chunks, self._starts, self._open = [], [], None
        self.start = self.end = start
        self.rotated_at = rotated_at
        self._full_at = start + self.cap
        for chunk in chunks:
            self._chunks.append(chunk)
            self._starts.append(self.end)
            self.end += len(chunk)

    def as_columns(self, events: list[E]) -> EventBatch:
        """Turn objects into columns, one array per field; of a class that declares none, per attribute."""
        names = _field_names(self.event_type) or tuple(getattr(events[0], "__dict__", ()))
        return EventBatch({name: np.array([getattr(e, name) for e in events]) for name in names}, len(events))

    def materialise(self, batch: EventBatch) -> list[E]:
        """Turn a batch's rows into objects."""
        columns = [column.tolist() for column in batch.columns.values()]
        make: Callable[..., E] = self.event_type
        names = list(batch.columns)
        return [make(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]

    def _checked(self, columns: Any) -> EventBatch:
        if not isinstance(columns, Mapping):
            raise EventError(
                f"{columns!r} is no batch",
                where=f"batch of {self.event_type.__name__}",
                expected="columns by field name, such as {'damage': [1, 2]}",
            )
        arrays = {name: np.asarray(column) for name, column in columns.items()}
        lengths = {array.shape[0] for array in arrays.values() if array.ndim}
        fields = _field_names(self.event_type)
        where = f"batch of {self.event_type.__name__}"
        if unknown := [name for name in arrays if name not in fields]:
            raise EventError(f"no field {unknown[0]!r}", where=where, expected=", ".join(fields) or "no fields")
        if missing := [name for name in _required_names(self.event_type) if name not in arrays]:
            raise EventError(f"column {missing[0]!r} is missing", where=where, expected=", ".join(fields))
        if len(lengths) > 1:
            raise EventError(f"columns of lengths {sorted(lengths)}", where=where, expected="one length")
        size = lengths.pop() if lengths else 1
        full = {name: array if array.ndim else np.broadcast_to(array, (size,)) for name, array in arrays.items()}
        return EventBatch(full, size)

    def _overflow(self) -> None:
        excess = self.end - self.start - self.cap
        self.overflowed += excess
        for reader in self.readers:
            reader.missed += max(0, self.start + excess - reader.cursor)
        self._drop_before(self.start + excess)

    def _drop_before(self, position: int) -> None:
        drop = 0
        while drop < len(self._chunks) and self._starts[drop] + len(self._chunks[drop]) <= position:
            drop += 1
        if drop:
            del self._chunks[:drop], self._starts[:drop]
            if not self._chunks:
                self._open = None
        self.start = max(self.start, position)
        self._full_at = self.start + self.cap
        for reader in self.readers:
            reader.pass_to(self.start)


class EventReader(Generic[E]):
    """A system's own place in a queue: `for event in reader`, or `reader.batches()` for columns.

    Every event is seen once; one that was not reached (the loop was left early) is seen next time.
    """

    __slots__ = ("_end", "_floor", "_running", "missed", "name", "queue")

    def __init__(self, queue: EventQueue[E], *, name: str = "") -> None:
        self.queue = queue
        self.name = name
        self.missed = 0
        self._floor = queue.start
        self._running: Iterator[E] | None = None
        self._end = 0

    @property
    def cursor(self) -> int:
        """The position of the next event to be read."""
        if self._running is None:
            return self._floor
        # a loop over a list iterator runs at C speed; what it has left tells where it is
        left = length_hint(self._running)
        if left:
            return max(self._floor, self._end - left)
        self.cursor = max(self._floor, self._end)
        return self._floor

    @cursor.setter
    def cursor(self, position: int) -> None:
        self._floor, self._running = position, None

    def pass_to(self, position: int) -> None:
        """Move on to `position`, if the reader is not there yet; a running loop goes on."""
        self._floor = max(self._floor, position)

    def __iter__(self) -> Iterator[E]:
        queue, cursor = self.queue, self.cursor
        if cursor == queue.end:
            return iter(())
        events: list[E] = []
        for first, chunk in queue.chunks(cursor):
            part = queue.materialise(chunk) if isinstance(chunk, EventBatch) else chunk
            skip = max(0, cursor - first)
            events.extend(part[skip:] if skip else part)
        # the events are a copy: what the loop's own body sends is for next time
        self._floor, self._running, self._end = cursor, iter(events), queue.end
        return self._running

    def __len__(self) -> int:
        return self.queue.end - self.cursor

    def __bool__(self) -> bool:
        return self.queue.end > (self._floor if self._running is None else self.cursor)

    def __repr__(self) -> str:
        return f"EventReader({self.queue.event_type.__name__}; {len(self)} unread)"

    def is_empty(self) -> bool:
        """Return whether nothing is unread."""
        return self.queue.end == (self._floor if self._running is None else self.cursor)

    def read(self) -> list[E]:
        """Return all unread events as a list."""
        return list(self) if self else []

    def batches(self) -> Iterator[EventBatch]:
        """Yield the unread events as columns; objects sent one by one are turned into columns of their fields.

        Cost: O(columns) per batch, a slice where a batch was half read.
        """
        for first, chunk in self.queue.chunks(self.cursor):
            skip = max(0, self.cursor - first)
            self.cursor = first + len(chunk)
            if not isinstance(chunk, EventBatch):
                yield self.queue.as_columns(chunk[skip:])
            elif skip:
                columns = {name: column[skip:] for name, column in chunk.columns.items()}
                yield EventBatch(columns, len(chunk) - skip)
            else:
                yield chunk

    def clear(self) -> None:
        """Pass over everything unread."""
        self.cursor = self.queue.end

    def detach(self) -> None:
        """Stop holding events back for this reader (its system is disabled)."""
        if self in self.queue.readers:
            self.queue.readers.remove(self)

    def attach(self) -> None:
        """Hold events again, from the next one sent."""
        if self not in self.queue.readers:
            self.cursor = self.queue.end
            self.queue.readers.append(self)


class EventWriter(Generic[E]):
    """Send events of one type from a system; what a failing system sent is taken back."""

    __slots__ = ("_mark", "queue", "send", "send_batch")

    def __init__(self, queue: EventQueue[E]) -> None:
        self.queue = queue
        self.send: Callable[[E], None] = queue.send
        self.send_batch: Callable[[Mapping[str, Any]], None] = queue.send_batch
        self._mark = queue.end

    def __repr__(self) -> str:
        return f"EventWriter({self.queue.event_type.__name__})"

    def begin(self) -> None:
        """Remember where the queue ends, for `rollback`."""
        self._mark = self.queue.end

    def rollback(self) -> None:
        """Take back what was sent since `begin`."""
        self.queue.truncate(self._mark)


class Events:
    """All queues of one world, by event type."""

    def __init__(self) -> None:
        self.queues: dict[type[Any], EventQueue[Any]] = {}

    def register(self, event_type: type[E], *, cap: int = DEFAULT_CAP) -> EventQueue[E]:
        """Return the queue of `event_type`, made with `cap` if it is new."""
        queue = self.queues.get(event_type)
        if queue is None:
            queue = self.queues[event_type] = EventQueue(event_type, cap=cap)
        return queue

    def send(self, event: object) -> None:
        """Queue one event of its own type."""
        queue = self.queues.get(type(event))
        if queue is None:
            queue = self.register(type(event))
        queue.send(event)

    def rotate(self) -> None:
        """Let every queue drop what its readers have passed."""
        for queue in self.queues.values():
            if queue.end > queue.start or queue.end > queue.rotated_at:
                queue.rotate()

    def moved(self) -> int:
        """Return a number that grows with every event that is sent, and with every one that a reader passes."""
        total = 0
        for queue in self.queues.values():
            end, readers = queue.end, queue.readers
            if queue.start == end:  # every reader is at the end
                total += end * (1 + len(readers))
            else:
                total += end + sum(reader.cursor for reader in readers)
        return total

    def unread(self) -> int:
        """Return how many events wait for a reader."""
        return sum(max((len(reader) for reader in q.readers), default=0) for q in self.queues.values())


def _field_names(event_type: type[Any]) -> tuple[str, ...]:
    if dataclasses.is_dataclass(event_type):
        return tuple(each.name for each in dataclasses.fields(event_type))
    if hasattr(event_type, "__struct_fields__"):  # a msgspec.Struct
        return tuple(event_type.__struct_fields__)
    return tuple(name for base in reversed(event_type.__mro__) for name in inspect.get_annotations(base))


def _required_names(event_type: type[Any]) -> tuple[str, ...]:
    if dataclasses.is_dataclass(event_type):
        missing = dataclasses.MISSING
        return tuple(
            f.name for f in dataclasses.fields(event_type) if f.default is missing and f.default_factory is missing
        )
    if hasattr(event_type, "__struct_fields__"):
        import msgspec

        return tuple(f.name for f in msgspec.structs.fields(event_type) if f.required)
    return ()
