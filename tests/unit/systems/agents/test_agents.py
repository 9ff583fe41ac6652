from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from tickwright.ecs_core import App, ManualClock, Query
from tickwright.systems.agents import (
    AgentContext,
    AgentError,
    AgentRecord,
    Agents,
    AgentsPlugin,
    AgentStatus,
    AgentTask,
)
from tickwright.systems.contracts.ports import Pipelines
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.tools import Tools, ToolsPlugin

EVENTS = ("task_started", "task_completed", "task_failed", "task_timed_out", "task_cancelled")


@pytest.fixture
def app() -> Iterator[App]:
    with App(clock=ManualClock(start_ms=1000)) as app:
        app.add_plugins(HooksPlugin(), ToolsPlugin(), AgentsPlugin())
        yield app


@pytest.fixture
def agents(app: App) -> Agents:
    return app.world.resource(Agents)


@pytest.fixture
def heard(app: App) -> list[Any]:
    heard: list[Any] = []
    for name in EVENTS:
        app.world.resource(Hooks).on(f"agent:{name}", lambda event, ctx: heard.append(event))
    return heard


def names(heard: list[Any]) -> list[tuple[str, str]]:
    return [(event.event_name.removeprefix("agent:task_"), event.agent_id) for event in heard]


async def answer() -> int:
    await anyio.sleep(0)
    return 42


def test_a_task_runs_and_its_result_is_on_the_event(app: App, agents: Agents, heard: list[Any]) -> None:
    task = agents.start("reader", answer)
    assert task.status is AgentStatus.RUNNING
    app.settle()
    assert task.status is AgentStatus.COMPLETED
    assert task.result == 42
    assert names(heard) == [("started", "reader"), ("completed", "reader")]
    assert heard[1].result == 42
    assert heard[0].task_id == heard[1].task_id == task.id


def test_a_plain_callable_is_a_task_too(app: App, agents: Agents) -> None:
    task = agents.start("reader", lambda: "plain")
    app.settle()
    assert task.result == "plain"


def test_failed_and_timed_out_are_states_with_an_event_each(app: App, agents: Agents, heard: list[Any]) -> None:
    async def fails() -> None:
        raise TimeoutError("mine")

    failed = agents.start("a", fails, timeout_s=5)
    late = agents.start("b", lambda: anyio.sleep(60), timeout_s=0.01)
    app.settle()
    assert (failed.status, failed.error) == (AgentStatus.FAILED, "TimeoutError: mine")
    assert (late.status, late.error) == (AgentStatus.TIMED_OUT, "timed out after 0.01 s")
    assert set(names(heard)) == {("started", "a"), ("started", "b"), ("failed", "a"), ("timed_out", "b")}


def test_cancel_takes_the_children_along(app: App, agents: Agents, heard: list[Any]) -> None:
    parent = agents.start("parent", lambda: anyio.sleep(60))
    child = agents.start("child", lambda: anyio.sleep(60), parent=parent.id)
    grandchild = agents.start("grandchild", parent=child.id)
    parent.cancel()
    parent.cancel()
    app.settle()
    assert [each.status for each in (parent, child, grandchild)] == [AgentStatus.CANCELLED] * 3
    assert names(heard)[3:] == [("cancelled", "grandchild"), ("cancelled", "child"), ("cancelled", "parent")]


def test_a_parents_end_cancels_what_its_children_still_do(app: App, agents: Agents) -> None:
    parent = agents.start("parent")
    child = agents.start("child", lambda: anyio.sleep(60), parent=parent.id)
    agents.complete(parent.id, "done")
    app.settle()
    assert (parent.status, child.status) == (AgentStatus.COMPLETED, AgentStatus.CANCELLED)


