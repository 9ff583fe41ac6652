"""A world saved and restored: everything an entity has, what is left out, and what is refused."""

import base64
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import pytest

from tickwright.ecs_core import (
    App,
    AppSnapshotError,
    Bundle,
    Changed,
    ChildOf,
    Children,
    Commands,
    Entity,
    ManualClock,
    Query,
    Symbol,
    TickwrightError,
    Update,
    World,
    component,
    f32,
    i8,
    relation,
)
from tickwright.ecs_core.world_snapshot import SnapshotValueError


class Mood(IntEnum):
    CALM = 0
    ANGRY = 1


@component
class Place:
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Mixed:
    level: i8 = 0
    name: Symbol = ""
    mood: Mood = Mood.CALM
    friend: Entity = Entity(0)


@component
class Note:
    text: str = ""
    tags: list[str] = field(default_factory=list)


@component(storage="sparse")
class Lit: ...


@component(transient=True)
class Cached:
    x: f32 = 0.0


@component(transient=True, storage="object")
class Handle:
    thing: Any = None


@relation()
class Likes:
    targets: tuple[Entity, ...] = ()


@dataclass
class Ball(Bundle):
    place: Place
    note: Note


KINDS = (Place, Mixed, Note, Lit, Likes)


def new_app():
    return App(clock=ManualClock(step_ms=100)).add_component(*KINDS)


def fill(app):
    """Put something of everything into an app; return the ids."""
    world = app.world
    ids = world.spawn_batch(5, Place.columns(x=np.arange(5)), Mixed.columns(name=list("abcba")))
    root = world.spawn(Note("root", ["x"]), Lit())
    world.insert_batch(ids[:3], ChildOf(root))
    world.insert(ids[3], Lit(), Cached(3.0), Handle(print))
    world.insert(ids[4], Likes((Entity(int(ids[0])), root)))
    world.despawn(world.spawn())
    commands = Commands(world)
    commands.after(0.15).insert(ids[0], Note("late"), Mixed(3, "late", Mood.ANGRY, root))
    commands.after(0.15).spawn(Ball(Place(9.0), Note("ball")))
    commands.after(0.25).remove(ids[1], Place)
    commands.after(0.25).despawn(ids[2])
    commands.apply()
    return ids, root


def test_everything_comes_back_in_a_fresh_app():
    with new_app() as app, new_app() as other:
        ids, root = fill(app)
        other.restore(app.snapshot())
        world = other.world
        assert world.digest() == app.world.digest()
        assert other.digest() == app.digest()
        assert world.get_batch(ids, Place).x.tolist() == [0, 1, 2, 3, 4]
        assert [world.get(each, Mixed).name for each in ids] == list("abcba")
        assert world.get(root, Note) == Note("root", ["x"])
        assert world.has_batch([root, *ids], Lit).tolist() == [True, False, False, False, True, False]
        assert world.children(root) == tuple(ids[:3].tolist())
        assert tuple(world.get(root, Children)) == world.children(root)
        assert world.sources(Likes, root) == (ids[4],)
        assert world.spawn() == app.world.spawn()
        for each in (app, other):
            each.run(3)
        assert world.digest() == app.world.digest()
        assert world.get(ids[0], Mixed) == Mixed(3, "late", Mood.ANGRY, root)
        assert not world.contains(ids[2])
        assert not world.has(ids[1], Place)
        world.despawn(root)
        assert not world.has(ids[4], Likes)
        assert not world.contains(ids[0])


def test_transient_components_are_left_out_of_snapshot_and_digest():
    with new_app() as app, new_app() as other:
        ids, _ = fill(app)
        before = app.digest()
        app.world.remove(ids[3], Cached, Handle)
        assert app.digest() == before
        app.world.insert(ids[3], Cached(1.0), Handle(print))
        data = app.snapshot()
        other.restore(data)
        assert not other.world.has(ids[3], Cached)
        app.restore(data)
        assert not app.world.has(ids[3], Handle)
        assert app.digest() == before


def test_handles_of_before_a_restore_look_their_entity_up_again():
    with new_app() as app:
        world = app.world
        one = world.spawn(Place(1.0))
        data = app.snapshot()
        handle = world.get(one, Place)
        query = world.query(Place)
        assert query.count() == 1
        handle.x = 5.0
        extra = world.spawn(Place(7.0), Lit())
        gone = world.get(extra, Place)
        app.restore(data)
        assert handle.x == 1.0
        assert query.count() == 1
        assert [place.x.tolist() for place in query] == [[1.0]]
        with pytest.raises(TickwrightError):
            _ = gone.x


