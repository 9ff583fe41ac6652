"""The public component of flow instances."""

from __future__ import annotations

from tickwright.ecs_core import Symbol, component, i32, i64

__all__ = ["FlowState"]


@component
class FlowState:
    """One flow instance, as systems and plugins may query it; its columns are the ones that flows are stepped in.

    `Query[FlowState, Changed[FlowState]]` sees every transition. Read it; what changes it is `FlowManager`. The typed
    fields of the context are a component of their own, named `FlowOf_<definition id>`.

    Attributes:
        definition: the definition's id.
        state: the current state, a dotted path.
        subject: what the instance is about.
        revision: committed macrosteps.
        created_at, updated_at: ms since the epoch.
        done: whether it is in a final state.
    """

    definition: Symbol = ""
    state: Symbol = ""
    subject: Symbol = ""
    revision: i32 = 0
    created_at: i64 = 0
    updated_at: i64 = 0
    done: bool = False
