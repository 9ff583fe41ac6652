"""`Local` values and run conditions go on after a restore; one-shot systems; every system's own stream and name."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from tickwright import (
    App,
    Commands,
    EventReader,
    Local,
    ManualClock,
    On,
    Plugin,
    Query,
    Res,
    Rng,
    Update,
    component,
    f32,
)
from tickwright.ecs_core import (
    AppSnapshotError,
    any_of,
    every_n_ticks,
    not_,
    on_timer,
    pipe,
    run_once,
)


@component
class Mark:
    x: f32 = 0.0


@component
class Other: ...


@dataclass
class Memory:
    seen: list[int] = field(default_factory=list)
    last: float = 0.0


class Handle:
    def __init__(self):
        self.lock = object()


def marks(commands: Commands, count: Local[int]):
    count.value += 1
    if count.value % 3 == 0:
        commands.spawn(Mark())


def others(commands: Commands):
    commands.spawn(Other())


def remembers(memory: Local[Memory], last: Local[float], handle: Local[Handle]):
    memory.value.seen.append(len(memory.value.seen))
    last.value = None


def number(step: Local[int]) -> int:
    step.value += np.int64(2)
    return step.value


def keeps(value: int, commands: Commands, step: Local[int]):
    step.value += 1
    if (value + step.value) % 4 == 0:
        commands.spawn(Mark(float(value)))


def build():
    app = App(clock=ManualClock(step_ms=100)).add_component(Mark, Other)
    app.add_systems(Update, marks).add_systems(Update, remembers).add_systems(Update, pipe(number, keeps))
    app.add_systems(Update, others, run_if=[every_n_ticks(3), every_n_ticks(2)])
    app.add_systems(Update, others, run_if=run_once())
    app.add_systems(Update, others, run_if=any_of(on_timer(0.25), not_(every_n_ticks(5))))
    return app


@pytest.mark.parametrize("ticks", range(1, 8))
def test_an_app_goes_on_from_its_local_values_in_another_app(ticks):
    with build() as app, build() as other:
        app.run(ticks)
        other.run(2)
        other.restore(app.snapshot())
        assert other.digest() == app.digest()
        for _ in range(8):
            app.update()
            other.update()
            assert other.digest() == app.digest()


def test_a_restore_in_place_takes_local_values_back():
    with build() as app:
        app.run(4)
        data, digest = app.snapshot(), app.digest()
        app.run(3)
        assert app.digest() != digest
        app.restore(data)
        assert app.digest() == digest
        assert app.snapshot() == data


def test_a_local_value_without_a_plain_form_stays_with_the_process():
    holders = []

    def keep(handle: Local[Handle]):
        holders.append(handle)

    with App(clock=ManualClock()) as app:
        app.add_systems(Update, keep)
        app.update()
        handle = holders[0].value
        app.restore(app.snapshot())
        assert holders[0].value is handle


def test_a_system_that_the_snapshot_does_not_know_begins_anew():
    def counts(count: Local[int]):
        count.value += 1
        seen.append(count.value)

    seen = []
    with App(clock=ManualClock()) as app:
        empty = app.snapshot()
        app.add_systems(Update, counts)
        app.run(2)
        app.restore(empty)
        app.update()
    assert seen == [1, 2, 1]


def test_a_local_value_of_another_type_is_refused_by_name():
    def counts(memory: Local[Memory]): ...

    def app_with(system):
        return App(clock=ManualClock()).add_systems(Update, system)

    with app_with(counts) as app:
        data = app.snapshot()

        def counts(memory: Local[int]): ...

        with (
            app_with(counts) as other,
            pytest.raises(AppSnapshotError, match=r"local value .*counts\.memory/1 as dict"),
        ):
            other.restore(data)


def test_observers_keep_their_local_values():
    counts = []

    class Rung: ...

    def hear(on: On[Rung], count: Local[int]):
        count.value += 1
        counts.append(count.value)

    with App(clock=ManualClock()) as app:
        app.observe(hear)
        app.world.trigger(Rung())
        data = app.snapshot()
        app.world.trigger(Rung())
        app.restore(data)
        app.world.trigger(Rung())
    assert counts == [1, 2, 2]


def test_a_registered_one_shot_system_keeps_its_state_and_a_function_begins_anew():
    class Sent: ...

    def heard(events: EventReader[Sent], runs: Local[int]) -> tuple[int, int]:
        runs.value += 1
        return len(list(events)), runs.value

    with App(clock=ManualClock()) as app:
        queue = app.add_event(Sent)
        system = app.register_system(heard)
        queue.send(Sent())
        assert app.run_system(system) == (1, 1)
        assert app.run_system(system) == (0, 2)
        queue.send(Sent())
        assert app.run_system(heard) == (2, 1)
        assert app.run_system(heard) == (2, 1)
        assert app.run_system(system) == (1, 3)
        data = app.snapshot()
        app.run_system(system)
        app.restore(data)
        assert app.run_system(system) == (0, 4)


def test_running_a_function_leaves_nothing_behind():
    def count(marks: Query[Mark]) -> int:
        return marks.count()

    with App(clock=ManualClock()) as app:
        before = len(app.snapshot())
        assert [app.run_system(count) for _ in range(5)] == [0] * 5
        assert len(app.snapshot()) == before
        assert app.world.runs == {}
        app.add_systems(Update, count)
        assert app.schedule(Update).graph().systems == (count.__qualname__.rpartition("<locals>.")[2],)


def test_a_plugins_one_shot_systems_go_with_it():
    class Sent: ...

    def heard(events: EventReader[Sent]): ...

    class Hears(Plugin):
        def build(self, app):
            app.register_system(heard)

    with App(clock=ManualClock()) as app:
        app.add_plugins(Hears())
        assert len(app.add_event(Sent).readers) == 1
        app.remove_plugin("Hears")
        assert app.add_event(Sent).readers == []


def test_systems_of_one_name_have_streams_of_their_own_and_adding_one_shifts_no_other():
    def made(place, drawn):
        def wander(rng: Res[Rng]):
            drawn.setdefault(place, []).append(rng.random())

        return wander

    def run(count):
        drawn = {}
        with App(seed=1, clock=ManualClock()) as app:
            app.add_systems(Update, *[made(place, drawn) for place in range(count)])
            app.run(3)
        return drawn

    assert run(3)[0] == run(1)[0]
    assert len({number for numbers in run(3).values() for number in numbers}) == 9


def test_a_plugin_that_comes_back_has_the_names_that_it_had():
    def move(marks: Query[Mark]): ...

    class Moves(Plugin):
        def build(self, app):
            app.add_systems(Update, move, move)

    with App(clock=ManualClock()) as app:
        for _ in range(3):
            app.add_plugins(Moves())
            assert app.schedule(Update).graph().systems == ("move", "move#2")
            assert sorted(app.world.runs) == ["move", "move#2"]
            app.remove_plugin("Moves")
            assert app.world.runs == {}


def test_plain_collections_are_saved_whole_and_what_has_no_plain_form_is_refused():
    for value in ({1, 2}, (1, 2), frozenset({3})):
        with App(clock=ManualClock()) as app, App(clock=ManualClock()) as other:
            app.insert_resource(value, persistent=True)
            other.insert_resource(type(value)(), persistent=True)
            other.restore(app.snapshot())
            assert other.world.resource(type(value)) == value
    with App(clock=ManualClock()) as app:
        app.insert_resource(np.arange(3), persistent=True)
        with pytest.raises(AppSnapshotError, match=r"a persistent resource cannot be saved.*numpy\.ndarray"):
            app.snapshot()
