"""Demonstrates stepping: pause a schedule, run one system per tick, run on to a break."""

from tickwright.ecs_core import App, ManualClock, Update, chain


def sense() -> None:
    print("sense")


def think() -> None:
    print("think")


def act() -> None:
    print("act")


with App(clock=ManualClock()) as app:
    app.add_systems(Update, chain(sense, think, act))
    stepping = app.probe.stepping
    stepping.pause(Update)
    stepping.step()
    app.update()
    print("next is", stepping.next_system)
    stepping.break_at(act)
    stepping.resume()
    app.update()
    print("stopped before", stepping.next_system)
    stepping.stop()
    app.update()

# Output:
# sense
# next is think
# think
# stopped before act
# sense
# think
# act
