"""States, sub-states and computed states against the order they promise."""

from enum import Enum

import pytest

from tickwright.ecs_core import (
    App,
    EventReader,
    ManualClock,
    NextState,
    OnEnter,
    OnExit,
    OnTransition,
    Plugin,
    Res,
    ResMut,
    State,
    StateError,
    StateTransitioned,
    Update,
    in_state,
)


class Game(Enum):
    MENU = "menu"
    PLAYING = "playing"


class Pause(Enum):
    RUNNING = "running"
    PAUSED = "paused"


class Music(Enum):
    LOUD = "loud"


def build():
    app, log = App(clock=ManualClock()), []
    app.add_state(Game.MENU)
    app.add_sub_state(Pause.RUNNING, when=Game.PLAYING)
    app.add_computed_state(Music, sources=[Game], compute=lambda game: Music.LOUD if game is Game.PLAYING else None)
    labels = [make(value) for make in (OnEnter, OnExit) for value in (*Game, *Pause, *Music)]
    labels.append(OnTransition(Game.MENU, Game.PLAYING))
    for label in labels:
        app.add_systems(label, noting(log, label.name))
    return app, log


def noting(log, name):
    return lambda: log.append(name)


def go(app, value):
    app.world.resource(NextState[type(value)]).set(value)
    app.update()


def test_transitions_run_exit_transition_enter_and_carry_what_follows():
    app, log = build()
    app.update()
    assert log == ["OnEnter(Game.MENU)"]
    log.clear()
    go(app, Game.PLAYING)
    assert log == [
        "OnExit(Game.MENU)",
        "OnTransition(Game.MENU -> Game.PLAYING)",
        "OnEnter(Game.PLAYING)",
        "OnEnter(Pause.RUNNING)",
        "OnEnter(Music.LOUD)",
    ]
    log.clear()
    go(app, Game.PLAYING)
    assert log == []
    go(app, Pause.PAUSED)
    assert log == ["OnExit(Pause.RUNNING)", "OnEnter(Pause.PAUSED)"]
    log.clear()
    go(app, Game.MENU)
    assert log == ["OnExit(Music.LOUD)", "OnExit(Pause.PAUSED)", "OnExit(Game.PLAYING)", "OnEnter(Game.MENU)"]
    assert app.states.value(Pause) is None
    assert app.world.get_resource(State[Music]) is None


def test_systems_ask_for_states_by_type_and_run_in_them():
    app, _ = build()
    seen, moved = [], []

    def look(state: Res[State[Game]], target: ResMut[NextState[Game]], pause: Res[State[Pause]] | None) -> None:
        seen.append((state.value, pause and pause.value))
        target.set(Game.PLAYING)

    def heard(events: EventReader[StateTransitioned]) -> None:
        moved.extend((event.old, event.new) for event in events)

    app.add_systems(Update, look, run_if=in_state(Game.MENU))
    app.add_systems(Update, heard)
    for _ in range(3):
        app.update()
    assert seen == [(Game.MENU, None)]
    assert moved[:2] == [(None, Game.MENU), (Game.MENU, Game.PLAYING)]
    assert "MENU" in repr(State(Game.MENU))
    assert "unchanged" in repr(app.world.resource(NextState[Game]))


def test_every_schedule_of_a_transition_sees_the_new_states():
    app, _ = build()
    seen = []

    def look(game: Res[State[Game]], pause: Res[State[Pause]] | None) -> None:
        seen.append((game.value, pause and pause.value))

    for label in (
        OnExit(Game.MENU),
        OnTransition(Game.MENU, Game.PLAYING),
        OnEnter(Game.PLAYING),
        OnExit(Game.PLAYING),
    ):
        app.add_systems(label, look)
    app.update()
    go(app, Game.PLAYING)
    assert seen == [(Game.PLAYING, Pause.RUNNING)] * 3
    seen.clear()
    go(app, Game.MENU)
    assert seen == [(Game.MENU, None)]


def test_what_is_asked_for_before_the_first_tick_follows_the_initial_state():
    app, log = build()
    go(app, Game.PLAYING)
    assert log == [
        "OnEnter(Game.MENU)",
        "OnExit(Game.MENU)",
        "OnTransition(Game.MENU -> Game.PLAYING)",
        "OnEnter(Game.PLAYING)",
        "OnEnter(Pause.RUNNING)",
        "OnEnter(Music.LOUD)",
    ]


def test_a_value_of_another_type_is_refused_and_asks_for_nothing():
    app, _ = build()
    app.update()
    with pytest.raises(StateError, match=r"Pause\.PAUSED.* is no Game"):
        app.world.resource(NextState[Game]).set(Pause.PAUSED)
    app.update()
    assert app.world.resource(State[Game]).value is Game.MENU
    with pytest.raises(StateError, match="is no state"):
        app.add_state([])


def test_wrong_states_are_refused():
    app = App(clock=ManualClock())
    with pytest.raises(StateError, match="Game is unknown"):
        app.add_sub_state(Pause.RUNNING, when=Game.PLAYING)
    app.add_state(Game.MENU)
    with pytest.raises(StateError, match="added already"):
        app.add_state(Game.PLAYING)


def test_a_plugins_state_goes_with_it():
    class Menu(Plugin):
        def build(self, app):
            app.add_state(Game.MENU)

    app = App(clock=ManualClock())
    app.add_plugins(Menu())
    app.update()
    app.remove_plugin("Menu")
    app.update()
    assert not app.world.has_resource(State[Game])
