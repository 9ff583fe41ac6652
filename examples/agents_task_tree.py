"""Demonstrates tasks of agents as a tree of entities: children of a task, and one despawn that cancels them all."""

from typing import Any

from tickwright import App, Query
from tickwright.systems.agents import Agents, AgentsPlugin, AgentTask
from tickwright.systems.hooks import Hooks, HooksPlugin


def tell(event: Any, _ctx: Any) -> None:
    print(event.agent_id, "ended by", event.name_of_event)


with App() as app:
    app.add_plugins(HooksPlugin(), AgentsPlugin())
    agents = app.world.resource(Agents)
    for end in ("completed", "cancelled"):
        app.world.resource(Hooks).on(f"agent:task_{end}", tell)

    survey = agents.start("survey")
    for name in ("count birds", "measure mud"):
        agents.start(name, parent=survey.id)
    counting, measuring = app.world.children(survey.entity)
    agents.complete(str(counting), 41)
    print({row.agent: row.status.name for row in app.world.query(Query[AgentTask]).rows()})

    app.world.despawn(survey.entity)
    app.update()

# Output:
# {'survey': 'RUNNING', 'count birds': 'COMPLETED', 'measure mud': 'RUNNING'}
# count birds ended by agent:task_completed
# measure mud ended by agent:task_cancelled
# survey ended by agent:task_cancelled
