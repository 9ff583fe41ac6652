"""Flows: state machines as values, stepped all or nothing, one by one or by the million."""

from tickwright.systems.flows.bulk import Ticket
from tickwright.systems.flows.context import FlowContext, FlowEvent
from tickwright.systems.flows.definition import (
    FlowDefinition,
    StateDefinition,
    StateType,
    TransitionDefinition,
    json_schema,
    read_definition,
)
from tickwright.systems.flows.errors import (
    FlowConflictError,
    FlowDefinitionError,
    FlowError,
    FlowStepError,
    ReentrantSendError,
    UnknownFlowError,
    UnknownInstanceError,
)
from tickwright.systems.flows.export import to_dot, to_json, to_mermaid
from tickwright.systems.flows.guards import guard
from tickwright.systems.flows.manager import FlowManager, Rejection, Selection
from tickwright.systems.flows.plugin import FlowsPlugin
from tickwright.systems.flows.results import (
    FlowFilter,
    FlowInstance,
    GuardFailed,
    InvalidAction,
    InvalidState,
    Success,
    Transition,
    TransitionResult,
)

__all__ = [
    "FlowConflictError",
    "FlowContext",
    "FlowDefinition",
    "FlowDefinitionError",
    "FlowError",
    "FlowEvent",
    "FlowFilter",
    "FlowInstance",
    "FlowManager",
    "FlowStepError",
    "FlowsPlugin",
    "GuardFailed",
    "InvalidAction",
    "InvalidState",
    "ReentrantSendError",
    "Rejection",
    "Selection",
    "StateDefinition",
    "StateType",
    "Success",
    "Ticket",
    "Transition",
    "TransitionDefinition",
    "TransitionResult",
    "UnknownFlowError",
    "UnknownInstanceError",
    "guard",
    "json_schema",
    "read_definition",
    "to_dot",
    "to_json",
    "to_mermaid",
]
