"""Demonstrates parallel branches whose best answer is picked by a handler, and two branches joined in order."""

import anyio

from tickwright.ecs_core import App
from tickwright.plugins.providers import Scripted
from tickwright.systems.generation import GenerationManager, GenerationPlugin

MODEL = Scripted({"plain": "The sea rises.", "vivid": "The sea climbs the stairs of the harbour."})


def pipeline(name, merge):
    branches = [{"id": style, "prompt": f"A {style} line about ${{topic}}"} for style in ("plain", "vivid")]
    return {"id": name, "strategy": {"type": "parallel", "branches": branches, "merge": merge}}


async def main():
    async with App().add_plugins(GenerationPlugin(models={"default": MODEL})) as app:
        generation = app.world.resource(GenerationManager)
        best = pipeline("best", {"type": "pick_best", "criteria": "length"})
        generation.register(best, handlers={"length": lambda text, ctx: ctx.count_tokens(text)})
        generation.register(pipeline("both", {"type": "concatenate", "separator": " / "}))
        picked = await generation.run("best", {"topic": "tides"})
        print(picked.final_result, list(picked.steps["merge"].scores))
        print((await generation.run("both", {"topic": "tides"})).final_result)


anyio.run(main)

# Output:
# The sea climbs the stairs of the harbour. [4.0, 9.0]
# The sea rises. / The sea climbs the stairs of the harbour.
