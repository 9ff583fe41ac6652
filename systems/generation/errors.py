"""Errors of generation.

TickwrightError
└── GenerationError
    ├── PipelineDefinitionError: a definition that cannot be registered; `path` names the place in it
    ├── UnknownPipelineError, UnknownRunError: ids nobody registered or started
    ├── UnknownModelError: a model that nobody named; lists the known ones
    ├── MissingInputError: variables that a run was not given, all of them in `missing`
    ├── TemplateError: a reference without a value while a step's text is made
    ├── StructuredOutputError: an answer that is no JSON, or does not fit the step's schema
    ├── HandlerFailedError: a chunk handler, source or judge that raised
    ├── BudgetExceededError: a run that reached its cap of tokens or cost
    ├── RunFailedError: a run that ended without a result; what was done until then is in `partial`
    │   ├── StepFailedError: a step failed for good; `step`, `cause`
    │   ├── RunCancelledError: by its caller, or by a before_step handler
    │   └── RunTimeoutError: the run took longer than it may
    ├── ContextError: context that cannot be assembled
    │   ├── ContextOverflowError: more tokens than the budget, where nothing may be dropped
    │   └── MissingSourceError: a required source that gave nothing
    └── ProviderError: a model that did not answer; its tree stands in `provider.py`
"""

from __future__ import annotations

from typing import Any

from tickwright.ecs_core.errors import TickwrightError

__all__ = [
    "BudgetExceededError",
    "ContextError",
    "ContextOverflowError",
    "GenerationError",
    "HandlerFailedError",
    "MissingInputError",
    "MissingSourceError",
    "PipelineDefinitionError",
    "RunCancelledError",
    "RunFailedError",
    "RunTimeoutError",
    "StepFailedError",
    "StructuredOutputError",
    "TemplateError",
    "UnknownModelError",
    "UnknownPipelineError",
    "UnknownRunError",
]


class GenerationError(TickwrightError):
    """Base of the errors of generation."""


class PipelineDefinitionError(GenerationError):
    """A definition that is wrong; nothing was registered."""

    path: str = ""


class UnknownPipelineError(GenerationError):
    """No pipeline of that id is registered."""


class UnknownRunError(GenerationError):
    """No run of that id, or one that is forgotten."""


class UnknownModelError(GenerationError):
    """A model that `GenerationPlugin(models=...)` does not name."""


class MissingInputError(GenerationError):
    """Variables that the pipeline needs and was not given; nothing was started."""

    missing: tuple[str, ...] = ()


class TemplateError(GenerationError):
    """A reference that has no value when the text is made."""

    reference: str = ""


class StructuredOutputError(GenerationError):
    """An answer that is no JSON, or does not fit the step's schema; the model may be asked again."""

    retryable = True


class HandlerFailedError(GenerationError):
    """A chunk handler, context source or judge raised; the original is the `__cause__`."""


class BudgetExceededError(GenerationError):
    """The run reached its cap of tokens or cost."""


class RunFailedError(GenerationError):
    """A run that ended without a result; `partial` is the PipelineResult of what was done until then."""

    partial: Any = None
    run: str = ""


class StepFailedError(RunFailedError):
    """A step failed for good; `step` is its id, `cause` the error of its last attempt."""

    step: str = ""
    cause: Exception | None = None


class RunCancelledError(RunFailedError):
    """The run was cancelled, by its caller or by a before_step handler."""


class RunTimeoutError(RunFailedError):
    """The run took longer than its limit."""


class ContextError(GenerationError):
    """Context that cannot be assembled; `source` is the id of the source at fault, or empty."""

    source: str = ""


class ContextOverflowError(ContextError):
    """More tokens than the budget holds, where nothing may be dropped; `asked` and `budget` are tokens."""

    asked: int
    budget: int


class MissingSourceError(ContextError):
    """A required source found nothing, or its text found no room."""
