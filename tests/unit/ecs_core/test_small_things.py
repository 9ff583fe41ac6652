"""Names, queries by name, writes only where something differs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tickwright.ecs_core import (
    App,
    AppClosedError,
    Changed,
    ComponentError,
    Entity,
    ManualClock,
    Mut,
    Name,
    Objects,
    Query,
    ReadOnlyError,
    StaleEntityError,
    SystemClock,
    SystemRunError,
    TickError,
    TickwrightError,
    Update,
    With,
    World,
    chain,
    component,
    f32,
)


@component
class Position:
    x: f32 = 0.0
    y: f32 = 0.0


@component(storage="sparse")
class Picked: ...


def test_a_name_shows_in_the_description():
    world = World()
    ball = world.spawn(Name("ball"), Position(1, 2))
    assert world.describe(ball) == "Entity(1)\n  Name(name='ball')\n  Position(x=1.0, y=2.0)"
    world.despawn(ball)
    assert world.describe(ball) == "Entity(1): gone"


def test_a_query_can_be_built_of_names():
    world = World()
    ids = world.spawn_batch(3, Position.columns(x=[1, 2, 3]))
    world.insert(ids[1], Name("two"))
    for entities, position, name in world.query_named("Entity", "mut Position", "Name?"):
        position.x += 10
        assert len(entities) == len(position)
        assert (name is None) == (len(entities) == 2)
    assert sorted(world.get_batch(ids, Position).x) == [11, 12, 13]
    assert [row[0] for row in world.query_named("Entity", with_=["Name"]).rows()] == [ids[1]]
    with pytest.raises(ComponentError, match="Did you mean 'Position'"):
        world.query_named("Positoin")


@pytest.mark.parametrize("filters", [(), (With[Picked],)])
def test_set_if_changed_marks_only_rows_that_differ(filters):
    app = App(clock=ManualClock())
    ids = app.world.spawn_batch(6, Position.columns(x=[0, 1, 2, 3, 4, 5]), Picked())
    seen: list[list[int]] = []

    def watch(changed: Query[Entity, Changed[Position]]) -> None:
        seen.append(changed.ids().tolist())

    app.add_systems(Update, watch)
    app.update()
    for position in app.world.query(Query[Mut[Position], *filters]):
        assert position.set_if_changed(x=[0, 1, 7, 3, 8, 5], y=0.0) == 2
    app.update()
    app.update()
    assert seen == [ids.tolist(), [ids[2], ids[4]], []]
    for position in app.world.query(Query[Position]):
        with pytest.raises(ReadOnlyError, match=r"Mut\[Position\]"):
            position.set_if_changed(x=1)
    assert app.world.set_if_changed(ids[0], Position(0, 0)) is False
    assert app.world.set_if_changed(ids[0], Position(0, 1), Name("a")) is True


def test_set_if_changed_finds_the_rows_of_runs_and_of_scattered_ones():
    world = World()
    ids = world.spawn_batch(300, Position())
    world.insert_batch(ids[100:200], Picked())
    for position in world.query(Query[Mut[Position], With[Picked]]):
        assert position.set_if_changed(x=1.0) == 100
    world.remove_batch(ids[100:200:2], Picked)
    for position in world.query(Query[Mut[Position], With[Picked]]):
        assert position.set_if_changed(x=2.0) == 50
    found = world.get_batch(ids, Position).x.tolist()
    assert found == [0.0] * 100 + [1.0, 2.0] * 50 + [0.0] * 100


def test_a_closed_apps_world_can_be_read_and_not_changed():
    app = App(clock=ManualClock())
    entity = app.world.spawn(Position(1, 2))
    app.close()
    assert app.world.get(entity, Position) == Position(1, 2)
    for change in (
        lambda: app.world.spawn(Position()),
        lambda: app.world.insert(entity, Name("a")),
        lambda: app.world.despawn(entity),
    ):
        with pytest.raises(AppClosedError, match="closed app"):
            change()
    assert len(app.world) == 1


def test_another_thread_cannot_change_a_world_that_ticks():
    with App(clock=ManualClock()) as app:
        entity = app.world.spawn(Position(1, 2))
        app.update()
        with ThreadPoolExecutor(1, "stranger") as pool:
            for change in (
                lambda: app.world.spawn(Position()),
                lambda: app.world.despawn(entity),
                lambda: app.world.insert(entity, Name("a")),
            ):
                with pytest.raises(TickError, match=r"another thread .*stranger.*call_soon"):
                    pool.submit(change).result()
            assert len(app.world) == 1
            pool.submit(app.call_soon, lambda world: world.despawn(entity)).result()
        app.update()
        assert len(app.world) == 0


def test_a_negative_id_is_named_as_it_was_given():
    with pytest.raises(StaleEntityError, match="there was never an entity -1"):
        World().despawn(-1)


def test_objects_taken_with_mut_are_changed_at_every_run():
    @component
    class Text:
        text: str = ""

    app = App(clock=ManualClock())
    entity = app.world.spawn(Text("a"))
    seen: list[int] = []

    def write(texts: Query[Mut[Objects[Text]]]) -> None:
        for each in texts:
            each[0].text += "b"

    def watch(changed: Query[Entity, Changed[Text]]) -> None:
        seen.append(changed.count())

    app.add_systems(Update, chain(write, watch))
    app.run(3)
    assert seen == [1, 1, 1]
    assert app.world.get(entity, Text).text == "abbb"


def test_a_write_to_a_column_that_is_only_read_says_how_to_ask_for_it():
    def move(positions: Query[Position]) -> None:
        for position in positions:
            position.x += 1

    with App(clock=ManualClock()) as app:
        app.add_systems(Update, move)
        app.world.spawn(Position())
        with pytest.raises(SystemRunError, match=r"read-only.*Mut\[Component\]"):
            app.update()


def test_an_unknown_error_policy_is_refused():
    with pytest.raises(TickwrightError, match=r"no error policy 'explode'.*expected panic, log, quarantine"):
        App(on_error="explode")


@pytest.mark.parametrize("step", [-0.1, float("nan"), float("inf")])
@pytest.mark.parametrize("clock", [ManualClock, SystemClock])
def test_time_moves_by_no_step_that_is_none(step, clock):
    with App(clock=clock()) as app:
        app.update(dt_s=0.5)
        before = app.world.now()
        with pytest.raises(TickwrightError, match="time cannot move by"):
            app.update(dt_s=step)
        assert (app.world.now(), app.time.tick) == (before, 1)
        app.update(dt_s=0.5)
        assert app.time.tick == 2


def test_a_manual_clock_does_not_step_backwards():
    with pytest.raises(TickwrightError, match="time cannot move by -5"):
        ManualClock(step_ms=-5)
