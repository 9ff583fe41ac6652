"""Demonstrates answers without a model: sentences of the notes, quoted with their source."""

import anyio

from tickwright.plugins.providers import Extractive
from tickwright.systems.generation.provider import Message, Request

NOTES = """Note: Research/Accretion.md

Mud settles 28 mm a year near the breach. At the back of the site it is 9 mm.

Note: Birds/Redshank.md

Redshanks nest in the tussocks. Their chicks follow the mud at low tide."""


async def main() -> None:
    provider = Extractive(most=2)
    for prompt in ("How fast does mud settle near the breach?", "Create an outline for: mud and redshanks"):
        print("?", prompt)
        request = Request(model="extractive", prompt=prompt, messages=(Message("user", NOTES),))
        async for delta in provider.stream(request):
            print(delta.text, end="")
        print(f"\n[{delta.finish}, {delta.usage.output} tokens]")


anyio.run(main)

# Output:
# ? How fast does mud settle near the breach?
# Quoted from the context, ranked by shared words; no model wrote this.
#
# Note: Research/Accretion.md
#
# > Mud settles 28 mm a year near the breach.
#
# Note: Birds/Redshank.md
#
# > Their chicks follow the mud at low tide.
# [stop, 55 tokens]
# ? Create an outline for: mud and redshanks
# ## Redshank
#
# Note: Birds/Redshank.md
#
# A title from the context, chosen by shared words; no model wrote it.
#
# ## Accretion
#
# Note: Research/Accretion.md
#
# A title from the context, chosen by shared words; no model wrote it.
#
# [stop, 60 tokens]
