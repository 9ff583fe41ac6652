"""Demonstrates retries: a busy server is asked again after the pause it asks for, a refused key is not."""

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.providers import Answer, Scripted
from tickwright.systems.generation import GenerationManager, GenerationPlugin

BUSY = Answer("x", fault="rate_limited", retry_after_s=2.0)
MODEL = Scripted({"first": [BUSY, BUSY, "at last"], "second": Answer("x", fault="unauthorized")})

with App(clock=ManualClock()).add_plugins(GenerationPlugin(models={"default": MODEL})) as app:
    generation = app.world.resource(GenerationManager)
    steps = [{"id": "first", "prompt": "Hello?"}, {"id": "second", "prompt": "${first.result}"}]
    generation.register({"id": "patient", "strategy": {"type": "sequential", "steps": steps}})
    run = generation.start("patient")
    app.wait_until(lambda: generation.is_over(run))
    result = generation.result(run)
    for step in result.steps.values():
        print(step.id, step.status, step.attempts, step.result or step.error)
    print(result.status, result.duration_ms >= 4000)

# Output:
# first done 3 at last
# second failed 1 the key is not accepted (scripted model 'default')
# failed True
