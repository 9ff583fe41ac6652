"""Demonstrates states: schedules on entering and leaving, a sub-state, and systems that run in one state."""

from enum import Enum

from tickwright.ecs_core import App, ManualClock, NextState, OnEnter, OnExit, Res, ResMut, State, Update, in_state


class Game(Enum):
    MENU = "menu"
    PLAYING = "playing"


class Weather(Enum):
    SUN = "sun"
    RAIN = "rain"


def start(game: ResMut[NextState[Game]]) -> None:
    game.set(Game.PLAYING)


def play(weather: Res[State[Weather]], turn: ResMut[NextState[Weather]]) -> None:
    print("playing in the", weather.value.value)
    turn.set(Weather.RAIN)


with App(clock=ManualClock()) as app:
    app.add_state(Game.MENU).add_sub_state(Weather.SUN, when=Game.PLAYING)
    app.add_systems(OnEnter(Game.MENU), lambda: print("enter the menu"))
    app.add_systems(OnExit(Game.MENU), lambda: print("leave the menu"))
    app.add_systems(OnEnter(Weather.RAIN), lambda: print("it begins to rain"))
    app.add_systems(Update, start, run_if=in_state(Game.MENU))
    app.add_systems(Update, play, run_if=in_state(Game.PLAYING))
    app.run(3)

# Output:
# enter the menu
# leave the menu
# playing in the sun
# it begins to rain
# playing in the rain
