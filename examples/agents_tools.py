"""Demonstrates an agent's task that calls a tool, with a hook between them and an event at the end."""

from typing import Any

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.agents import AgentContext, Agents, AgentsPlugin
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.tools import Tools, ToolsPlugin


def search_notes(query: str, limit: int = 10) -> list[str]:
    """Find notes by words."""
    return [f"{query} {number}" for number in range(limit)]


async def research(ctx: AgentContext) -> str:
    found = await ctx.tool("search_notes", {"query": "tides"})
    return f"read {len(found)} notes"


def at_most_three(event: Any, _: Any) -> HookResult:
    return HookResult(payload={"args": {**event.args, "limit": 3}})


with App(clock=ManualClock()) as app:
    app.add_plugins(HooksPlugin(), ToolsPlugin(), AgentsPlugin())
    app.world.resource(Tools).register("search_notes", search_notes)
    hooks = app.world.resource(Hooks)
    hooks.on("tool:before", at_most_three, pattern="search_*")
    hooks.on("tool:after", lambda event, _: print(event.name, event.result))
    hooks.on("agent:task_completed", lambda event, _: print(event.agent_id, event.result))

    task = app.world.resource(Agents).start("researcher", research)
    app.settle()
    print(task.status.name.lower())

# Output:
# search_notes ['tides 0', 'tides 1', 'tides 2']
# researcher read 3 notes
# completed
