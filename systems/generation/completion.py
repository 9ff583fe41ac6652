"""The pipeline behind `complete`."""

from __future__ import annotations

from tickwright.systems.generation.context_types import ContextConfig, ContextSource, RecentNotes, SemanticSearch
from tickwright.systems.generation.definition import PipelineDefinition, Single, StreamingConfig
from tickwright.systems.generation.errors import GenerationError
from tickwright.systems.generation.results import CompletionOptions

__all__ = ["completion_definition"]

_LIMIT = 5


def completion_definition(prompt: str, options: CompletionOptions) -> PipelineDefinition:
    """Return a definition of one step that asks `prompt` as it stands.

    Raises:
        GenerationError: a source type that cannot be asked with a prompt.
    """
    literal = prompt.replace("$", "$$")
    sources = tuple(_source(name, literal) for name in options.context_sources) if options.include_context else ()
    return PipelineDefinition(
        id="complete",
        context=ContextConfig(sources=sources),
        strategy=Single(
            prompt=literal, model=options.model, max_tokens=options.max_tokens, temperature=options.temperature
        ),
        streaming=StreamingConfig(enabled=options.stream),
    )


def _source(name: str, query: str) -> ContextSource:
    if name == "semantic_search":
        return SemanticSearch(id=name, query=query, limit=_LIMIT)
    if name == "recent_notes":
        return RecentNotes(id=name, limit=_LIMIT)
    raise GenerationError(
        f"{name!r} cannot be asked with a prompt", where="context_sources", expected="semantic_search, recent_notes",
        todo="register a pipeline with such a source",
    )  # fmt: skip