def test_tasks_completed_from_outside(app: App, agents: Agents, heard: list[Any]) -> None:
    one, two = agents.start("one"), agents.start("two")
    agents.complete(one.id, {"n": 1})
    agents.fail(two.id, "no")
    app.settle()
    assert (one.result, two.error) == ({"n": 1}, "no")
    assert names(heard)[2:] == [("completed", "one"), ("failed", "two")]
    for over in (lambda: agents.complete(one.id), lambda: agents.fail(two.id, ""), lambda: agents.complete("x")):
        with pytest.raises(AgentError):
            over()
    with pytest.raises(AgentError, match="is over"):
        agents.start("late", parent=one.id)


@pytest.mark.parametrize(("agent_id", "timeout_s"), [("", None), ("a", 0), ("a", -1)])
def test_bad_starts_are_refused(agents: Agents, agent_id: str, timeout_s: float | None) -> None:
    with pytest.raises(AgentError):
        agents.start(agent_id, answer, timeout_s=timeout_s)


def test_a_cancelled_task_is_stopped_at_its_await(app: App, agents: Agents) -> None:
    begun, stopped = threading.Event(), list[str]()

    async def waits() -> None:
        begun.set()
        try:
            await anyio.sleep(60)
        except BaseException:
            stopped.append("waits")
            raise

    task = agents.start("reader", waits, owner="p")
    assert agents.get(task.id) == AgentRecord(id=task.id, agent="reader", started_ms=app.world.now(), owner="p")
    assert agents.running(agent_id="reader") == [agents.get(task.id)]
    app.update()
    assert begun.wait(10)
    task.cancel()
    app.settle()
    assert stopped == ["waits"]
    assert agents.running() == []
    assert agents.get(task.id).ended_ms == agents.get(task.id).started_ms + 16


def test_a_task_starts_children_of_its_own(app: App, agents: Agents) -> None:
    async def parent(ctx: AgentContext) -> str:
        return await ctx.start("child", lambda: anyio.sleep(60))

    task = agents.start("parent", parent, owner="p")
    app.settle()
    child = agents.get(task.result)
    assert (child.parent, child.owner, child.status) == (task.id, "p", AgentStatus.CANCELLED)