def test_ticks_of_another_history_are_forgotten():
    seen = []

    def look(changed: Query[Entity, Changed[Lit]]) -> None:
        seen.append(changed.count())

    with new_app() as app, new_app().add_systems(Update, look) as other:
        one = app.world.spawn(Place())
        for _ in range(50):
            busy = other.world.spawn(Place(), Lit())
            other.world.remove(busy, Lit)
            other.update()
        other.restore(app.snapshot())
        other.world.insert(one, Lit())
        seen.clear()
        other.run(3)
        assert seen == [1, 0, 0]


def test_another_process_restores_relations_delays_and_sparse_tags():
    with new_app() as app:
        fill(app)
        data = base64.b64encode(app.snapshot()).decode()
        app.run(3)
        expected = app.digest()
    code = (
        "import sys, base64; sys.path.insert(0, 'tests/unit/ecs_core'); import test_world_snapshot as t\n"
        "t.__name__ = 'x'\nwith t.new_app() as app:\n"
        "    app.restore(base64.b64decode(sys.stdin.read())); app.run(3); print(app.digest())"
    )
    ran = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == expected


def test_ids_that_were_reserved_and_never_spawned_are_free_after_a_restore():
    with new_app() as app, new_app() as other:
        fill(app)
        never, later = Commands(app.world), Commands(app.world)
        lost = [never.spawn(Place()), *never.spawn_batch(2, Place()).tolist()]
        kept = later.after(1.0).spawn(Place(5.0))
        later.apply()
        other.restore(app.snapshot())
        entities = other.world.entities
        waiting = [each for delayed in other.world.delayed for each in delayed.commands.reserved]
        assert kept in waiting
        assert entities.alive + entities.free_count + len(waiting) == entities.used - 1
        fresh = [other.world.spawn() for _ in range(4)]  # one was free before
        assert {each & 0xFFFFFFFF for each in fresh} >= {each & 0xFFFFFFFF for each in lost}
        assert not set(fresh) & set(lost)
        other.run(12)
        assert other.world.get(kept, Place).x == 5.0


@pytest.mark.parametrize("end", ["apply", "clear", "snapshot"])
def test_what_was_staged_before_a_restore_belongs_to_another_history(end, caplog):
    with new_app() as app:
        one = app.world.spawn(Place())
        data = app.snapshot()
        old, delayed = Commands(app.world), Commands(app.world)
        reserved = old.spawn(Place(7.0))
        old.insert(one, Note("old"))
        delayed.after(0.1).spawn(Place(8.0))
        app.restore(data)
        again = app.world.spawn(Place(1.0))
        assert again == reserved
        before = app.digest()
        if end == "clear":
            old.clear()
        else:
            old.apply()
        delayed.apply()
        if end == "snapshot":
            app.restore(app.snapshot())
        assert app.digest() == before
        assert "2 staged operation(s) dropped" in caplog.text
        app.run(3)
        assert app.world.get_batch([one, again], Place).x.tolist() == [0.0, 1.0]
        old.insert(one, Note("new"))
        old.apply()
        assert app.world.get(one, Note).text == "new"
        assert len(app.world) == 2


def test_a_component_with_other_fields_is_named():
    here = component(name="Part")(type("Part", (), {"__annotations__": {"x": f32, "y": i8}, "x": 0.0, "y": 0}))
    there = component(name="Part")(type("Part", (), {"__annotations__": {"x": f32}, "x": 0.0}))
    with App(clock=ManualClock()) as app, App(clock=ManualClock()).add_component(there) as other:
        app.world.spawn(here())
        kept = other.world.spawn(there(4.0))
        before = other.digest()
        with pytest.raises(AppSnapshotError) as caught:
            other.restore(app.snapshot())
        assert caught.value.unknown == ["component Part as table(x: float32, y: int8), here it is table(x: float32)"]
        assert other.digest() == before
        assert other.world.get(kept, there).x == 4.0


