"""Errors of flows.

TickwrightError
└── FlowError: a macrostep that raised and was rolled back (phase, handler, state, cause), and the base of:
    ├── FlowDefinitionError: a definition that is wrong; `path` names the place in the document
    ├── UnknownFlowError, UnknownInstanceError: ids nobody registered or started
    ├── FlowConflictError: `expected_revision` is not the instance's revision
    └── ReentrantSendError: `send` from inside a guard or handler
"""

from __future__ import annotations

from tickwright.ecs_core.errors import TickwrightError

__all__ = [
    "FlowConflictError",
    "FlowDefinitionError",
    "FlowError",
    "FlowStepError",
    "ReentrantSendError",
    "UnknownFlowError",
    "UnknownInstanceError",
]


class FlowError(TickwrightError):
    """Something about a flow that is no result; nothing changed.

    `phase` is exit, action, enter, done, always or delay; `handler` and `state` say whose; `cause` is what was raised.
    """

    phase: str = ""
    handler: str = ""
    state: str = ""
    cause: BaseException | None = None


class FlowStepError(FlowError):
    """A handler raised, or the flow did not come to rest; the macrostep was rolled back."""


class FlowDefinitionError(FlowError):
    """A definition that cannot be registered."""

    path: str = ""


class UnknownFlowError(FlowError):
    """No definition of that id is registered."""


class UnknownInstanceError(FlowError):
    """No instance of that id, or one that was despawned."""


class FlowConflictError(FlowError):
    """The instance has moved on since the caller read it."""


class ReentrantSendError(FlowError):
    """`send` was called while a macrostep is running; `ctx.send` delivers after it."""
