"""The example plugins with entities, over a real app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.notes import Notes, NotesPlugin

EXAMPLES = Path(__file__).parents[2] / "examples" / "plugins"
SIZE = 100_000


@pytest.fixture
def load() -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def make(name: str, *, step_ms: int = 250) -> App:
        app = App(clock=ManualClock(step_ms=step_ms))
        apps.append(app)
        app.add_plugins(HooksPlugin(), NotesPlugin(), LuaPlugins(EXAMPLES / f"{name}.luau"))
        return app

    yield make
    for app in apps:
        app.close()


def named(app: App, name: str) -> Any:
    kind = app.world.component_named(name)
    assert kind is not None
    return kind


def test_decay_wears_a_hundred_thousand_entities_as_numpy_would(load: Callable[..., App]) -> None:
    app = load("decay")
    decay = named(app, "Decay")
    rates = np.random.default_rng(3).random(SIZE)
    ids = app.world.spawn_batch(SIZE, decay.columns(rate=rates, left=1.0))
    app.run(ticks=4)
    expected = np.ones(SIZE)
    for _ in range(4):
        expected = np.maximum(expected - rates * 0.25, 0)
    assert app.world.resource(PluginHost).errors == []
    assert np.array_equal(app.world.get_batch(ids, decay).left, expected)


def test_boids_stay_within_their_square(load: Callable[..., App]) -> None:
    app = load("boids")
    rng = np.random.default_rng(5)
    place, speed = named(app, "Place"), named(app, "Speed")
    places = place.columns(x=rng.random(SIZE) * 100, y=rng.random(SIZE) * 100)
    ids = app.world.spawn_batch(SIZE, places, speed.columns(x=rng.normal(0, 50, SIZE), y=rng.normal(0, 50, SIZE)))
    before = app.world.get_batch(ids, place).x.copy()
    app.run(ticks=8)
    after = app.world.get_batch(ids, place)
    assert app.world.resource(PluginHost).errors == []
    assert ((after.x >= 0) & (after.x <= 100) & (after.y >= 0) & (after.y <= 100)).all()
    assert (after.x != before).mean() > 0.99


def test_an_outbreak_goes_round_and_ends(load: Callable[..., App]) -> None:
    app = load("outbreak", step_ms=250)
    fresh: list[int] = []
    app.world.resource(Hooks).on("outbreak:spread", lambda event, ctx: fresh.append(event.payload["fresh"]))
    person, ill, immune = named(app, "Person"), named(app, "Ill"), named(app, "Immune")
    people = app.world.spawn_batch(5, person())
    for one, other in zip(people.tolist(), [*people.tolist()[1:], people.tolist()[0]], strict=True):
        app.world.get(one, person).partner = other
    app.world.insert(people[0], ill(strain="delta"))
    app.run(ticks=4 * 20)
    assert app.world.resource(PluginHost).errors == []
    assert sum(fresh) == 5
    assert app.world.query(immune).count() == 5
    assert app.world.query(ill).count() == 0


def test_word_count_keeps_one_entity_per_note(load: Callable[..., App]) -> None:
    app = load("word_count")
    notes = app.world.resource(Notes)
    for text in ("one two", "one two three"):
        notes.save("a.md", text)
        app.run(ticks=2)
    notes.save("b.md", "just one more")
    app.run(ticks=2)
    assert app.world.resource(PluginHost).errors == []
    count = named(app, "WordCount")
    assert sorted((row.path, row.words) for row in app.world.query(count).rows()) == [("a.md", 3), ("b.md", 3)]
