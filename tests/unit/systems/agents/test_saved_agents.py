"""Agents' tasks in snapshots."""

from __future__ import annotations

from typing import Any

import anyio

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.agents import Agents, AgentsPlugin, AgentStatus, AgentTask
from tickwright.systems.hooks import Hooks, HooksPlugin


def make() -> App:
    app = App(clock=ManualClock(start_ms=1000))
    app.add_plugins(HooksPlugin(), AgentsPlugin())
    return app


def test_tasks_come_back_and_those_that_ran_are_interrupted() -> None:
    with make() as app, make() as other:
        agents, others = app.world.resource(Agents), other.world.resource(Agents)
        lost = others.start("lost", lambda: anyio.sleep(60))
        done = agents.start("done", owner="p")
        agents.complete(done.id, {"n": [1, 2]})
        odd = agents.start("odd")
        agents.complete(odd.id, object())
        broken = agents.start("broken")
        agents.fail(broken.id, "no")
        waits = agents.start("waits", timeout_s=0.1)
        child = agents.start("child", parent=waits.id)
        runs = agents.start("runs", lambda: anyio.sleep(60))
        app.update()
        other.restore(app.snapshot())
        heard: list[Any] = []
        other.world.resource(Hooks).on("agent:task_failed", lambda event, ctx: heard.append(event))
        assert others.get(done.id) == agents.get(done.id)
        assert others.get(odd.id).result is None
        assert (others.get(broken.id).error, others.get(child.id).parent) == ("no", waits.id)
        assert others.get(runs.id).status is AgentStatus.FAILED
        assert other.world.get(runs.entity, AgentTask).status is AgentStatus.FAILED
        assert {each.id for each in others.running()} == {waits.id, child.id}
        other.update()
        assert [(event.task_id, event.error) for event in heard] == [
            (runs.id, "interrupted: the app was restored while it ran")
        ]
        others.complete(waits.id, "after all")
        assert others.get(child.id).status is AgentStatus.CANCELLED
        assert lost.id not in {each.id for each in others.records() if each.agent == "lost"}
        other.settle()
