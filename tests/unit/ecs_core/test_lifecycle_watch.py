"""Watching one component changes nothing for entities that have it not."""

from __future__ import annotations

from typing import Any

import pytest

from tickwright.ecs_core import World, component, i32


@component
class Watched:
    n: i32 = 0


@component
class Plain:
    n: i32 = 0


def test_only_what_is_watched_takes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    told: list[int] = []
    world.on_add(Watched, lambda _, ids: told.extend(ids.tolist()))
    long_way: list[Any] = []
    spawn_rows = world.spawn_rows
    monkeypatch.setattr(world, "spawn_rows", lambda ids, values: (long_way.append(ids), spawn_rows(ids, values)))
    plain = world.spawn(Plain(1))
    assert (told, long_way) == ([], [])
    watched = world.spawn(Plain(2), Watched(3))
    assert told == [watched]
    assert [world.get(each, Plain).n for each in (plain, watched)] == [1, 2]
