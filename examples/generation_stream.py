"""Demonstrates streaming: a loop over chunks, and a chunk handler that sees every code fence whole."""

import anyio

from tickwright.ecs_core import App
from tickwright.plugins.providers import Answer, Scripted
from tickwright.systems.generation import GenerationManager, GenerationPlugin

MODEL = Scripted(Answer("Run this:\n```\nls\n``` and look.", chunk_size=12))


def handler(text, ctx):
    if "```" in text:
        ctx.set("in_code", not ctx.get("in_code"))


async def main():
    async with App().add_plugins(GenerationPlugin(models={"default": MODEL})) as app:
        generation = app.world.resource(GenerationManager)
        generation.register(
            {
                "id": "help",
                "strategy": {"type": "single", "prompt": "How do I list files?"},
                "streaming": {"enabled": True, "chunk_handler": "handler"},
            },
            handlers={"handler": handler},
        )
        async for chunk in generation.run_streaming("help"):
            print(repr(chunk.content), chunk.is_final)
        print((await generation.run("help")).values)


anyio.run(main)

# Output:
# 'Run this:\n' False
# '```\nls\n' False
# '``` and' False
# ' look.' False
# '' True
# {'in_code': False}
