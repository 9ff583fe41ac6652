"""Pipeline definitions as values; `read.py` makes them from dicts and JSON, `graph.py` checks and compiles them."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from tickwright.systems.generation.context_types import ContextConfig
from tickwright.systems.generation.provider import Timeouts

__all__ = [
    "Chain",
    "ChainStep",
    "Concatenate",
    "GenerationStep",
    "GenerationStrategy",
    "MergeStrategy",
    "Parallel",
    "PickBest",
    "PipelineDefinition",
    "RunLimits",
    "Sequential",
    "Single",
    "StreamingConfig",
    "Summarize",
]


class _StepOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What any step that asks a model can say.

    Attributes:
        model: an alias of `GenerationPlugin(models=...)`; None is "default".
        max_tokens: the longest answer, in tokens; the context's budget is `context.max_tokens`.
        temperature: None leaves it to the provider.
        schema: JSON schema of the answer; the parsed answer is `${step.json...}`.
        max_retries: attempts after the first; None takes the plugin's.
        timeouts: per stage; None takes the plugin's.
        cache: keep the answer, and give it again to the same question.
        use_context: whether the assembled context goes before the prompt.
    """

    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    schema: Any = None
    max_retries: int | None = None
    timeouts: Timeouts | None = None
    cache: bool = False
    use_context: bool = True


class GenerationStep(_StepOptions, frozen=True, kw_only=True, omit_defaults=True):
    """One step of `sequential`, one branch of `parallel`.

    Attributes:
        wait_for: a custom event's name: instead of asking a model, the step waits for a person, shows them `prompt`,
            and takes the event's answer as its result.
    """

    id: str
    prompt: str
    wait_for: str = ""


class ChainStep(GenerationStep, frozen=True, kw_only=True, omit_defaults=True):
    """One step of `chain`.

    Attributes:
        parallel_on: `step` or `step.path`: run once per part of that step's result, at the same time.
        split: how the result is taken apart: json, headings, lines, paragraphs; None tries json, headings, list items.
        depends_on: ids of steps that come first, beside those the prompt refers to.
    """

    parallel_on: str | None = None
    split: str | None = None
    depends_on: tuple[str, ...] = ()


class Single(_StepOptions, frozen=True, kw_only=True, tag="single"):
    """One question; its step is called "main"."""

    prompt: str


class Sequential(msgspec.Struct, frozen=True, kw_only=True, tag="sequential"):
    """Steps one after the other."""

    steps: tuple[GenerationStep, ...]
    output: str | None = None


class Concatenate(msgspec.Struct, frozen=True, kw_only=True, tag="concatenate"):
    """The branches' results in their order, with a separator between."""

    separator: str


class PickBest(msgspec.Struct, frozen=True, kw_only=True, tag="pick_best"):
    """The result with the highest score; a tie goes to the first.

    Attributes:
        criteria: a registered handler's name, called with each result; or what a judge model is asked.
        model: of the judge.
    """

    criteria: str
    model: str | None = None


class Summarize(msgspec.Struct, frozen=True, kw_only=True, tag="summarize"):
    """One further question over all results; they follow the prompt unless it refers to them."""

    prompt: str
    model: str | None = None
    max_tokens: int | None = None


MergeStrategy: TypeAlias = Concatenate | PickBest | Summarize


class Parallel(msgspec.Struct, frozen=True, kw_only=True, tag="parallel"):
    """Branches at the same time, then a merge; its step is called "merge"."""

    branches: tuple[GenerationStep, ...]
    merge: MergeStrategy


class Chain(msgspec.Struct, frozen=True, kw_only=True, tag="chain"):
    """Steps in the order their references ask for.

    Attributes:
        output: the step whose result is the run's; needed when several steps have nobody after them.
    """

    steps: tuple[ChainStep, ...]
    output: str | None = None


GenerationStrategy: TypeAlias = Single | Sequential | Parallel | Chain


class StreamingConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How answers are passed on while they arrive.

    Attributes:
        enabled: send `pipeline:chunk` events and call the handler, which `run_streaming` calls in any case.
        chunk_handler: a handler's name, called with (content, GenerationContext) for every piece, in order.
        buffer_size: pieces that may wait for the next tick; a model that is faster is held up.
    """

    enabled: bool = False
    chunk_handler: str | None = None
    buffer_size: int = 100


class RunLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one run may use; None is without a limit.

    Attributes:
        max_concurrency: steps of this run asking at once.
        max_tokens: input and output of all its steps.
        max_cost: of all its steps, in the currency of the models' prices.
        timeout_s: from its start to its end, by the world's clock.
        max_branches: parts that a mapped step may have.
    """

    max_concurrency: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    timeout_s: float | None = None
    max_branches: int = 10_000


class PipelineDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole pipeline.

    Attributes:
        inputs: the variables a run must be given; `register` adds every name the templates use.
    """

    id: str
    strategy: GenerationStrategy
    context: ContextConfig = ContextConfig()
    streaming: StreamingConfig = StreamingConfig()
    limits: RunLimits = RunLimits()
    inputs: tuple[str, ...] = ()
