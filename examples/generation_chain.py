"""Demonstrates a chain: an outline, a step mapped over its sections, and a step that joins them."""

import anyio

from tickwright.ecs_core import App
from tickwright.plugins.providers import Scripted
from tickwright.systems.generation import GenerationManager, GenerationPlugin

CHAIN = {
    "id": "research",
    "strategy": {
        "type": "chain",
        "steps": [
            {"id": "outline", "prompt": "Create an outline for: ${query}"},
            {"id": "expand", "prompt": "Expand: ${outline.result}", "parallel_on": "outline.sections"},
            {"id": "join", "prompt": "Join these:\n${expand.results}"},
        ],
    },
}


def answer(request):
    if request.step == "outline":
        return '{"sections": ["The moon", "The shore"]}'
    return f"({request.prompt})"


async def main():
    async with App().add_plugins(GenerationPlugin(models={"default": Scripted(answer)})) as app:
        generation = app.world.resource(GenerationManager)
        generation.register(CHAIN)
        result = await generation.run("research", {"query": "tides"})
        print(list(result.steps["expand"].results))
        print(result.final_result)
        print(generation.to_mermaid("research"))


anyio.run(main)

# Output:
# ['(Expand: The moon)', '(Expand: The shore)']
# (Join these:
# (Expand: The moon)
#
# (Expand: The shore))
# flowchart TD
#     s0["outline<br/>default"]
#     s1[["expand<br/>default"]]
#     s2["join<br/>default"]
#     s0 ==>|each| s1
#     s1 --> s2
#     s2 --> result((result))
#
