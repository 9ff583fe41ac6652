"""`GenerationManager`: the front door: register, run, stream, complete, cancel, ask."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

import anyio
import msgspec

from tickwright.ecs_core import App, Entity
from tickwright.systems.contracts.json import EMPTY, FrozenDict, freeze
from tickwright.systems.contracts.ticks import TickThread
from tickwright.systems.generation.board import Board
from tickwright.systems.generation.collecting import answer_waiting
from tickwright.systems.generation.completion import completion_definition
from tickwright.systems.generation.context_types import AssembledContext, ContextConfig, read_context
from tickwright.systems.generation.definition import PipelineDefinition
from tickwright.systems.generation.errors import (
    GenerationError,
    MissingInputError,
    UnknownRunError,
)
from tickwright.systems.generation.export import pipeline_mermaid
from tickwright.systems.generation.graph import Pipeline, compile_pipeline
from tickwright.systems.generation.provider import Model
from tickwright.systems.generation.records import Run
from tickwright.systems.generation.registry import Document, PipelineRegistry
from tickwright.systems.generation.results import CompletionOptions, PipelineResult, RunStatus, StepResult, StreamChunk
from tickwright.systems.generation.standalone import assemble_alone
from tickwright.systems.generation.waiting import Signal, Waiters

__all__ = ["GenerationManager"]


class GenerationManager:
    """Pipelines of one world; a resource.

    `run`, `run_streaming`, `complete` and `assemble_context` are awaited, on asyncio or trio: whoever waits ticks the
    app, unless somebody else does. `start`, `result` and `cancel` are for hosts that only tick.
    """

    def __init__(self, app: App, board: Board) -> None:
        self._app = app
        self._board = board
        self._thread = TickThread(app)
        self._pipelines = PipelineRegistry(app, board)
        self._waiters = Waiters(app, self._thread)

    # -- definitions -------------------------------------------------------------------------------------

    def register(
        self, definition: Document, handlers: Mapping[str, Callable[..., Any]] | None = None, *, owner: str = ""
    ) -> PipelineDefinition:
        """Check and register a definition, or put it in the place of the one of the same id; runs go on as they began.

        Args:
            definition: a value, a dict in either spelling, or JSON text.
            handlers: chunk handlers, sources and judges by name; else the shared `Handlers` are asked.
            owner: the plugin it belongs to; the one that is being built, if not given.

        Returns:
            The definition with `inputs` complete.

        Raises:
            PipelineDefinitionError: with the path of the fault; nothing was registered.
        """
        return self._pipelines.add(definition, handlers or {}, owner).definition

    def unregister(self, pipeline_id: str) -> None:
        """Take a definition out; its runs go on, an unknown id does nothing."""
        self._pipelines.remove(pipeline_id)

    def release(self, owner: str) -> None:
        """Take out an owner's definitions, and cancel their runs."""
        self._pipelines.release(owner)
        for run in list(self._board.runs.values()):
            if run.pipeline.owner == owner:
                self._board.cancel(run, f"plugin {owner!r} was removed")

    def definition(self, pipeline_id: str) -> PipelineDefinition:
        """Return a registered definition.

        Raises:
            UnknownPipelineError: there is none of that id.
        """
        return self.pipeline(pipeline_id).definition

    def pipeline(self, pipeline_id: str) -> Pipeline:
        """Return a compiled definition.

        Raises:
            UnknownPipelineError: there is none of that id.
        """
        return self._pipelines.get(pipeline_id)

    def find(self, pipeline_id: str) -> Pipeline | None:
        """Return a compiled definition, or None."""
        return self._pipelines.find(pipeline_id)

    def registered(self) -> list[str]:
        """Return the ids of all definitions, sorted."""
        return self._pipelines.ids()

    def to_mermaid(self, pipeline_id: str) -> str:
        """Return a definition as a Mermaid flowchart."""
        return pipeline_mermaid(self.pipeline(pipeline_id))

    @property
    def models(self) -> Mapping[str, Model]:
        """The models by alias."""
        return dict(self._board.models)

    def set_model(self, alias: str, model: Model) -> None:
        """Name a model, or put it in the place of another; steps that ask from now on ask it."""
        self._board.models[alias] = model

    # -- runs --------------------------------------------------------------------------------------------

    def start(self, pipeline_id: str, variables: Mapping[str, Any] | None = None) -> Entity:
        """Start a run and return its entity; ticks do the rest, `result` says how far it is.

        Raises:
            UnknownPipelineError: no such definition.
            MissingInputError: variables are missing, all named in one error; nothing was started.
        """
        return Entity(self._open(self.pipeline(pipeline_id), variables).entity)

    async def run(self, pipeline_id: str, variables: Mapping[str, Any] | None = None) -> PipelineResult:
        """Run a pipeline to its end; cancelling the caller cancels the run.

        Raises:
            UnknownPipelineError, MissingInputError: as `start`.
            StepFailedError, RunCancelledError, RunTimeoutError: it ended without a result; `.partial` is what it did.
        """
        signal = Signal()

        def begin() -> Run:
            return self._begin(lambda: self.pipeline(pipeline_id), variables, signal)

        run = begin() if self._thread.is_here() else await self._thread.run(begin)
        return await self._finished(run, signal)

    async def run_streaming(
        self, pipeline_id: str, variables: Mapping[str, Any] | None = None
    ) -> AsyncIterator[StreamChunk]:
        """Run a pipeline and yield its chunks, in order per step and branch; leaving the loop cancels the run.

        Raises:
            As `run`, after the last chunk.
        """
        signal = Signal()
        run = await self._thread.run(
            lambda: self._begin(lambda: self.pipeline(pipeline_id), variables, signal, streaming=True)
        )
        chunks = run.consumer
        assert chunks is not None
        size = run.pipeline.definition.streaming.buffer_size
        try:
            while True:
                while chunks:
                    if len(chunks) == size:
                        self._app.inbox.put(int, forced=True)  # there is room again: the next tick looks
                    yield chunks.popleft()
                if run.over:
                    break
                await self._waiters.until(run, signal, lambda: bool(chunks) or run.over)
        finally:
            await self._close(run, signal)
        if run.error is not None:
            raise self._failure(run)

    async def complete(self, prompt: str, options: CompletionOptions | Mapping[str, Any] | None = None) -> str:
        """Ask one question and return the answer; the prompt is taken as it stands, `${...}` and all.

        Raises:
            UnknownModelError: an alias nobody named.
            GenerationError: a source type that cannot be asked with a prompt.
            StepFailedError: the model gave no answer.
        """
        given = options if isinstance(options, CompletionOptions) else msgspec.convert(options or {}, CompletionOptions)
        definition = completion_definition(prompt, given)

        def pipeline() -> Pipeline:
            self._board.model(given.model or "default")
            return compile_pipeline(definition, lambda _: None)

        signal = Signal()
        run = await self._thread.run(lambda: self._begin(pipeline, {}, signal))
        return (await self._finished(run, signal)).final_result

    async def assemble_context(
        self,
        config: ContextConfig | Mapping[str, Any],
        variables: Mapping[str, Any] | None = None,
        *,
        user_message: str = "",
        model: str | None = None,
        handlers: Mapping[str, Callable[..., Any]] | None = None,
    ) -> AssembledContext:
        """Assemble a context without asking a model.

        Args:
            config: a value, or a dict in either spelling; its templates are filled in from `variables`.
            variables: the inputs.
            user_message: the prompt that room is kept for.
            model: alias of the model whose window and encoding count; None for no window.
            handlers: of custom sources.

        Raises:
            PipelineDefinitionError, MissingInputError, ContextError: nothing was asked of anybody, or a source failed.
        """
        read, own = read_context(config), dict(handlers or {})
        return await self._thread.run(
            lambda: assemble_alone(
                self._board, read, variables or {}, user_message=user_message, model=model,
                handler_of=partial(self._pipelines.handler, own, ""),
            )
        )  # fmt: skip

    def cancel(self, run: Entity | int | str, reason: str = "cancelled") -> None:
        """Cancel a run; what has arrived is kept. One that is over, or unknown, is left alone."""
        found = self._board.runs.get(int(run))
        if found is not None:
            self._board.cancel(found, reason)

    def resume(self, run: Entity | int | str, answer: Any, *, step: str | None = None) -> None:
        """Answer the steps of a run that wait for a person (or one of them), as their event would.

        Raises:
            GenerationError: no step of it waits.
        """
        found = self._run(run)
        steps = [
            each
            for waiting in self._board.waiting.values()
            for each in waiting.values()
            if each.run is found and step in (None, each.node.id)
        ]
        if not steps:
            raise GenerationError(f"no step waits{f' as {step!r}' if step else ''}", where=f"run {found.id}")
        for each in steps:
            answer_waiting(self._board, each, answer)

    def result(self, run: Entity | int | str) -> PipelineResult:
        """Return how far a run is, or what came of it: every step's status, text so far, tokens and context.

        Raises:
            UnknownRunError: unknown, or forgotten.
        """
        return self._run(run).result()

    def status(self, run: Entity | int | str) -> RunStatus:
        """Return where a run stands.

        Raises:
            UnknownRunError: unknown, or forgotten.
        """
        return self._run(run).status

    def is_over(self, run: Entity | int | str) -> bool:
        """Return whether a run has ended and its end has been told; a forgotten one has."""
        found = self._board.runs.get(int(run))
        return found is None or found.over

    def waiting(self) -> list[tuple[str, StepResult, str]]:
        """Return (run id, step, prompt) of every step that waits for a person, oldest first."""
        steps = [step for waiting in self._board.waiting.values() for step in waiting.values()]
        return [(step.run.id, step.result(), step.text.prompt) for step in sorted(steps, key=lambda each: each.entity)]

    def runs(self) -> list[Entity]:
        """Return every run that is not forgotten, oldest first."""
        return [Entity(each) for each in self._board.runs]

    def forget(self, run: Entity | int | str) -> None:
        """Drop a run, cancelling it if need be; its entities go with the next batch. An unknown one does nothing."""
        found = self._board.runs.get(int(run))
        if found is not None:
            self._board.forget(found)

    def __repr__(self) -> str:
        running = sum(not run.over for run in self._board.runs.values())
        return f"GenerationManager({len(self._pipelines)} pipelines, {running} running)"

    # -- inside ------------------------------------------------------------------------------------------

    def _run(self, run: Entity | int | str) -> Run:
        try:
            return self._board.runs[int(run)]
        except (KeyError, ValueError):
            raise UnknownRunError(f"no run {run!r}", expected="what start returned, not yet forgotten") from None

    def _open(self, pipeline: Pipeline, variables: Mapping[str, Any] | None) -> Run:
        if variables is not None and not isinstance(variables, Mapping):
            raise GenerationError(
                f"variables are {type(variables).__name__}",
                where=f"pipeline {pipeline.id!r}",
                expected="a mapping of names to JSON values",
            )
        given: FrozenDict = freeze(variables, "variables") if variables else EMPTY
        missing = tuple(name for name in pipeline.definition.inputs if given.get(name) is None)
        if missing:
            raise MissingInputError(
                f"missing variables: {', '.join(missing)}", where=f"pipeline {pipeline.id!r}",
                expected=", ".join(pipeline.definition.inputs), missing=missing,
            )  # fmt: skip
        return self._board.open(pipeline, given)

    def _begin(
        self,
        pipeline: Callable[[], Pipeline],
        variables: Mapping[str, Any] | None,
        signal: Signal,
        *,
        streaming: bool = False,
    ) -> Run:
        run = self._open(pipeline(), variables)
        run.wake = [signal.wake]
        if streaming:
            run.streams, run.consumer = True, deque()
        return run

    async def _finished(self, run: Run, signal: Signal) -> PipelineResult:
        try:
            await self._waiters.until(run, signal, lambda: run.over)
        finally:
            await self._close(run, signal)
        if run.error is not None:
            raise self._failure(run)
        return run.result()

    async def _close(self, run: Run, signal: Signal) -> None:
        """Cancel what still runs, let its end be told, and forget the run."""
        if run.over and self._thread.is_here():
            self._board.forget(run)
            return
        with anyio.CancelScope(shield=True):
            if not run.over:
                await self._thread.run(lambda: self._board.cancel(run))
                await self._waiters.until(run, signal, lambda: run.over)
            await self._thread.run(lambda: self._board.forget(run))

    def _failure(self, run: Run) -> Exception:
        assert run.error is not None
        run.error.partial = run.result()  # type: ignore[attr-defined]  # every run's error is a RunFailedError
        return run.error
