"""Observers: whom they hear, in which order, how far an event bubbles, and what ends with an entity."""

import pytest

from tickwright import App, ChildOf, Commands, Entity, Local, ManualClock, On, Query, Update, component, f32
from tickwright.ecs_core import StaleEntityError, SystemParamError


@component
class Mark:
    x: f32 = 0.0


class Bump:
    propagates = True


class Hit: ...


@pytest.fixture
def app():
    with App(clock=ManualClock()) as app:
        yield app


@pytest.fixture
def tree(app):
    root = app.world.spawn()
    middle = app.world.spawn(ChildOf(root))
    return root, middle, app.world.spawn(ChildOf(middle))


def noting(log, word):
    def note(on: On[Bump]) -> None:
        log.append((word, on.entity, on.target))

    return note


def test_events_bubble_along_parents_until_stopped(app, tree):
    log = []

    def stop(on: On[Bump]) -> None:
        log.append("stop")
        on.propagate(onward=False)

    for entity in tree:
        app.observe(noting(log, "at"), entity=entity)
    root, middle, leaf = tree
    app.world.trigger(Bump(), entity=leaf)
    assert log == [("at", leaf, leaf), ("at", middle, leaf), ("at", root, leaf)]
    app.observe(stop, entity=middle)
    log.clear()
    app.world.trigger(Bump(), entity=leaf)
    assert log == [("at", leaf, leaf), ("at", middle, leaf), "stop"]


def test_observers_of_every_entity_hear_each_step_in_one_order_with_the_entitys_own(app, tree):
    log = []
    root, middle, leaf = tree
    app.observe(noting(log, "own"), entity=leaf)
    app.observe(noting(log, "first of all"), entity=leaf, priority=-1)
    app.observe(noting(log, "every"))
    app.observe(noting(log, "last"), priority=1)
    app.world.trigger(Bump(), entity=leaf)
    words = [(word, entity) for word, entity, _ in log]
    assert words == [
        ("first of all", leaf),
        ("every", leaf),
        ("own", leaf),
        ("last", leaf),
        ("every", middle),
        ("last", middle),
        ("every", root),
        ("last", root),
    ]
    log.clear()
    app.world.trigger(Bump())
    assert log == [("every", None, None), ("last", None, None)]


def test_what_does_not_propagate_stays_at_its_entity(app, tree):
    log = []

    def hear(on: On[Hit]) -> None:
        log.append(on.entity)

    app.observe(hear)
    app.observe(hear, entity=tree[0])
    app.world.trigger(Hit(), entity=tree[2])
    assert log == [tree[2]]


def test_a_parent_that_ends_meanwhile_ends_the_way(app, tree):
    log = []

    def end(on: On[Bump], commands: Commands) -> None:
        commands.despawn(tree[0])

    app.observe(end, entity=tree[2])
    app.observe(noting(log, "root"), entity=tree[0])
    app.world.trigger(Bump(), entity=tree[2])
    assert log == []
    assert len(app.world) == 0


def test_an_entitys_observers_end_with_it_and_leave_nothing(app, tree):
    def count(on: On[Bump], marks: Query[Mark], times: Local[int]) -> None: ...

    before = len(app.snapshot())
    kept = app.observe(count)
    for entity in tree:
        app.observe(count, entity=entity)
    assert len(list(app.world.observers)) == 4
    app.world.despawn(tree[0])  # its children end with it
    assert list(app.world.observers) == [kept]
    assert list(app.world.runs) == [kept.system.name]
    app.world.observers.remove(kept)
    assert app.world.runs == {}
    assert len(app.snapshot()) <= before


def test_stale_entities_are_refused(app, tree):
    log = []
    app.observe(noting(log, "every"))
    app.world.despawn(tree[2])
    for entity in (tree[2], Entity(99), "a"):
        with pytest.raises(StaleEntityError):
            app.world.trigger(Bump(), entity=entity)
        with pytest.raises(StaleEntityError):
            app.observe(noting(log, "own"), entity=entity)
    assert log == []
    assert len(list(app.world.observers)) == 1


def test_a_staged_trigger_passes_over_a_stale_entity_as_commands_do(app, tree):
    log = []

    def stage(commands: Commands) -> None:
        commands.despawn(tree[2])
        commands.trigger(Bump(), entity=tree[2])
        commands.trigger(Bump(), entity=tree[0])

    app.observe(noting(log, "heard"))
    app.run_system(stage)
    assert log == [("heard", tree[0], tree[0])]
    assert app.world.stale_commands == 1
    app.world.stale_policy = "error"
    with pytest.raises(StaleEntityError):
        app.run_system(stage)
    assert len(log) == 1


def test_a_function_that_observes_nothing_leaves_nothing(app):
    def system(marks: Query[Mark]) -> None: ...

    with pytest.raises(SystemParamError, match="needs one parameter On"):
        app.observe(system)
    assert app.world.runs == {}
    app.add_systems(Update, system)
    assert app.schedule(Update).graph().systems == ("system",)