def test_only_components_that_somebody_has_need_be_known():
    with new_app() as app, App(clock=ManualClock()) as bare:
        app.world.query(Place)
        app.world.despawn(app.world.spawn(Note(), Mixed(name="n")))
        bare.restore(app.snapshot())
        app.world.spawn(Note())
        with pytest.raises(AppSnapshotError) as caught:
            bare.restore(app.snapshot())
        assert caught.value.unknown == ["component Note"]


def test_an_object_that_has_no_plain_form_is_named_and_nothing_is_saved():
    with new_app() as app:
        one = app.world.spawn(Note("x", [lambda: 0]))
        with pytest.raises(SnapshotValueError, match="transient=True") as caught:
            app.snapshot()
        assert (caught.value.component, caught.value.entity) == ("Note", one)


@pytest.mark.parametrize(
    ("stage", "what"),
    [
        (lambda c: c.after(1.0).add(print), "delayed calls"),
        (lambda c: c.after(1.0).after(1.0).spawn(Place()), "inside delayed commands"),
    ],
)
def test_delayed_commands_that_cannot_be_saved_are_refused(stage, what):
    with new_app() as app:
        commands = Commands(app.world)
        stage(commands)
        commands.apply()
        with pytest.raises(TickwrightError, match=what):
            app.snapshot()


def test_delayed_batches_are_saved_and_go_on_in_another_app():
    with new_app() as app, new_app() as other:
        first = app.world.spawn_batch(3, Place(1.0))
        commands = Commands(app.world)
        later = commands.after(0.04)
        fresh = later.spawn_batch(2, Place.columns(x=[5.0, 6.0]), [Note("a"), Note("b")], Mixed(name="one"), Lit())
        later.insert_batch(fresh, Mixed.columns(name=["x", "y"], mood=Mood.ANGRY, friend=first[:2]))
        later.remove_batch(first[:1], Place)
        later.despawn_batch(first[2:])
        commands.apply()
        other.restore(app.snapshot())
        for each in (app, other):
            each.run(4)
        assert other.digest() == app.digest()
        assert [note.text for note in other.world.get_batch(fresh, Note)] == ["a", "b"]
        assert other.world.get(fresh[1], Mixed) == Mixed(0, "y", Mood.ANGRY, Entity(int(first[1])))
        assert other.world.contains_batch(first).tolist() == [True, True, False]
        assert not other.world.has(first[0], Place)


def test_digests_are_equal_for_equal_content_whatever_came_before():
    plain, busy = World(), World()
    busy.symbols.intern_batch(["z", "a\0", "b"])
    busy.query(Note)
    for world in (plain, busy):
        world.spawn(Mixed(name="a"), Place())
        world.spawn(Mixed(name="a\0"))
    extra = busy.spawn(Note())
    busy.insert(1, Lit())
    busy.remove(1, Lit)
    busy.insert(1, Note("t"))
    busy.remove(1, Note, Place)
    busy.insert(1, Place())
    busy.despawn(extra)
    assert plain.digest() == busy.digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda w: setattr(w.get(1, Place), "x", 1.0), lambda w: setattr(w.get(1, Mixed), "name", "c"),
        lambda w: w.insert(1, Lit()), lambda w: setattr(w.get(2, Note), "text", "u"), lambda w: w.spawn(),
        lambda w: w.remove(1, Place), lambda w: w.insert(1, ChildOf(Entity(2))),
    ],
)  # fmt: skip
def test_digests_differ_where_anything_differs(change):
    def make():
        world = World()
        world.spawn(Mixed(name="a"), Place())
        world.spawn(Mixed(name="b"), Note("t"))
        return world

    one, other = make(), make()
    assert one.digest() == other.digest()
    change(other)
    assert one.digest() != other.digest()


def test_many_apps_in_threads_never_meet():
    digests, errors = {}, []

    def work(seed):
        try:
            with new_app() as app:
                for _ in range(3):
                    fill(app)
                    app.update()
                digests[seed] = (app.digest(), len(app.world), app.world.symbols.find("c"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert len(set(digests.values())) == 1
    assert len(digests) == 6


def test_worlds_share_types_and_nothing_else():
    one, other = World(), World()
    first = one.spawn(Place(1.0), Note("a"))
    second = other.spawn(Note("b"), Place(2.0))
    assert first == second
    assert (one.get(first, Place).x, other.get(second, Place).x) == (1.0, 2.0)
    assert (one.get(first, Note).text, other.get(second, Note).text) == ("a", "b")
    one.despawn(first)
    assert other.contains(second)
