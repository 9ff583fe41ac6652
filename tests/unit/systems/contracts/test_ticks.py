from __future__ import annotations

import threading
from typing import Any

import pytest

from tickwright.ecs_core import App, ManualClock, Tasks
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.hooks import HandlerError, Hooks, HooksPlugin


def test_a_task_runs_a_function_on_the_ticking_thread_and_gets_its_value_or_error() -> None:
    with App(clock=ManualClock()) as app:
        thread = TickThread(app)
        got: list[Any] = []

        async def ask() -> tuple[int, str]:
            assert not thread.is_here()
            where = await thread.run(threading.get_ident)
            try:
                await thread.run(lambda: 1 // 0)
            except ZeroDivisionError as error:
                return where, str(error)
            return where, ""

        app.world.resource(Tasks).start(ask, on_done=lambda world, result: got.append(result))
        app.settle()
        assert got[0].value == (threading.get_ident(), "integer division or modulo by zero")


def test_an_app_made_here_may_be_ticked_there() -> None:
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin())
        hooks = app.world.resource(Hooks)
        heard: list[Any] = []
        hooks.on("a:x", lambda event, ctx: ctx.emit("b:y", event.payload))
        hooks.on("b:y", lambda event, ctx: heard.append(event.payload))
        hooks.emit("a:x", 1)
        ticking = threading.Thread(target=app.update)
        ticking.start()
        ticking.join()
        assert heard == [1]
        with pytest.raises(HandlerError, match="second thread"):
            hooks.dispatch("a:x")
        app.ticker.adopt_thread()
        hooks.dispatch("b:y", 2)
        assert heard == [1, 2]
