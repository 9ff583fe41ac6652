"""What is staged for a component whose schema is replaced meanwhile ends as if it had been applied before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import App, Commands, ManualClock, Without, World, component, i32

TYPES = ("f32", "f64", "i8", "i32", "u8", "bool", "symbol", "string", "list")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "f32": st.floats(-300, 300, width=32), "f64": st.floats(-300, 300), "i8": st.integers(-128, 127),
    "i32": st.integers(-300, 300), "u8": st.integers(0, 255), "bool": st.booleans(), "symbol": st.sampled_from("ab"),
    "string": st.sampled_from("ab"), "list": st.lists(st.integers(0, 3), max_size=2),
}  # fmt: skip
schemas = st.dictionaries(st.sampled_from("abc"), st.sampled_from(TYPES), max_size=3)


@component
class Tally:
    """Marks who was there before, to be told from who comes."""

    n: i32 = 0


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[dict[str, str]], list[dict[str, Any]], list[str]]:
    """Draw schemas that follow each other, values of the first one and what is done with each."""
    chain = draw(st.lists(schemas, min_size=2, max_size=4))
    rows = draw(st.lists(st.fixed_dictionaries({key: VALUES[kind] for key, kind in chain[0].items()}), max_size=5))
    ways = st.sampled_from(("spawn", "insert", "spawn_batch", "insert_batch", "remove"))
    return chain, rows, draw(st.lists(ways, min_size=len(rows), max_size=len(rows)))


def told(story: Any, *, soon: bool) -> list[Any]:
    """Return every entity's value at the end, with the commands applied `soon`, or after the last schema."""
    chain, rows, ways = story
    world = World()
    kind = world.register("Part", chain[0])
    there = [world.spawn(Tally(0), kind()) for _ in rows]
    commands = Commands(world)
    for row, way, entity in zip(rows, ways, there, strict=True):
        target: tuple[Any, ...] = {"insert": (entity,), "insert_batch": ([entity],), "spawn_batch": (2,)}.get(way, ())
        if way == "remove":
            commands.remove(entity, kind)
        else:
            getattr(commands, way)(*target, kind(**row))
    if soon:
        commands.apply()
    for schema in chain[1:]:
        world.register("Part", schema)
    commands.apply()
    now = world.component_named("Part")
    assert now is not None
    ids = sorted(world.query(Tally).ids().tolist()) + sorted(world.query(now, Without[Tally]).ids().tolist())
    return [repr(world.get_or_none(entity, now)) for entity in ids]


@given(stories())
def test_staged_values_follow_a_schema_as_rows_do(story):
    assert told(story, soon=False) == told(story, soon=True)


@pytest.mark.parametrize("schema", [{"a": "i32", "b": "f32"}, {"a": "string"}, {"b": "list"}])
def test_delayed_commands_follow_also_through_a_snapshot(schema):
    with App(clock=ManualClock(step_ms=1000)) as app, App(clock=ManualClock(step_ms=1000)) as other:
        Old = app.world.register("Part", {"a": "i32"})
        commands = Commands(app.world)
        commands.after(2.5).spawn(Old(7))
        commands.apply()
        app.world.register("Part", schema)
        other.world.register("Part", schema)
        other.restore(app.snapshot())
        for each in (app, other):
            for _ in range(4):
                each.update()
            kind = each.world.component_named("Part")
            assert [each.world.get(entity, kind) for entity in each.world.query(kind).ids().tolist()] == [
                kind(a=7) if "a" in schema and schema["a"] == "i32" else kind()
            ]
        assert app.world.digest() == other.world.digest()
