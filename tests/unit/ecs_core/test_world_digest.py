"""What a world's digest takes, and what it passes over."""

from __future__ import annotations

from tickwright.ecs_core import World, component, f32


@component
class Place:
    x: f32 = 0.0


@component(transient=True)
class Cached:
    x: f32 = 0.0


@component
class Memo:
    text: str = ""


def test_tables_that_differ_by_transient_components_are_one_group() -> None:
    one, other = World(), World()
    for world, kinds in ((one, (Cached(), None)), (other, (None, None))):
        for extra in kinds:
            world.spawn(Place(1.0), *([extra] if extra else []))
    assert one.digest() == other.digest()


def test_a_component_that_nobody_has_is_no_content() -> None:
    one, other = World(), World()
    one.components.number(Memo)
    for world in (one, other):
        world.spawn(Place())
    assert one.digest() == other.digest()
    one.spawn(Memo("x"))
    assert one.digest() != other.digest()
