"""Compile a definition into one graph of nodes: the same shape for all four strategies.

A node knows whom it waits for and who waits for it. References in templates become dependencies or inputs here, so
that a run only follows numbers.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import msgspec

from tickwright.systems.contracts.events import RESERVED_PREFIXES
from tickwright.systems.contracts.json import thaw
from tickwright.systems.contracts.schema import Check, SchemaError, compile_schema
from tickwright.systems.generation.contexts import ContextTemplates
from tickwright.systems.generation.definition import (
    Chain,
    ChainStep,
    Concatenate,
    GenerationStep,
    Parallel,
    PickBest,
    PipelineDefinition,
    Sequential,
    Single,
    Summarize,
)
from tickwright.systems.generation.nodes import Kind, Node, order_nodes, relate_nodes
from tickwright.systems.generation.read import wrong
from tickwright.systems.generation.split import SPLITS
from tickwright.systems.generation.templates import Reference, Template, TemplateSyntaxError, parse_template

__all__ = ["FindHandler", "Pipeline", "compile_pipeline"]

FindHandler = Callable[[str], Callable[..., Any] | None]

_ID = re.compile(r"[^\W\d][\w-]*\Z")
_RESULTS = ("result", "results", "json")
_RESERVED_IDS = ("item", "index", "results")
_OF_MODELS = ("model", "max_tokens", "temperature", "max_retries", "timeouts", "cache", "use_context", "parallel_on")
_DEFAULTS = {each.name: each.default for each in msgspec.structs.fields(ChainStep)}


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """A compiled definition.

    Attributes:
        definition: with `inputs` complete.
        output: index of the node whose result is the run's.
        order: node indices in an order in which they can run.
        handlers: those the definition names, by name.
        capped: its runs have a cap of tokens or cost.
    """

    definition: PipelineDefinition
    nodes: tuple[Node, ...]
    by_id: Mapping[str, int]
    output: int
    order: tuple[int, ...]
    context: ContextTemplates
    chunk_handler: Callable[..., Any] | None = None
    handlers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    owner: str = ""
    capped: bool = field(init=False)

    def __post_init__(self) -> None:
        limits = self.definition.limits
        self.capped = limits.max_tokens is not None or limits.max_cost is not None

    @property
    def id(self) -> str:
        """The definition's id."""
        return self.definition.id


def compile_pipeline(
    definition: PipelineDefinition, find: FindHandler, *, models: Sequence[str] | None = None, owner: str = ""
) -> Pipeline:
    """Check and compile a definition.

    Args:
        definition: as `read_definition` returned it.
        find: gives a handler by its name, or None.
        models: the aliases that are known; None takes any.
        owner: the plugin it belongs to.

    Raises:
        PipelineDefinitionError: unknown or cyclic references, handlers or models, misplaced options; with the path.
    """
    build = _Build(definition, find)
    nodes = build.nodes()
    by_id = {node.id: node.index for node in nodes}
    build.link(nodes, by_id)
    order = order_nodes(nodes)
    relate_nodes(nodes, order)
    if models is not None:
        _check_models(nodes, models)
    context = ContextTemplates.of(definition.context)
    for path, reference in context.references():
        build.context_input(reference, path, by_id)
    inputs = tuple(dict.fromkeys((*definition.inputs, *build.inputs)))
    handlers = {name: build.needed(name, path) for name, path in context.handlers()}
    name = definition.streaming.chunk_handler
    return Pipeline(
        definition=msgspec.structs.replace(definition, inputs=inputs),
        nodes=tuple(nodes),
        by_id=by_id,
        output=_output(definition, nodes, by_id),
        order=order,
        context=context,
        chunk_handler=build.needed(name, "streaming.chunk_handler") if name is not None else None,
        handlers=handlers,
        owner=owner,
    )