def test_ended_tasks_are_forgotten_oldest_first(app: App, agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickwright.systems.agents.manager.ENDED_KEPT", 2)
    still = agents.start("still")
    ended = [agents.start("a") for _ in range(3)]
    for each in ended:
        agents.complete(each.id)
    with pytest.raises(AgentError):
        agents.get(ended[0].id)
    assert [still.status, ended[2].status] == [AgentStatus.RUNNING, AgentStatus.COMPLETED]


def test_a_tool_called_inside_passes_the_tool_hooks(app: App, agents: Agents) -> None:
    app.world.resource(Tools).register("add", lambda a, b: a + b)
    hooks = app.world.resource(Hooks)
    hooks.on("tool:before", lambda e, c: HookResult(payload={"args": {**e.args, "b": 10}}))
    after: list[Any] = []
    hooks.on("tool:after", lambda e, c: after.append(e.result))

    async def work(ctx: AgentContext) -> Any:
        return await ctx.tool("add", {"a": 1, "b": 1})

    task = agents.start("adder", work)
    app.settle()
    assert task.result == 11
    assert after == [11]


def test_an_owners_tasks_are_cancelled_at_once(app: App, agents: Agents) -> None:
    mine = agents.start("a", lambda: anyio.sleep(60), owner="p")
    other = agents.start("b", owner="q")
    agents.release("p")
    app.update()
    assert (mine.status, other.status) == (AgentStatus.CANCELLED, AgentStatus.RUNNING)


@pytest.mark.anyio
async def test_tasks_run_under_a_host_loop(app: App, agents: Agents) -> None:
    task = agents.start("reader", answer)
    await app.pump_until(lambda: task.status is not AgentStatus.RUNNING)
    assert task.result == 42


def test_a_task_is_an_entity_and_children_hang_on_their_parent(app: App, agents: Agents) -> None:
    parent = agents.start("parent", timeout_s=30, owner="p")
    child = agents.start("child", parent=parent.id)
    world = app.world
    row = world.get(parent.entity, AgentTask)
    assert (row.agent, row.status, row.started_ms, row.timeout_s) == ("parent", AgentStatus.RUNNING, 1000, 30)
    assert (row.owner, row.external) == ("p", True)
    assert world.children(parent.entity) == (child.entity,)
    agents.complete(child.id, 1)
    assert world.get(child.entity, AgentTask).status is AgentStatus.COMPLETED
    done = [row.agent for row in world.query(Query[AgentTask]).rows() if row.status is AgentStatus.COMPLETED]
    assert done == ["child"]


def test_despawning_cancels_a_task_with_its_children(app: App, agents: Agents, heard: list[Any]) -> None:
    parent = agents.start("parent", lambda: anyio.sleep(60))
    child = agents.start("child", lambda: anyio.sleep(60), parent=parent.id)
    other = agents.start("other")
    app.world.despawn(parent.entity)
    app.settle()
    assert names(heard)[3:] == [("cancelled", "child"), ("cancelled", "parent")]
    assert not app.world.contains(child.entity)
    for each in (parent, child):
        with pytest.raises(AgentError, match="no agent task"):
            agents.get(each.id)
    assert agents.running() == [agents.get(other.id)]
    app.world.remove(other.entity, AgentTask)
    assert agents.running() == []


def test_despawning_an_ended_task_tells_nothing(app: App, agents: Agents, heard: list[Any]) -> None:
    task = agents.start("a")
    agents.complete(task.id)
    app.update()
    heard.clear()
    app.world.despawn(task.entity)
    app.update()
    assert heard == []


def test_starting_and_ending_inside_a_querys_loop(app: App, agents: Agents) -> None:
    first = agents.start("first")
    made: list[Any] = []
    for _ in app.world.query(Query[AgentTask]):
        made.append(agents.start("made", parent=first.id))
        agents.complete(first.id, "early")
        assert made[0].status is AgentStatus.CANCELLED
    app.update()
    assert app.world.get(first.entity, AgentTask).status is AgentStatus.COMPLETED
    assert app.world.get(made[0].entity, AgentTask).status is AgentStatus.CANCELLED


def test_a_task_of_others_times_out_by_the_worlds_clock_and_is_told_to_stop(app: App, agents: Agents) -> None:
    told: list[str] = []
    late = agents.start("late", timeout_s=0.03, stop=lambda: told.append("late"))
    done = agents.start("done", timeout_s=0.03, stop=lambda: told.append("done"))
    agents.complete(done.id)
    app.run(ticks=3)
    assert (late.status, late.error) == (AgentStatus.TIMED_OUT, "timed out after 0.03 s")
    cancelled = agents.start("cancelled", stop=lambda: told.append("cancelled"))
    cancelled.cancel()
    assert told == ["late", "cancelled"]


def test_a_task_may_be_a_pipeline(app: App, agents: Agents) -> None:
    class Runner:
        async def run(self, pipeline_id: str, variables: Any = None) -> Any:
            return f"{pipeline_id} of {variables['topic']}"

    with pytest.raises(AgentError, match="nothing runs the pipeline 'digest'"):
        agents.start("writer", "digest")
    app.insert_resource(Runner(), as_type=Pipelines)
    task = agents.start("writer", "digest", variables={"topic": "mud"})
    app.settle()
    assert task.result == "digest of mud"


def test_a_pipeline_of_the_generation_feature_is_a_task() -> None:
    from tickwright.plugins.providers import Scripted
    from tickwright.systems.generation import GenerationManager, GenerationPlugin, Model

    definition = {"id": "one", "context": {}, "strategy": {"type": "single", "prompt": "Say hello"}}
    with App() as app:
        model = Model("m", Scripted(["hello"]), window=1000)
        app.add_plugins(HooksPlugin(), AgentsPlugin(), GenerationPlugin(models={"default": model}))
        app.world.resource(GenerationManager).register(definition)
        task = app.world.resource(Agents).start("writer", "one")
        app.settle()
        assert (task.status, task.error) == (AgentStatus.COMPLETED, "")
        assert task.result.final_result == "hello"
