"""What references stand for in a run, and the ctx that handlers get."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tickwright.systems.contracts.events import RESERVED_PREFIXES, CustomEvent, emit
from tickwright.systems.contracts.json import freeze
from tickwright.systems.generation.errors import GenerationError, TemplateError
from tickwright.systems.generation.records import Run, Step
from tickwright.systems.generation.templates import Reference, at_path

if TYPE_CHECKING:
    from tickwright.systems.generation.board import Board

__all__ = ["GenerationContext", "input_value", "step_value"]

_CUSTOM = re.compile(r"[^:\s]+:\S+\Z")


def input_value(run: Run, reference: Reference) -> Any:
    """Return an input's value."""
    return run.variables.get(reference.head)


def step_value(step: Step, reference: Reference) -> Any:
    """Return what a reference in a step's prompt stands for.

    Raises:
        TemplateError: nothing lies at the path.
        StructuredOutputError: a result that is no JSON, where a part of it is asked for.
    """
    head, path = reference.head, reference.path
    run = step.run
    index = run.pipeline.by_id.get(head)
    if index is not None:
        value = _result_value(run.steps[index], path)
    elif head == "item" and step.branch >= 0:
        value = at_path(step.text.item, path)
    elif head == "index" and step.branch >= 0:
        value = step.branch
    elif head == "results" and step.node.id == "merge":
        value = [run.steps[dep].text.result for dep in step.node.deps]
    else:
        value = run.variables.get(head)
    if value is None:
        raise TemplateError(f"{reference} has no value", where=f"step {step.node.id!r}", reference=str(reference))
    return value


def _result_value(source: Step, path: tuple[str, ...]) -> Any:
    if path[0] == "result":
        return source.text.result
    if path[0] == "results":
        return source.results
    return at_path(source.json(), path[1:])


class GenerationContext:
    """One step as its handlers see it."""

    __slots__ = ("_board", "_run", "_step")

    def __init__(self, board: Board, run: Run, step: Step | None = None) -> None:
        self._board = board
        self._run = run
        self._step = step

    def get(self, key: str) -> Any:
        """Return a variable: set by this step, else by the steps before it, else an input; None if nobody set it."""
        step, run = self._step, self._run
        if step is not None:
            if step.text.values is not None and key in step.text.values:
                return step.text.values[key]
            for index in reversed(step.node.ancestors):
                values = run.steps[index].text.values
                if values is not None and key in values:
                    return values[key]
        return run.variables.get(key)

    def set(self, key: str, value: Any) -> None:
        """Set a variable for this step (in a branch: for the branch alone) and for those that come after it."""
        if self._step is None:
            raise GenerationError("a context source cannot set variables", where=f"pipeline {self._run.pipeline.id!r}")
        text = self._step.text
        frozen = freeze(value, f"values.{key}")
        text.values = {**(text.values or {}), key: frozen}

    def current_step(self) -> str:
        """Return the step's id; empty while the context is assembled."""
        return "" if self._step is None else self._step.node.id

    def emit(self, event: str, payload: Any = None) -> None:
        """Queue a custom event.

        Raises:
            GenerationError: a name without a prefix, or with one of the engine's own.
        """
        if not _CUSTOM.match(event) or event.partition(":")[0] in RESERVED_PREFIXES:
            raise GenerationError(f"{event!r} is no custom event", expected="prefix:name with a prefix of your own")
        emit(
            self._board.world,
            CustomEvent(name=event, payload=freeze(payload, "payload")),
            owner=self._run.pipeline.owner,
        )

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has for the step's model."""
        model = self._board.models.get(self._step.node.model) if self._step is not None else None
        counter = self._board.counter
        encoding, _ = counter.resolve(model.name, model.encoding) if model is not None else counter.resolve()
        return counter.count(text, encoding=encoding)

    @property
    def branch(self) -> int:
        """The branch's number, -1 outside of mapped steps."""
        return -1 if self._step is None else self._step.branch

    @property
    def run(self) -> str:
        """The run's id, as text."""
        return self._run.id

    @property
    def pipeline(self) -> str:
        """The pipeline's id."""
        return self._run.pipeline.id

    def __repr__(self) -> str:
        return f"GenerationContext(run={self.run}, step={self.current_step()!r})"
