"""Event hooks: one event to ten handlers beside pluggy and blinker, a full queue, events nobody hears."""

from __future__ import annotations

import random
import time
from typing import Any

from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App, ManualClock
from tickwright.systems.contracts.events import NoteDeleted, NoteSaved, emit
from tickwright.systems.hooks import Hooks, HooksPlugin

HANDLERS = 10
INNER = 2000
SUBSCRIPTIONS = 1000


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001
    events = 20_000 if quick else 100_000
    return [
        Case(
            "hooks/ten_handlers",
            size=HANDLERS,
            subjects=[
                Subject("tickwright", _ours, inner=INNER),
                Subject("pluggy", _pluggy, inner=INNER),
                Subject("blinker", _blinker, inner=INNER),
            ],
            required={"pluggy": 0.5},
            wanted={"pluggy": 1.0},
        ),
        Gauge("hooks/unmatched_event", 1, _unmatched, "us", required=2.0, wanted=1.0),
        Gauge("hooks/queued_globs", events, lambda: _queued(events), "us per call", required=1e6 / 300_000, wanted=2.0),
    ]


def _hooks() -> tuple[App, Hooks]:
    app = App(clock=ManualClock())
    app.add_plugins(HooksPlugin())
    return app, app.world.resource(Hooks)


def _ours() -> Trial:
    app, hooks = _hooks()
    heard: list[int] = []
    for number in range(HANDLERS):
        hooks.on("note:saved", _handler(heard, number))
    event = NoteSaved(path="a.md")

    def run() -> None:
        heard.clear()
        hooks.dispatch(event)

    return Trial(run, lambda: sorted(heard), app.close)


def _handler(heard: list[int], number: int) -> Any:
    def handler(event: NoteSaved, ctx: Any) -> None:
        heard.append(number)

    return handler


def _pluggy() -> Trial:
    import pluggy

    spec, impl = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")

    class Spec:
        @spec
        def saved(self, event: Any, ctx: Any) -> None: ...

    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(Spec)
    heard: list[int] = []
    for number in range(HANDLERS):
        manager.register(_pluggy_plugin(impl, heard, number))
    event = NoteSaved(path="a.md")

    def run() -> None:
        heard.clear()
        manager.hook.saved(event=event, ctx=None)

    return Trial(run, lambda: sorted(heard))


def _pluggy_plugin(impl: Any, heard: list[int], number: int) -> object:
    class Plugin:
        @impl
        def saved(self, event: Any, ctx: Any) -> None:
            heard.append(number)

    return Plugin()


def _blinker() -> Trial:
    import blinker

    signal = blinker.Signal()
    heard: list[int] = []
    kept = [_blinker_handler(heard, number) for number in range(HANDLERS)]
    for handler in kept:
        signal.connect(handler)
    event = NoteSaved(path="a.md")

    def run() -> None:
        heard.clear()
        signal.send(event)

    return Trial(run, lambda: (sorted(heard), kept)[0])


def _blinker_handler(heard: list[int], number: int) -> Any:
    def handler(sender: Any) -> None:
        heard.append(number)

    return handler


def _unmatched() -> float:
    app, hooks = _hooks()
    hooks.on("note:saved", _handler([], 0), pattern="a/**")
    event, times = NoteDeleted(path="b.md"), 20_000
    start = time.perf_counter()
    for _ in range(times):
        hooks.dispatch(event)
    taken = time.perf_counter() - start
    app.close()
    return taken / times * 1e6


def _queued(events: int) -> float:
    """Return microseconds per handler call of one tick that drains a full queue, queueing included.

    Most events have a subject that was not seen before.
    """
    (app, hooks), rng, calls = _hooks(), random.Random(1), [0]

    def handler(event: NoteSaved, ctx: Any) -> None:
        calls[0] += 1

    folders = SUBSCRIPTIONS // 20
    for number in range(SUBSCRIPTIONS):
        folder = f"dir{number % folders}"
        pattern = rng.choice([f"{folder}/**", f"{folder}/*.md", f"**/n{number}.md", f"{folder}/n{number % 100}*"])
        hooks.on("note:saved", handler, pattern=pattern, priority=rng.randrange(-3, 4))
    saved = [NoteSaved(path=f"dir{rng.randrange(folders)}/n{rng.randrange(2000)}.md") for _ in range(events)]
    start = time.perf_counter()
    for event in saved:
        emit(app.world, event)
    app.update()
    taken = time.perf_counter() - start
    assert calls[0] > events, "every folder has subscribers"
    app.close()
    return taken / calls[0] * 1e6
