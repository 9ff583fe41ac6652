"""`send_async`: commit at the end, locks, timeouts, rollback; on asyncio and trio."""

import anyio
import numpy as np
import pytest

from tickwright.ecs_core import App, ManualClock, Tasks, component, f32
from tickwright.systems.flows import (
    FlowBusyError,
    FlowConflictError,
    FlowDefinitionError,
    FlowError,
    FlowManager,
    FlowsPlugin,
    FlowTimeoutError,
    GuardFailed,
    InvalidAction,
    Success,
    UnknownInstanceError,
)

pytestmark = pytest.mark.anyio


@component
class Mark:
    n: f32 = 0.0


WORK = {
    "id": "work",
    "initial": "idle",
    "context": {"n": 0},
    "states": {
        "idle": {"on": {"go": {"target": "busy", "guard": "allowed", "actions": ["fetch", "count"]}, "stop": "over"}},
        "busy": {"on": {"go": "idle"}, "exit": "leave", "after": {"30": "idle"}},
        "over": {"type": "final"},
    },
}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


class Work:
    """One instance whose `fetch` waits for `gate`."""

    def __init__(self):
        self.app = App(clock=ManualClock(start_ms=0, step_ms=10)).add_plugins(FlowsPlugin())
        self.flows = self.app.world.resource(FlowManager)
        self.gate = anyio.Event()
        self.fail = False
        handlers = {"allowed": self.allowed, "fetch": self.fetch, "count": self.count, "leave": self.leave}
        self.flows.register(WORK, handlers=handlers)
        self.it = self.flows.start("work")

    def allowed(self, ctx, event):
        return event.user != "eve"

    async def fetch(self, ctx, event):
        ctx.set_context("before", True)
        ctx.emit("work:began", 1)
        await self.gate.wait()
        if self.fail:
            raise ValueError("no answer")
        ctx.set_context("answer", 42)

    def count(self, ctx, event):
        ctx.set_context("n", ctx.context()["n"] + 1)

    async def leave(self, ctx, event):
        await anyio.sleep(0)


@pytest.fixture
def work():
    made = Work()
    yield made
    made.app.close()


async def test_a_transition_commits_when_its_handlers_have_returned(work):
    results = []

    async def send():
        results.append(await work.flows.send_async(work.it, "go", user="ann"))

    async with anyio.create_task_group() as group:
        group.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        before = work.flows.get(work.it)
        assert (before.current_state, before.revision, dict(before.context)) == ("idle", 0, {"n": 0})
        work.gate.set()
    assert results == [Success("busy")]
    after = work.flows.get(work.it)
    assert dict(after.context) == {"n": 1, "before": True, "answer": 42}
    assert [step.action for step in after.history] == ["go"]
    assert await work.flows.send_async(work.it, "go") == Success("idle")


async def test_refusals_answer_at_once(work):
    assert isinstance(await work.flows.send_async(work.it, "go", user="eve"), GuardFailed)
    assert await work.flows.send_async(work.it, "fly") == InvalidAction("fly", "idle")
    with pytest.raises(UnknownInstanceError):
        await work.flows.send_async(999, "go")
    with pytest.raises(FlowConflictError):
        await work.flows.send_async(work.it, "go", expected_revision=3)


async def test_an_async_handler_needs_send_async(work):
    with pytest.raises(FlowError, match="is async"):
        work.flows.send(work.it, "go")
    assert work.flows.get(work.it).revision == 0


async def test_an_async_guard_is_refused_when_registered(work):
    async def guard(ctx, event):
        return True

    with pytest.raises(FlowDefinitionError, match="async"):
        work.flows.register(WORK, handlers={"allowed": guard, "fetch": guard, "count": guard, "leave": guard})


async def test_the_instance_is_locked_and_others_wait_in_order(work):
    work.flows.enqueue(work.it, "stop")
    order = []

    async def send(name, action):
        order.append((name, await work.flows.send_async(work.it, action)))

    work.flows.send_batch([work.it], "nothing")
    work.app.update()  # takes the stop
    assert work.flows.get(work.it).done
    work.it = work.flows.start("work")
    async with anyio.create_task_group() as group:
        group.start_soon(send, "first", "go")
        await anyio.wait_all_tasks_blocked()
        group.start_soon(send, "second", "go")
        with pytest.raises(FlowBusyError):
            work.flows.send(work.it, "stop")
        work.flows.enqueue(work.it, "stop")
        ticket = work.flows.send_batch([work.it], "fly")
        await anyio.wait_all_tasks_blocked()
        work.app.update()
        assert (work.flows.get(work.it).revision, len(order)) == (0, 0)
        assert ticket.result(0) is None
        work.gate.set()
    # the queued actions were taken before the second send
    assert order[0] == ("first", Success("busy"))
    assert [each.action for each in work.flows.history(work.it)] == ["go", "go"]
    assert work.flows.audit[-1].action in ("fly", "stop")


