"""Demonstrates an async handler: the transition commits when it has returned, and not when it takes too long."""

import anyio

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin, FlowTimeoutError

JOB = {
    "id": "job",
    "initial": "ready",
    "states": {"ready": {"on": {"run": {"target": "done", "actions": ["fetch"]}}}, "done": {"type": "final"}},
}


async def fetch(ctx, event):
    await anyio.sleep(event["takes_s"])
    ctx.set_context("answer", 42)


async def main() -> None:
    with App(clock=ManualClock()) as app:
        app.add_plugins(FlowsPlugin())
        flows = app.world.resource(FlowManager)
        flows.register(JOB, handlers={"fetch": fetch})
        job = flows.start("job")
        try:
            await flows.send_async(job, "run", {"takes_s": 60}, timeout_s=0.01)
        except FlowTimeoutError as error:
            print(error.handler, flows.get(job).current_state)
        print(await flows.send_async(job, "run", {"takes_s": 0}, timeout_s=5))
        print(dict(flows.get(job).context))


anyio.run(main)

# Output:
# fetch ready
# Success(new_state='done')
# {'answer': 42}
