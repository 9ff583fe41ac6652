"""Demonstrates custom events that are checked, queued, and answered with further events in the same tick."""

from typing import Any

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.contracts.events import CustomEvent
from tickwright.systems.hooks import EventPayloadError, Hooks, HooksPlugin


def ship(event: CustomEvent, ctx: Any) -> None:
    ctx.emit("order:shipped", {"item": event.payload["item"]})


with App(clock=ManualClock()) as app:
    app.add_plugins(HooksPlugin())
    hooks = app.world.resource(Hooks)
    hooks.register_event("order:placed", {"type": "object", "required": ["item"]})
    hooks.on("order:placed", ship)
    hooks.on("custom", lambda event, _: print(event.name, event.payload), pattern="order:*")

    hooks.emit("order:placed", {"item": "kettle"})
    print("queued")
    app.update()
    try:
        hooks.emit("order:placed", {"itme": "cup"})
    except EventPayloadError as error:
        print(error)

# Output:
# queued
# order:placed {'item': 'kettle'}
# order:shipped {'item': 'kettle'}
# 'item' is a required property (event 'order:placed')
