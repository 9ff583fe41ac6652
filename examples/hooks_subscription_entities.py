"""Demonstrates subscriptions as entities: queried, moved to the front, and ended by despawning."""

from collections.abc import Callable
from typing import Any

from tickwright import App, Entity, Query
from tickwright.systems.hooks import Hooks, HooksPlugin, Subscription


def handler(name: str) -> Callable[[Any, Any], None]:
    def call(_event: Any, _ctx: Any) -> None:
        print(" ", name)

    return call


with App() as app:
    app.add_plugins(HooksPlugin())
    hooks = app.world.resource(Hooks)
    for name in ("first", "second", "third"):
        hooks.on("demo:tick", handler(name), desc=name, owner="demo")

    print("as subscribed:")
    hooks.dispatch("demo:tick")

    rows = {row.name: entity for entity, row in app.world.query(Query[tuple[Entity, Subscription]]).rows()}
    app.world.get(rows["third"], Subscription).priority = -10
    app.world.despawn(rows["first"])
    app.update()  # a written column holds from the next round of the hook sets on

    print("third to the front, first gone:")
    hooks.dispatch("demo:tick")

# Output:
# as subscribed:
#   first
#   second
#   third
# third to the front, first gone:
#   third
#   second
