"""A context assembled without a run: what `assemble_context` does on the world's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tickwright.systems.contracts.json import freeze
from tickwright.systems.contracts.ports import LinkSource
from tickwright.systems.generation.assembly import Limits, fit
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.context_types import AssembledContext, ContextConfig, Custom
from tickwright.systems.generation.contexts import ContextTemplates
from tickwright.systems.generation.errors import MissingInputError
from tickwright.systems.generation.gather import gather
from tickwright.systems.generation.graph import compile_pipeline
from tickwright.systems.generation.read import read_definition, wrong
from tickwright.systems.generation.records import Run
from tickwright.systems.generation.templates import Reference
from tickwright.systems.generation.values import GenerationContext

__all__ = ["assemble_alone"]

_EMPTY = {"id": "context", "strategy": {"type": "single", "prompt": ""}}


def assemble_alone(
    board: Board,
    config: ContextConfig,
    variables: Mapping[str, Any],
    *,
    user_message: str,
    model: str | None,
    handler_of: Callable[[str], Callable[..., Any] | None],
) -> AssembledContext:
    """Fill in a context's templates, ask its sources and fit them around a message.

    Raises:
        MissingInputError: variables are missing; nothing was asked.
        PipelineDefinitionError: no handler for a custom source.
        ContextError: a source failed, or the context's own policy says so.
    """
    templates = ContextTemplates.of(config)
    missing = {each.head for _, each in templates.references() if each.path or variables.get(each.head) is None}
    if missing:
        names = tuple(sorted(missing))
        raise MissingInputError(f"missing variables: {', '.join(names)}", where="the context", missing=names)

    def value_of(reference: Reference) -> Any:
        return variables.get(reference.head)

    def custom(source: Custom) -> Any:
        handler = handler_of(source.handler)
        if handler is None:
            raise wrong(f"no handler {source.handler!r}", f"source {source.id!r}", "a registered handler")
        empty = compile_pipeline(read_definition(_EMPTY), lambda _: None)
        run = Run(0, empty, freeze(variables, "variables"), now_ms=board.world.now())
        return handler(source.config, GenerationContext(board, run))

    rendered = templates.render(value_of)
    notes = board.world.get_resource(LinkSource)  # type: ignore[type-abstract]
    found = gather(rendered, notes=notes, custom=custom)
    limits = Limits()
    if model is not None:
        asked = board.model(model)
        reserve = board.settings.reserve(asked.window)
        limits = Limits(model=asked.name, encoding=asked.encoding, window=asked.window, reserve=reserve)
    return fit(rendered, found, user_message, counter=board.counter, limits=limits)
