"""Demonstrates a step that waits for a person, in a host that only ticks."""

from tickwright.ecs_core import App
from tickwright.plugins.providers import Scripted
from tickwright.systems.generation import GenerationManager, GenerationPlugin
from tickwright.systems.hooks import Hooks, HooksPlugin

PIPELINE = {
    "id": "letter",
    "strategy": {
        "type": "chain",
        "steps": [
            {"id": "draft", "prompt": "Draft a letter about ${topic}"},
            {"id": "review", "prompt": "Send this? ${draft.result}", "wait_for": "letter:reviewed"},
            {"id": "final", "prompt": "${draft.result} (${review.result})"},
        ],
    },
}
MODEL = Scripted(lambda request: "Dear all" if request.step == "draft" else request.prompt)

with App().add_plugins(HooksPlugin(), GenerationPlugin(models={"default": MODEL})) as app:
    generation = app.world.resource(GenerationManager)
    generation.register(PIPELINE)
    run = generation.start("letter", {"topic": "tides"})
    app.wait_until(lambda: bool(generation.waiting()))
    for run_id, step, question in generation.waiting():
        print(step.id, step.status, question)
        app.world.resource(Hooks).emit("letter:reviewed", {"run": run_id, "answer": "with greetings"})
    app.wait_until(lambda: generation.is_over(run))
    print(generation.result(run).final_result)

# Output:
# review waiting Send this? Dear all
# Dear all (with greetings)