class _Build:
    """One compilation: what it has found so far."""

    def __init__(self, definition: PipelineDefinition, find: FindHandler) -> None:
        self.definition = definition
        self.find = find
        self.inputs: list[str] = []

    # -- nodes -----------------------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        strategy = self.definition.strategy
        if isinstance(strategy, Single):
            step = GenerationStep(id="main", **msgspec.structs.asdict(strategy))
            return [self.step(step, 0, "strategy")]
        key = "branches" if isinstance(strategy, Parallel) else "steps"
        steps: Sequence[GenerationStep] = getattr(strategy, key)
        if not steps:
            raise wrong(f"there are no {key}", f"strategy.{key}", "at least one")
        nodes = [self.step(step, i, f"strategy.{key}[{i}]") for i, step in enumerate(steps)]
        if isinstance(strategy, Sequential):
            for before, node in itertools.pairwise(nodes):
                node.deps = (before.index,)
        if isinstance(strategy, Parallel):
            _check_ids(nodes, ("merge",))
            nodes.append(self.merge(strategy, len(nodes)))
        else:
            _check_ids(nodes)
        return nodes

    def step(self, step: GenerationStep, index: int, path: str) -> Node:
        if step.wait_for:
            _check_wait(step, path)
        node = Node(
            index=index,
            id=step.id,
            kind=Kind.WAIT if step.wait_for else Kind.MODEL,
            path=path,
            prompt=_template(step.prompt, f"{path}.prompt"),
            options=step,
            model=step.model or "default",
            max_tokens=step.max_tokens,
            temperature=step.temperature,
            max_retries=step.max_retries,
            timeouts=step.timeouts,
            cache=step.cache,
            use_context=step.use_context,
            wait_for=step.wait_for,
            schema=thaw(step.schema),
            check=_checked_schema(step.schema, f"{path}.schema"),
        )
        if isinstance(step, ChainStep) and step.split is not None:
            if step.parallel_on is None:
                raise wrong("split without parallel_on", f"{path}.split", todo="say whose result is split")
            if step.split not in SPLITS:
                raise wrong(f"unknown split {step.split!r}", f"{path}.split", ", ".join(SPLITS))
            node.split = step.split
        return node

    def merge(self, strategy: Parallel, index: int) -> Node:
        merge, path = strategy.merge, "strategy.merge"
        deps = tuple(range(index))
        empty = Template.literal("")
        if isinstance(merge, Concatenate):
            return Node(
                index=index, id="merge", kind=Kind.CONCATENATE, path=path, prompt=empty, deps=deps,
                separator=merge.separator,
            )  # fmt: skip
        if isinstance(merge, PickBest):
            handler = self.find(merge.criteria)
            prompt = empty if handler else _template(merge.criteria, f"{path}.criteria")
            return Node(
                index=index, id="merge", kind=Kind.SCORE if handler else Kind.JUDGE, path=path, prompt=prompt,
                deps=deps, handler=handler, model=merge.model or "default", use_context=False, options=merge,
            )  # fmt: skip
        assert isinstance(merge, Summarize)
        prompt = _template(merge.prompt, f"{path}.prompt")
        ids = {step.id for step in strategy.branches}
        if not any(each.head in ids or each.head == "results" for each in prompt.references):
            prompt = Template((*prompt.parts, "\n\n", Reference("results")))
        return Node(
            index=index, id="merge", kind=Kind.MODEL, path=path, prompt=prompt, deps=deps, options=merge,
            model=merge.model or "default", max_tokens=merge.max_tokens, use_context=False,
        )  # fmt: skip

    # -- references ------------------------------------------------------------------------------------

    def link(self, nodes: list[Node], by_id: Mapping[str, int]) -> None:
        """Turn references, depends_on and parallel_on into dependencies."""
        for node in nodes:
            deps = list(node.deps)
            if isinstance(node.options, ChainStep):
                deps += self._explicit(node, node.options, by_id)
            at = node.path if node.id == "merge" else f"{node.path}.prompt"
            for reference in node.prompt.references:
                deps += self._reference(reference, node, by_id, at)
            node.deps = tuple(dict.fromkeys(deps))
            if node.mapped >= 0:
                _imply_item(node, nodes[node.mapped].id)

    def _explicit(self, node: Node, step: ChainStep, by_id: Mapping[str, int]) -> list[int]:
        found = []
        for i, name in enumerate(step.depends_on):
            if name not in by_id:
                raise _unknown_step(name, by_id, f"{node.path}.depends_on[{i}]")
            found.append(by_id[name])
        if step.parallel_on is not None:
            path = f"{node.path}.parallel_on"
            head, *rest = step.parallel_on.split(".")
            if head not in by_id:
                raise _unknown_step(head, by_id, path)
            if rest[:1] in (["result"], ["results"], ["json"]):
                rest = rest[1:]
            node.mapped, node.mapped_path = by_id[head], tuple(rest)
            found.append(node.mapped)
        return found

    def _reference(self, reference: Reference, node: Node, by_id: Mapping[str, int], path: str) -> list[int]:
        head = reference.head
        if head in by_id:
            _check_result(reference, path)
            return [by_id[head]]
        if head in ("item", "index"):
            if node.mapped < 0:
                raise wrong(f"{reference} in a step that is not mapped", path, todo="give the step a parallel_on")
            if head == "index" and reference.path:
                raise wrong(f"{reference} goes into a number", path, "${index}")
            return []
        if head == "results" and node.id == "merge":
            return []
        self._input(reference, by_id, path)
        return []

    def _input(self, reference: Reference, by_id: Mapping[str, int], path: str) -> None:
        if reference.path:
            raise _unknown_step(reference.head, by_id, path, str(reference))
        self.inputs.append(reference.head)

    def context_input(self, reference: Reference, path: str, by_id: Mapping[str, int]) -> None:
        """Take a reference of the context's: inputs only."""
        if reference.head in by_id or reference.head in ("item", "index"):
            raise wrong(
                f"{reference} in the context", path, "an input", "the context is assembled before the first step"
            )
        self._input(reference, by_id, path)

    def needed(self, name: str, path: str) -> Callable[..., Any]:
        """Return a handler.

        Raises:
            PipelineDefinitionError: nobody registered it.
        """
        handler = self.find(name)
        if handler is None:
            raise wrong(f"no handler {name!r}", path, "a registered handler", "pass handlers= to register")
        return handler


