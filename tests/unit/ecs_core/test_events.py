"""Queues, readers, writers, clocks and observers: the corners that the property tests do not turn."""

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from tickwright.ecs_core import App, EventError, EventReader, ManualClock, On, SystemClock, Time, Update
from tickwright.ecs_core.access import Access, Part
from tickwright.ecs_core.async_systems import StagedWriter
from tickwright.ecs_core.events import EventQueue, Events, EventWriter
from tickwright.ecs_core.streams import Streams


@dataclass(frozen=True)
class Hit:
    target: int
    damage: float = 1.0


class Note(msgspec.Struct):
    text: str
    size: int = 0


class Loose:
    number: int

    def __init__(self, number: int) -> None:
        self.number = number


def test_a_queue_without_readers_keeps_an_event_for_two_rotations():
    queue = EventQueue(Hit)
    queue.send(Hit(1))
    queue.rotate()
    late = queue.reader("late")
    assert late.read() == [Hit(1)]
    late.detach()
    queue.rotate()
    assert len(queue) == 0


def test_a_detached_reader_holds_nothing_and_begins_anew_when_attached():
    queue = EventQueue(Hit)
    reader = queue.reader()
    reader.detach()
    reader.detach()
    for number in range(3):
        queue.send(Hit(number))
        queue.rotate()
    assert len(queue) == 1
    reader.attach()
    reader.attach()
    assert reader.is_empty()
    queue.send(Hit(9))
    assert bool(reader)
    assert reader.read() == [Hit(9)]


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        (Hit, {"target": np.arange(3), "damage": 2.0}),
        (Note, {"text": np.array(["a", "b", "c"]), "size": [1, 2, 3]}),
        (Loose, {"number": [4, 5, 6]}),
    ],
)
def test_batches_become_objects_and_objects_become_columns(kind, columns):
    queue = EventQueue(kind)
    rows, cols = queue.reader(), queue.reader()
    queue.send_batch(columns)
    objects = rows.read()
    assert [type(each) for each in objects] == [kind] * 3
    for each in objects:
        queue.send(each)
    first, second = cols.batches()
    for name in columns:
        assert first[name].tolist() == second[name].tolist()
    assert len(first) == 3
    assert "3 events" in repr(first)


def test_a_batch_that_was_half_read_goes_on_as_a_slice():
    queue = EventQueue(Hit)
    reader = queue.reader()
    queue.send_batch({"target": np.arange(4), "damage": np.ones(4)})
    for event in reader:
        if event.target == 1:
            break
    assert [batch["target"].tolist() for batch in reader.batches()] == [[2, 3]]
    queue.send_batch({"target": np.arange(0)})
    assert len(reader) == 0
    queue.send_batch({"target": 5})
    reader.clear()
    assert reader.is_empty()
    queue.clear()
    assert len(queue) == 0


def test_a_batch_that_is_taken_back_in_part_keeps_its_first_rows():
    queue = EventQueue(Hit)
    reader = queue.reader()
    queue.send_batch({"target": np.arange(4)})
    queue.truncate(2)
    assert [event.target for event in reader] == [0, 1]
    assert [event.damage for event in reader] == []
    queue.truncate(1)
    assert reader.cursor == 1


def test_staged_events_are_sent_in_order_when_applied():
    queue = EventQueue(Hit)
    staged = StagedWriter(queue)
    staged.send(Hit(0))
    staged.send_batch({"target": [1, 2]})
    assert len(queue) == 0
    staged.apply()
    assert [event.target for event in queue.reader()] == [0, 1, 2]


def test_all_queues_report_what_waits():
    events = Events()
    events.send(Hit(1))
    reader = events.register(Hit).reader()
    assert events.unread() == 1
    events.rotate()
    assert reader.read() == [Hit(1)]
    assert events.unread() == 0
    shown = [repr(events.register(Hit)), repr(reader), repr(EventWriter(events.register(Hit)))]
    assert all("Hit" in each for each in shown)


