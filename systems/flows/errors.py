"""Errors of flows.

TickwrightError
└── FlowError: the base of all, and what is wrong with a call
    ├── FlowStepError: a macrostep that raised and was rolled back (phase, handler, state, cause)
    │   └── FlowTimeoutError: an async handler that took too long
    ├── FlowDefinitionError: a definition that is wrong; `path` names the place in the document
    │   └── FlowImportError: a document from elsewhere that asks for what flows do not have
    ├── UnknownFlowError, UnknownInstanceError: ids nobody registered or started
    ├── FlowConflictError: `expected_revision` is not the instance's revision
    ├── FlowBusyError: the instance is waiting for an async handler
    └── ReentrantSendError: `send` from inside a guard or handler
"""

from __future__ import annotations

from tickwright.ecs_core.errors import TickwrightError

__all__ = [
    "FlowBusyError",
    "FlowConflictError",
    "FlowDefinitionError",
    "FlowError",
    "FlowImportError",
    "FlowStepError",
    "FlowTimeoutError",
    "ReentrantSendError",
    "UnknownFlowError",
    "UnknownInstanceError",
]


class FlowError(TickwrightError):
    """Something about a flow that is no result; nothing changed.

    `phase` is exit, action, enter, always, delay or commit; `handler` and `state` say whose; `cause` is what was
    raised.
    """

    phase: str = ""
    handler: str = ""
    state: str = ""
    cause: BaseException | None = None


class FlowStepError(FlowError):
    """A handler raised, or the flow did not come to rest; the macrostep was rolled back."""


class FlowTimeoutError(FlowStepError):
    """Async handlers took longer than `timeout_s`; the macrostep was rolled back."""


class FlowDefinitionError(FlowError):
    """A definition that cannot be registered."""

    path: str = ""


class FlowImportError(FlowDefinitionError):
    """A document in another format that asks for something flows do not have, by name."""


class UnknownFlowError(FlowError):
    """No definition of that id is registered."""


class UnknownInstanceError(FlowError):
    """No instance of that id, or one that was despawned."""


class FlowConflictError(FlowError):
    """The instance has moved on since the caller read it."""


class FlowBusyError(FlowError):
    """The instance is in the middle of `send_async`."""


class ReentrantSendError(FlowError):
    """`send` was called while a macrostep is running; `ctx.send` delivers after it."""