@pytest.mark.parametrize("drained", [False, True])
async def test_a_batch_is_done_when_the_locked_instance_has_taken_its_action(work, drained):
    other = work.flows.start("work")
    async with anyio.create_task_group() as group:
        group.start_soon(work.flows.send_async, work.it, "go")
        await anyio.wait_all_tasks_blocked()
        numbers = np.array([work.flows.action_codes("work")["stop"]] * 2)
        ticket = work.flows.send_batch([work.it, other], numbers)
        work.app.update()
        assert (ticket.done, ticket.result(0), ticket.result(1)) == (False, None, Success("over"))
        work.gate.set()
    if drained:
        assert work.flows.send(work.it, "fly") == InvalidAction("fly", "busy")
    work.app.update()
    assert ticket.done
    assert ticket.result(0) == InvalidAction("stop", "busy")
    assert (ticket.columns["status"].tolist(), ticket.columns["revision"].tolist()) == ([2, 0], [1, 1])


async def test_handlers_that_take_too_long_are_rolled_back(work):
    before = work.flows.get(work.it)
    with pytest.raises(FlowTimeoutError) as error:
        await work.flows.send_async(work.it, "go", timeout_s=0.01)
    assert (error.value.phase, error.value.handler, error.value.state) == ("action", "fetch", "idle")
    assert work.flows.get(work.it) == before
    work.gate.set()
    assert await work.flows.send_async(work.it, "go", timeout_s=5) == Success("busy")


async def test_a_failing_handler_is_rolled_back_and_told(work):
    work.fail = True
    work.gate.set()
    before = work.flows.get(work.it)
    with pytest.raises(FlowError, match="no answer"):
        await work.flows.send_async(work.it, "go")
    assert work.flows.get(work.it) == before
    assert isinstance(work.flows.audit[-1].result, FlowError)


async def test_a_cancelled_send_unlocks(work):
    async with anyio.create_task_group() as group:
        group.start_soon(work.flows.send_async, work.it, "go")
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    work.gate.set()
    assert work.flows.send(work.it, "stop") == Success("over")


async def test_what_was_queued_may_move_the_instance_before_its_turn(work):
    work.flows.register(
        {"id": "mover", "initial": "a", "states": {"a": {"on": {"move": {"actions": "move"}, "go": "b"}}, "b": {}}},
        handlers={"move": lambda ctx, event: ctx.command(lambda world: world.insert(event.it, Mark()))},
    )
    it = work.flows.start("mover")
    work.flows.start("mover")
    work.flows.enqueue(it, "move", {"it": it})
    assert await work.flows.send_async(it, "go") == Success("b")
    assert [each.action for each in work.flows.history(it)] == ["move", "go"]


async def test_a_key_is_answered_once(work):
    work.gate.set()
    first = await work.flows.send_async(work.it, "go", key="k")
    assert await work.flows.send_async(work.it, "go", key="k") == first
    assert work.flows.get(work.it).revision == 1


async def test_an_instance_that_is_gone_meanwhile_is_an_error(work):
    async def send():
        with pytest.raises(UnknownInstanceError):
            await work.flows.send_async(work.it, "go")

    async with anyio.create_task_group() as group:
        group.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        work.flows.despawn(work.it)
        work.gate.set()


async def test_a_definition_registered_meanwhile_is_a_conflict(work):
    async def send():
        with pytest.raises(FlowConflictError):
            await work.flows.send_async(work.it, "go")

    handlers = {name: (lambda c, e: True) for name in ("allowed", "fetch", "count", "leave")}
    async with anyio.create_task_group() as group:
        group.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        work.flows.register(WORK, handlers=handlers)
        work.gate.set()
    assert work.flows.get(work.it).revision == 0


async def test_timers_wait_for_the_lock(work):
    work.gate.set()
    await work.flows.send_async(work.it, "go")
    entered = anyio.Event()
    left = anyio.Event()

    async def leave(ctx, event):
        entered.set()
        await left.wait()

    handlers = {"allowed": work.allowed, "fetch": work.fetch, "count": work.count, "leave": leave}
    work.flows.register(WORK, handlers=handlers)
    async with anyio.create_task_group() as group:
        group.start_soon(work.flows.send_async, work.it, "go")
        await entered.wait()
        for _ in range(6):
            work.app.update()
        assert work.flows.get(work.it).current_state == "busy"
        left.set()
    work.app.update()
    assert (work.flows.get(work.it).current_state, work.flows.get(work.it).revision) == ("idle", 2)


def test_a_task_beside_the_ticks_may_send(work):
    async def talk():
        work.gate.set()
        return await work.flows.send_async(work.it, "go")

    results = []
    work.gate = anyio.Event()

    async def made_there():
        work.gate = anyio.Event()
        return await talk()

    work.app.world.resource(Tasks).start(made_there, on_done=lambda world, result: results.append(result.value))
    work.app.settle()
    assert results == [Success("busy")]
