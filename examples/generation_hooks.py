"""Demonstrates hooks around steps: one changes a prompt, one cancels a run, one hears how steps end."""

import anyio

from tickwright.ecs_core import App
from tickwright.plugins.providers import Scripted
from tickwright.systems.generation import GenerationManager, GenerationPlugin, RunCancelledError
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin


def before(event, _ctx):
    if "secret" in event.prompt:
        return HookResult(cancel=True, reason="that is a secret")
    return HookResult(payload={"prompt": event.prompt + " In one line."})


async def main():
    model = Scripted(lambda request: f"You asked: {request.prompt}")
    async with App().add_plugins(HooksPlugin(), GenerationPlugin(models={"default": model})) as app:
        hooks, generation = app.world.resource(Hooks), app.world.resource(GenerationManager)
        hooks.on("pipeline:before_step", before)
        hooks.on("pipeline:step_finished", lambda event, _ctx: print(event.step, event.status))
        generation.register({"id": "ask", "strategy": {"type": "single", "prompt": "Tell me about ${what}."}})
        print((await generation.run("ask", {"what": "tides"})).final_result)
        try:
            await generation.run("ask", {"what": "the secret"})
        except RunCancelledError as error:
            print(error.what)


anyio.run(main)

# Output:
# You asked: Tell me about tides. In one line.
# main done
# that is a secret
