"""Flows: state machines as values, stepped all or nothing, one by one or by the million."""

from tickwright.systems.flows.asking import Selection
from tickwright.systems.flows.audit import AuditStream, Rejection
from tickwright.systems.flows.builder import FlowBuilder
from tickwright.systems.flows.components import FlowState
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
    FlowBusyError,
    FlowConflictError,
    FlowDefinitionError,
    FlowError,
    FlowImportError,
    FlowStepError,
    FlowTimeoutError,
    ReentrantSendError,
    UnknownFlowError,
    UnknownInstanceError,
)
from tickwright.systems.flows.export import to_dot, to_json, to_mermaid
from tickwright.systems.flows.guards import guard
from tickwright.systems.flows.manager import FlowManager
from tickwright.systems.flows.plugin import FlowsPlugin
from tickwright.systems.flows.replay import Replayed, compile_flow, replay
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
from tickwright.systems.flows.scxml import from_scxml
from tickwright.systems.flows.ticket import Ticket
from tickwright.systems.flows.xstate import from_xstate

__all__ = [
    "AuditStream",
    "FlowBuilder",
    "FlowBusyError",
    "FlowConflictError",
    "FlowContext",
    "FlowDefinition",
    "FlowDefinitionError",
    "FlowError",
    "FlowEvent",
    "FlowFilter",
    "FlowImportError",
    "FlowInstance",
    "FlowManager",
    "FlowState",
    "FlowStepError",
    "FlowTimeoutError",
    "FlowsPlugin",
    "GuardFailed",
    "InvalidAction",
    "InvalidState",
    "ReentrantSendError",
    "Rejection",
    "Replayed",
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
    "compile_flow",
    "from_scxml",
    "from_xstate",
    "guard",
    "json_schema",
    "read_definition",
    "replay",
    "to_dot",
    "to_json",
    "to_mermaid",
]