def _template(text: str, path: str) -> Template:
    try:
        return parse_template(text)
    except TemplateSyntaxError as error:
        raise wrong(error.what, path, error.expected, error.todo) from None


def _checked_schema(schema: Any, path: str) -> Check | None:
    if schema is None:
        return None
    if not isinstance(schema, Mapping):
        raise wrong(f"{schema!r} is no schema", path, "a JSON schema")
    try:
        return compile_schema(thaw(schema), where=path)
    except SchemaError as error:
        inside = error.where.removeprefix(path).removeprefix(", at ")
        raise wrong(error.what + (f" at {inside}" if inside else ""), path, error.expected) from None


def _check_ids(nodes: Sequence[Node], reserved: Sequence[str] = ()) -> None:
    seen: set[str] = set()
    for node in nodes:
        if not _ID.match(node.id):
            raise wrong(f"{node.id!r} is no step id", f"{node.path}.id", "letters, digits, _ and -")
        if node.id in _RESERVED_IDS or node.id in reserved:
            raise wrong(f"the id {node.id!r} is reserved", f"{node.path}.id", "another id")
        if node.id in seen:
            raise wrong(f"the id {node.id!r} is taken", f"{node.path}.id", "an id of its own")
        seen.add(node.id)


def _check_wait(step: GenerationStep, path: str) -> None:
    name = step.wait_for
    prefix, colon, rest = name.partition(":")
    if not (prefix and colon and rest) or prefix in RESERVED_PREFIXES:
        raise wrong(f"{name!r} is no custom event", f"{path}.wait_for", "prefix:name with a prefix of your own")
    for option in _OF_MODELS:
        if getattr(step, option) != _DEFAULTS[option]:
            raise wrong(f"a step that waits for a person asks no model and has no {option}", f"{path}.{option}")


def _check_result(reference: Reference, path: str) -> None:
    kind = reference.path[0] if reference.path else ""
    if kind not in _RESULTS:
        raise wrong(
            f"{reference} does not say what of the step it means", path,
            f"${{{reference.head}.result}}, ${{{reference.head}.results}} or ${{{reference.head}.json...}}",
        )  # fmt: skip
    if kind != "json" and len(reference.path) > 1:
        raise wrong(f"{reference} goes into a text", path, f"${{{reference.head}.json.{'.'.join(reference.path[1:])}}}")


def _unknown_step(name: str, by_id: Mapping[str, int], path: str, shown: str = "") -> Exception:
    near = get_close_matches(name, list(by_id), n=1)
    hint = f"did you mean {near[0]!r}?" if near else ""
    return wrong(f"no step {name!r}" + (f" for {shown}" if shown else ""), path, ", ".join(by_id), hint)


def _imply_item(node: Node, source: str) -> None:
    """Let `${source.result}` mean the part, in a mapped step that names neither `${item}` nor `${index}`."""
    references = node.prompt.references
    if any(each.head in ("item", "index") for each in references):
        return
    whole = Reference(source, ("result",))
    parts = tuple(Reference("item") if part == whole else part for part in node.prompt.parts)
    node.prompt = replace(node.prompt, parts=parts)


def _check_models(nodes: Sequence[Node], models: Sequence[str]) -> None:
    for node in nodes:
        if node.asks and node.model not in models:
            near = get_close_matches(node.model, list(models), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "name it in GenerationPlugin(models=...)"
            raise wrong(f"unknown model {node.model!r}", f"{node.path}.model", ", ".join(sorted(models)), hint)


def _output(definition: PipelineDefinition, nodes: Sequence[Node], by_id: Mapping[str, int]) -> int:
    strategy = definition.strategy
    if not isinstance(strategy, Sequential | Chain):
        return nodes[-1].index
    if strategy.output is not None:
        if strategy.output not in by_id:
            raise _unknown_step(strategy.output, by_id, "strategy.output")
        return by_id[strategy.output]
    sinks = [node for node in nodes if not node.dependents]
    if len(sinks) > 1:
        names = ", ".join(node.id for node in sinks)
        raise wrong(f"nobody comes after {names}", "strategy", "an `output`", "say which step's result is the run's")
    return sinks[0].index
