"""Flow definitions: values, the reader that takes dicts, JSON text or these values, and the JSON Schema."""

from __future__ import annotations

from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.schema import json_schema
from tickwright.systems.flows.structure import (
    FlowDefinition,
    HandlerRef,
    StateDefinition,
    StateType,
    TransitionDefinition,
    to_document,
)

__all__ = [
    "FlowDefinition",
    "HandlerRef",
    "StateDefinition",
    "StateType",
    "TransitionDefinition",
    "json_schema",
    "read_definition",
    "to_document",
]
