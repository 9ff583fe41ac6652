"""Demonstrates a context that is too large for its budget, and the report of what was dropped and why."""

import anyio

from tickwright.ecs_core import App
from tickwright.plugins.providers import Extractive
from tickwright.systems.generation import GenerationManager, GenerationPlugin
from tickwright.systems.hooks import HooksPlugin
from tickwright.systems.notes import Notes, NotesPlugin

CONTEXT = {
    "system": "You know the coast.",
    "sources": [
        {"type": "semantic_search", "query": "${question}", "limit": 2},
        {"type": "recent_notes", "folder": "Log", "limit": 3},
    ],
    "max_tokens": 120,
    "priorities": {"semantic_search": 70, "recent_notes": 10},
}


async def main():
    plugins = HooksPlugin(), NotesPlugin(), GenerationPlugin(models={"default": Extractive()})
    async with App().add_plugins(*plugins) as app:
        notes, generation = app.world.resource(Notes), app.world.resource(GenerationManager)
        notes.save("Tides.md", "# Tides\nThe moon pulls the water twice a day.")
        notes.save("Log/Monday.md", "# Monday\n" + "Rain from the west all day long. " * 30)
        context = await generation.assemble_context(CONTEXT, {"question": "moon water"})
        for each in context.report:
            print(f"{each.id}: used {each.used > 0}, dropped {each.dropped > 0}, {each.reason or 'whole'}")
        print(context.total_tokens <= 120, context.truncated)


anyio.run(main)

# Output:
# system: used True, dropped False, whole
# semantic_search: used True, dropped False, whole
# recent_notes: used True, dropped True, cut at a sentence for the budget
# True True
