"""Demonstrates limits: answers at once per model, and a cap on the tokens of one run; in virtual time."""

import anyio

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.providers import Answer, Scripted, run_in_virtual_time
from tickwright.systems.generation import GenerationManager, GenerationPlugin, ModelLimits, StepFailedError

SLOW = Scripted(Answer("one two three", first_s=1.0))


def steps(*ids):
    return [{"id": each, "prompt": "words"} for each in ids]


async def main():
    limits = {"default": ModelLimits(max_concurrency=2)}
    app = App(clock=ManualClock()).add_plugins(GenerationPlugin(models={"default": SLOW}, limits=limits))
    async with app:
        generation = app.world.resource(GenerationManager)
        merge = {"type": "concatenate", "separator": "; "}
        branches = {"type": "parallel", "branches": steps("a", "b", "c", "d"), "merge": merge}
        generation.register({"id": "four", "strategy": branches})
        await generation.run("four")
        print("four answers of one second, two at once:", anyio.current_time(), "s")
        capped = {"type": "sequential", "steps": steps("a", "b", "c")}
        generation.register({"id": "capped", "strategy": capped, "limits": {"max_tokens": 6}})
        try:
            await generation.run("capped")
        except StepFailedError as error:
            print(error.step, "-", error.cause.what)
            print({name: step.status for name, step in error.partial.steps.items()})


run_in_virtual_time(main)

# Output:
# four answers of one second, two at once: 2.0 s
# c - the run has used 6 tokens
# {'a': 'done', 'b': 'done', 'c': 'failed'}