def test_the_system_clock_never_runs_backwards():
    clock = SystemClock()
    before = clock.now_ms()
    assert clock.advance() >= 0
    assert clock.advance(0.5) == 0.5
    assert clock.now_ms() >= before
    assert str(clock.now_ms()) in repr(clock)
    manual = ManualClock(5, step_ms=10)
    manual.set_ms(100)
    assert repr(manual) == "ManualClock(start_ms=100, step_ms=10)"


def test_time_can_be_paused_and_slowed():
    time = Time(speed=0.5)
    time.advance(100, 0.1)
    assert (time.delta_s, time.elapsed_s) == (0.05, 0.05)
    time.speed = 0.0
    time.advance(200, 0.1)
    assert (time.delta_s, time.now_ms, time.tick) == (0.0, 200, 2)


def test_streams_that_a_snapshot_does_not_name_begin_anew():
    streams = Streams(1)
    fresh = Streams(1).stream("late").random()
    state = streams.state()
    streams.stream("late").random()
    streams.restore(1, state)
    assert streams.stream("late").random() == fresh


def test_access_clashes_only_where_one_writes_and_an_entity_can_match_both():
    reads, writes = Part(reads=frozenset({"x"})), Part(writes=frozenset({"x"}))
    apart = Part(writes=frozenset({"x"}), with_=frozenset({"a"}))
    other = Part(writes=frozenset({"x"}), without=frozenset({"a"}))
    assert Access((reads,)).conflicts(Access((reads,))) == []
    assert Access((reads,)).conflicts(Access((writes,))) == ["x"]
    assert Access((apart,)).conflicts(Access((other,))) == []
    assert Access((apart,)).conflicts(Access((writes,))) == ["x"]
    assert Access(exclusive=True).conflicts(Access()) == ["World"]


def test_a_failing_observer_drops_what_it_staged_and_raises_at_the_trigger():
    app = App(clock=ManualClock())

    def bad(on: On[Hit]) -> None:
        raise ValueError("no")

    app.observe(bad)
    with pytest.raises(ValueError, match="no"):
        app.world.trigger(Hit(1))


def test_wrong_batches_are_refused_whole():
    queue = EventQueue(Hit)
    for columns, message in (
        ({"target": [1], "colour": [2]}, "no field 'colour'"),
        ({"damage": [1.0]}, "column 'target' is missing"),
        ({"target": [1, 2], "damage": [1.0]}, "lengths"),
    ):
        with pytest.raises(EventError, match=message):
            queue.send_batch(columns)
    assert len(queue) == 0


class Alarm: ...


def test_a_removed_observers_readers_hold_nothing_back():
    app = App(clock=ManualClock())

    def watch(on: On[Alarm], hits: EventReader[Hit]) -> None: ...

    watcher = app.observe(watch)
    with app.owner("plugin"):
        app.observe(watch)
    queue = app.add_event(Hit)
    assert len(queue.readers) == 2
    app.world.observers.release("plugin")
    app.world.observers.remove(watcher)
    assert queue.readers == []


class Bare:
    def __init__(self, points):
        self.points = points


def test_a_class_that_declares_no_fields_has_columns_of_its_attributes():
    reader = (queue := EventQueue(Bare)).reader()
    for points in (1, 2):
        queue.send(Bare(points))
    assert [batch["points"].tolist() for batch in reader.batches()] == [[1, 2]]


def test_what_overflows_is_reported_once_a_tick_with_the_slow_readers_name(caplog):
    def slow(hits: EventReader[Hit]) -> None: ...

    with App(clock=ManualClock()) as app:
        queue = app.add_event(Hit, cap=3)
        app.add_systems(Update, slow)
        for number in range(5):
            app.world.send(Hit(number))
        app.run(2)
        assert [record.name for record in caplog.records] == ["tickwright.events"]
        assert "dropped its 2 oldest events: more than 3 waited for slow.hits" in caplog.text
        app.world.send(Hit(9))
        app.update()
        assert queue.overflowed == 3
        assert "dropped its 1 oldest events" in caplog.text
