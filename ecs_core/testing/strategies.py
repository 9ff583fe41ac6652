"""Hypothesis strategies: component classes, values for them, worlds with entities in them."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from hypothesis import strategies as st

from tickwright.ecs_core.component import ComponentInfo, FieldInfo, info_of
from tickwright.ecs_core.component_schema import from_schema
from tickwright.ecs_core.world import World

__all__ = ["component_classes", "component_values", "field_values", "worlds"]

_TYPES = ("f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "bool", "symbol")


def field_values(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Return values that a column can hold exactly; its declared range is kept."""
    if field.kind == "symbol":
        return st.text(max_size=8)
    if field.enum_type is not None:
        return st.sampled_from(list(field.enum_type))
    if field.kind == "entity":
        return st.just(0)
    if field.dtype.kind == "b":
        return st.booleans()
    if field.dtype.kind == "f":
        width: Literal[32, 64] = 32 if field.dtype.itemsize == 4 else 64
        return st.floats(min_value=field.low, max_value=field.high, width=width, allow_nan=False)
    signed = field.dtype.kind == "i"
    bits = field.dtype.itemsize * 8
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.integers(
        low if field.low is None else max(low, int(field.low)),
        high if field.high is None else min(high, int(field.high)),
    )


def component_values(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Return instances of a component type; object components by what hypothesis infers of their annotations."""
    info: ComponentInfo = info_of(kind)
    if info.storage == "object":
        return st.builds(kind)
    return st.builds(kind, **{each.name: field_values(each) for each in info.fields})


@st.composite
def component_classes(draw: st.DrawFn, *, max_fields: int = 4) -> type[Any]:
    """Draw a run-time component type with columns."""
    number = draw(st.integers(0, 10**9))
    types = draw(st.lists(st.sampled_from(_TYPES), max_size=max_fields))
    return from_schema(f"Drawn{number}", {f"f{place}": name for place, name in enumerate(types)})


@st.composite
def worlds(draw: st.DrawFn, kinds: tuple[type[Any], ...], *, max_entities: int = 20) -> World:
    """Draw a world whose entities have any of the given component types."""
    world = World()
    for chosen in draw(st.lists(st.sets(st.sampled_from(kinds)) if kinds else st.just(set()), max_size=max_entities)):
        ordered = [kind for kind in kinds if kind in chosen]
        world.spawn(*[draw(component_values(kind)) for kind in ordered])
    return world


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a component's values, for comparing."""
    names = [each.name for each in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    return tuple(getattr(value, name) for name in names)
