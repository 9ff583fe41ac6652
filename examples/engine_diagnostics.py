"""Demonstrates diagnostics: time and rows per system, percentiles per tick, and a Chrome trace file."""

import json
from pathlib import Path

from tickwright import App, EventWriter, ManualClock, Mut, Query, Update, component, f32
from tickwright.ecs_core import Diagnostics


@component
class Position:
    x: f32 = 0.0


class Splash:
    pass


def drift(positions: Query[Mut[Position]]) -> None:
    for position in positions:
        position.x += 1.0


def splash(splashes: EventWriter[Splash]) -> None:
    splashes.send(Splash())


with App(clock=ManualClock()) as app:
    app.add_event(Splash).reader("nobody reads")
    app.world.spawn_batch(1000, Position())
    app.add_systems(Update, drift, splash)
    diagnostics = app.world.resource(Diagnostics)
    diagnostics.enabled = diagnostics.trace = True
    app.run(5)

    for name, stats in diagnostics.systems.items():
        print(f"{name}: {stats.runs} runs, {stats.rows} rows, took time: {stats.mean_s > 0}")
    print("entities", diagnostics.entities, "waiting", diagnostics.queue_depths["Splash"])
    print("the slowest tick took longest:", diagnostics.percentile_s(100) >= diagnostics.percentile_s(50) > 0)
    written = diagnostics.write_trace("trace.json")  # open it in chrome://tracing or Perfetto
    events = json.loads(Path("trace.json").read_text())["traceEvents"]
    print(written == len(events), sorted({event["name"] for event in events if event["cat"] == "system"}))

# Output:
# drift: 5 runs, 1000 rows, took time: True
# splash: 5 runs, 0 rows, took time: True
# entities 1000 waiting 5
# the slowest tick took longest: True
# True ['drift', 'splash']
