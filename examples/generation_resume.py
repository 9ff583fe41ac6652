"""Demonstrates a snapshot in the middle of a run: another app goes on, and asks nothing twice."""

from tickwright.ecs_core import App
from tickwright.plugins.providers import Scripted
from tickwright.systems.generation import GenerationManager, GenerationPlugin
from tickwright.systems.hooks import HooksPlugin

PIPELINE = {
    "id": "p",
    "strategy": {
        "type": "chain",
        "steps": [
            {"id": "long", "prompt": "A long answer, please"},
            {"id": "check", "prompt": "Go on?", "depends_on": ["long"], "wait_for": "my:answer"},
            {"id": "short", "prompt": "Shorter: ${long.result}", "depends_on": ["check"]},
        ],
    },
}


def build():
    model = Scripted(lambda request: f"[{request.prompt}]")
    app = App().add_plugins(HooksPlugin(), GenerationPlugin(models={"default": model}))
    generation = app.world.resource(GenerationManager)
    generation.register(PIPELINE)
    return app, generation, model


first, generation, _ = build()
with first:
    run = generation.start("p")
    first.wait_until(lambda: bool(generation.waiting()))
    saved = first.snapshot()

second, generation, model = build()
with second:
    second.restore(saved)
    generation.resume(run, "yes")
    second.wait_until(lambda: generation.is_over(run))
    print(generation.result(run).final_result)
    print([request.step for request in model.requests])

# Output:
# [Shorter: [A long answer, please]]
# ['short']
