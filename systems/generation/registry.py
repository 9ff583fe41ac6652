"""The pipelines that are registered: checked, compiled, found by id, let go with their owners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tickwright.ecs_core import App
from tickwright.systems.contracts.ports import Handlers
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.definition import PipelineDefinition
from tickwright.systems.generation.errors import UnknownPipelineError
from tickwright.systems.generation.graph import Pipeline, compile_pipeline
from tickwright.systems.generation.read import read_definition, wrong

__all__ = ["Document", "PipelineRegistry"]

Document = PipelineDefinition | Mapping[str, Any] | str | bytes


class PipelineRegistry:
    """Definitions of one world, compiled, by id."""

    def __init__(self, app: App, board: Board) -> None:
        self._app = app
        self._board = board
        self._pipelines: dict[str, Pipeline] = {}

    def __len__(self) -> int:
        return len(self._pipelines)

    def add(self, definition: Document, handlers: Mapping[str, Callable[..., Any]], owner: str) -> Pipeline:
        """Check, compile and keep a definition, in the place of its owner's earlier one of the same id.

        Raises:
            PipelineDefinitionError: with the path of the fault; nothing was kept.
        """
        read = read_definition(definition)
        owner = owner or self._app.world.current_owner
        pipeline = compile_pipeline(
            read, partial(self.handler, dict(handlers), owner), models=list(self._board.models), owner=owner
        )
        known = self._pipelines.get(read.id)
        if known is not None and known.owner != owner:
            raise wrong(f"pipeline {read.id!r} belongs to {known.owner or 'the host'!r}", "id", "another id")
        self._pipelines[read.id] = pipeline
        return pipeline

    def remove(self, pipeline_id: str) -> None:
        """Take a definition out; an unknown id does nothing."""
        self._pipelines.pop(pipeline_id, None)

    def release(self, owner: str) -> None:
        """Take out an owner's definitions."""
        self._pipelines = {name: each for name, each in self._pipelines.items() if each.owner != owner}

    def get(self, pipeline_id: str) -> Pipeline:
        """Return a compiled definition.

        Raises:
            UnknownPipelineError: there is none of that id.
        """
        found = self.find(pipeline_id)
        if found is None:
            known = ", ".join(self.ids()) or "none is registered"
            raise UnknownPipelineError(f"no pipeline {pipeline_id!r}", expected=known, todo="register it first")
        return found

    def find(self, pipeline_id: str) -> Pipeline | None:
        """Return a compiled definition, or None."""
        return self._pipelines.get(pipeline_id)

    def ids(self) -> list[str]:
        """Return the ids, sorted."""
        return sorted(self._pipelines)

    def handler(self, own: Mapping[str, Callable[..., Any]], owner: str, name: str) -> Callable[..., Any] | None:
        """Return a handler by name: one of the definition's own, else a shared one of its owner; or None."""
        found = own.get(name)
        if found is None:
            shared = self._app.world.get_resource(Handlers)
            found = shared.resolve(owner, name) if shared is not None else None
        return found
