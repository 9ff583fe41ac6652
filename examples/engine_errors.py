"""Demonstrates error policies: a failing system loses what it staged, and the tick completes."""

import logging

from tickwright.ecs_core import App, Commands, Failures, ManualClock, SystemRunError, Update

logging.disable(logging.CRITICAL)


def broken(commands: Commands) -> None:
    commands.add(lambda _: print("never applied"))
    raise ValueError("no fuel")


def fine() -> None:
    print("the tick goes on")


for policy in ("panic", "quarantine"):
    with App(clock=ManualClock(), on_error=policy) as app:
        app.add_systems(Update, broken).add_systems(Update, fine, after=broken)
        try:
            app.run(2)
        except SystemRunError as error:
            print(error.system, "in tick", error.tick, "because of", repr(error.__cause__))
        print(policy, "quarantined:", list(app.world.resource(Failures).quarantined))

# Output:
# the tick goes on
# broken in tick 1 because of ValueError('no fuel')
# panic quarantined: []
# the tick goes on
# the tick goes on
# quarantine quarantined: ['broken']
