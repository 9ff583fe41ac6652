"""Errors of generation.

TickwrightError
└── GenerationError
    ├── PipelineDefinitionError: a definition that cannot be registered; `path` names the place in it
    ├── ContextError: context that cannot be assembled
    │   ├── ContextOverflowError: more tokens than the budget, where nothing may be dropped
    │   └── MissingSourceError: a required source that gave nothing
    └── ProviderError: a model that did not answer; its tree stands in `provider.py`
"""

from __future__ import annotations

from tickwright.ecs_core.errors import TickwrightError

__all__ = [
    "ContextError",
    "ContextOverflowError",
    "GenerationError",
    "MissingSourceError",
    "PipelineDefinitionError",
]


class GenerationError(TickwrightError):
    """Base of the errors of generation."""


class PipelineDefinitionError(GenerationError):
    """A definition that is wrong; nothing was registered."""

    path: str = ""


class ContextError(GenerationError):
    """Context that cannot be assembled; `source` is the id of the source at fault, or empty."""

    source: str = ""


class ContextOverflowError(ContextError):
    """More tokens than the budget holds, where nothing may be dropped; `asked` and `budget` are tokens."""

    asked: int
    budget: int


class MissingSourceError(ContextError):
    """A required source found nothing, or its text found no room."""
