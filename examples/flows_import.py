"""Demonstrates an XState config and an SCXML document as flows, and a drawing of one."""

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowImportError, FlowManager, FlowsPlugin, from_scxml, from_xstate, to_mermaid

MACHINE = {
    "id": "light",
    "initial": "green",
    "states": {
        "green": {"after": {"1000": "yellow"}},
        "yellow": {"after": {"200": "red"}},
        "red": {"on": {"walk": {"actions": {"type": "xstate.log", "value": "walking"}}}, "after": {"900": "green"}},
    },
}
DOCUMENT = """
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="counter">
  <datamodel><data id="n" expr="0"/></datamodel>
  <state id="counting">
    <transition event="add" cond="n &lt; 2"><assign location="n" expr="n + 1"/></transition>
    <transition event="add" target="full"/>
  </state>
  <final id="full"/>
</scxml>
"""

with App(clock=ManualClock(start_ms=0, step_ms=500)) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(from_xstate(MACHINE))
    light = flows.start("light")
    for _ in range(4):
        app.update()
    print(flows.get(light).current_state, [each.timestamp for each in flows.history(light)])
    flows.register(from_scxml(DOCUMENT))
    counter = flows.start("counter")
    print([flows.send(counter, "add").new_state for _ in range(3)])
    print(to_mermaid(flows.definition("counter")), end="")
try:
    from_xstate({"initial": "a", "states": {"a": {"invoke": {"src": "fetch"}}}})
except FlowImportError as error:
    print(error)

# Output:
# red [1000, 1200]
# ['counting', 'counting', 'full']
# stateDiagram-v2
#     [*] --> counting
#     counting : counting
#     full : full
#     full --> [*]
#     counting --> counting : add [n < 2] (stays)
#     counting --> full : add
# `invoke` has no counterpart here (states.a.invoke). Start the work from an action and send its result back
