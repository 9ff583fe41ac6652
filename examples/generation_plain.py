"""Demonstrates plain functions as models: a pipeline of rules that ends within one tick, without an event loop."""

from tickwright.ecs_core import App
from tickwright.systems.generation import GenerationManager, GenerationPlugin

GLOSSARY = {"ebb": "the tide going out", "flood": "the tide coming in"}


def look_up(request):
    found = [f"{word}: {GLOSSARY[word]}" for word in request.prompt.split() if word in GLOSSARY]
    return "\n".join(found) or "nothing known"


def count(request):
    return f"{len(request.prompt.splitlines())} entries"


with App() as app:
    app.add_plugins(GenerationPlugin(models={"glossary": look_up, "counter": count}))
    generation = app.world.resource(GenerationManager)
    generation.register(
        {
            "id": "explain",
            "strategy": {
                "type": "chain",
                "steps": [
                    {"id": "entries", "prompt": "${text}", "model": "glossary"},
                    {"id": "summary", "prompt": "${entries.result}", "model": "counter"},
                ],
            },
        }
    )
    run = generation.start("explain", {"text": "ebb follows flood"})
    app.update()
    result = generation.result(run)
    print(result.steps["entries"].result)
    print(result.final_result, "after", app.time.tick, "tick")

# Output:
# ebb: the tide going out
# flood: the tide coming in
# 2 entries after 1 tick
