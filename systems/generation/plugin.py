"""The generation feature as a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tickwright.ecs_core import App, Plugin, Update, chain
from tickwright.systems.contracts.events import Emitted
from tickwright.systems.contracts.ports import Pipelines
from tickwright.systems.contracts.sets import UpdateSet
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.immediate import AnswersNow, as_provider
from tickwright.systems.generation.manager import GenerationManager
from tickwright.systems.generation.provider import Model, Provider, Request
from tickwright.systems.generation.settings import ModelLimits, Settings
from tickwright.systems.generation.snapshots import generation_section
from tickwright.systems.generation.stages import collect, finish, merge, plan, repeat, schedule, start, stream

__all__ = ["GenerationPlugin"]


class GenerationPlugin(Plugin):
    """Provide the `GenerationManager`, and the systems that work on its runs.

    Args:
        models: by alias; "default" is what steps ask that name none. A bare provider, or a plain function that
            answers a `Request`, is a model of its alias's name.
        limits: per alias: concurrency, rates, prices.
        settings: what all runs share.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, Model | Provider | AnswersNow | Callable[[Request], Any]] | None = None,
        limits: Mapping[str, ModelLimits] | None = None,
        settings: Settings | None = None,
    ) -> None:
        named = {
            alias: each if isinstance(each, Model) else Model(alias, as_provider(each))
            for alias, each in (models or {}).items()
        }
        self._models: dict[str, Model] = named
        self._limits = dict(limits or {})
        self._settings = settings or Settings()

    @property
    def name(self) -> str:
        """The feature's name."""
        return "generation"

    def build(self, app: App) -> None:
        """Insert the manager and add its systems."""
        app.add_event(Emitted)
        board = Board(app, self._models, self._limits, self._settings)
        manager = GenerationManager(app, board)
        app.insert_resource(board)
        app.insert_resource(manager)
        app.insert_resource(manager, as_type=Pipelines)
        app.on_release(manager.release)
        app.sections.append(generation_section(board, manager.find))
        app.add_systems(
            Update, chain(collect, stream, merge, plan, schedule, start, repeat, finish), in_set=UpdateSet.GENERATION
        )
