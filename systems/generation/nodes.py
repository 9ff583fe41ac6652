"""Nodes: the steps of a compiled pipeline, and the order in which they can run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tickwright.systems.contracts.schema import Check
from tickwright.systems.generation.provider import Timeouts
from tickwright.systems.generation.read import wrong
from tickwright.systems.generation.templates import Template

__all__ = ["Kind", "Node", "order_nodes", "relate_nodes"]


class Kind(IntEnum):
    """What a node does."""

    MODEL = 0
    WAIT = 1
    CONCATENATE = 2
    SCORE = 3
    JUDGE = 4


@dataclass(slots=True, kw_only=True)
class Node:
    """One step of a compiled pipeline.

    Attributes:
        index: its place in `Pipeline.nodes`, which are in the order of the definition.
        path: where it stands in the definition.
        deps: nodes that come first, in order.
        dependents: nodes that wait for it.
        ancestors: all nodes before it, in an order in which they can run.
        mapped: index of the node whose result is taken apart, -1 for a step that runs once.
        mapped_path: where the parts lie in that result.
        asks: whether it asks a model.
    """

    index: int
    id: str
    kind: Kind
    path: str
    prompt: Template
    options: Any = None
    deps: tuple[int, ...] = ()
    dependents: tuple[int, ...] = ()
    ancestors: tuple[int, ...] = ()
    mapped: int = -1
    mapped_path: tuple[str, ...] = ()
    split: str | None = None
    model: str = "default"
    max_tokens: int | None = None
    temperature: float | None = None
    max_retries: int | None = None
    timeouts: Timeouts | None = None
    cache: bool = False
    use_context: bool = True
    wait_for: str = ""
    schema: Any = None
    check: Check | None = None
    separator: str = ""
    handler: Callable[..., Any] | None = None
    asks: bool = field(init=False)

    def __post_init__(self) -> None:
        self.asks = self.kind in (Kind.MODEL, Kind.JUDGE)


def order_nodes(nodes: Sequence[Node]) -> tuple[int, ...]:
    """Return an order in which the nodes can run; a cycle is an error that spells it out."""
    missing = [len(node.deps) for node in nodes]
    dependents: list[list[int]] = [[] for _ in nodes]
    for node in nodes:
        for dep in node.deps:
            dependents[dep].append(node.index)
    ready = [node.index for node in nodes if not node.deps]
    order: list[int] = []
    for index in ready:
        order.append(index)
        for dependent in dependents[index]:
            missing[dependent] -= 1
            if not missing[dependent]:
                ready.append(dependent)
    if len(order) < len(nodes):
        cycle = _cycle(nodes, {node.index for node in nodes} - set(order))
        names = " -> ".join(nodes[i].id for i in (*cycle, cycle[0]))
        raise wrong(f"the steps wait for each other: {names}", nodes[cycle[0]].path, "references to earlier steps only")
    for node in nodes:
        node.dependents = tuple(dependents[node.index])
    return tuple(order)


def _cycle(nodes: Sequence[Node], among: set[int]) -> list[int]:
    path = [min(among)]
    while True:
        follow = next(dep for dep in nodes[path[-1]].deps if dep in among)
        if follow in path:
            return path[path.index(follow) :][::-1]
        path.append(follow)


def relate_nodes(nodes: Sequence[Node], order: Sequence[int]) -> None:
    """Give every node its ancestors, in an order in which they can run."""
    for index in order:
        before = {index for dep in nodes[index].deps for index in (*nodes[dep].ancestors, dep)}
        nodes[index].ancestors = tuple(each for each in order if each in before)
