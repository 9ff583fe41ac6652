"""Definitions as Mermaid, Graphviz and JSON text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tickwright.systems.flows.compiled import CompiledFlow, Node
from tickwright.systems.flows.nodes import Edge
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.structure import FlowDefinition, StateType

__all__ = ["to_dot", "to_json", "to_mermaid"]

_SHAPES = {StateType.FINAL: "doublecircle", StateType.HISTORY: "circle"}


def to_json(definition: FlowDefinition) -> str:
    """Return the definition as JSON text, which `register` reads back."""
    return msgspec.json.encode(definition).decode()


def to_mermaid(definition: FlowDefinition) -> str:
    """Return a Mermaid state diagram.

    Raises:
        FlowDefinitionError: the definition is wrong.

    >>> print(to_mermaid(read_definition({"id": "d", "initial": "a", "states": {"a": {"on": {"go": "b"}}, "b": {}}})))
    stateDiagram-v2
        [*] --> a
        a : a
        a --> b : go
        b : b
    <BLANKLINE>
    """
    return _Mermaid(_compiled(definition)).text()


def to_dot(definition: FlowDefinition) -> str:
    """Return a Graphviz digraph: one node per state by its path, one edge per transition, clusters for nesting.

    Raises:
        FlowDefinitionError: the definition is wrong.
    """
    flow = _compiled(definition)
    lines = [f"digraph {_quoted(definition.id)} {{", *_cluster(flow, flow.nodes[0], "  ")]
    for node in flow.nodes:
        source = node.path or "(anywhere)"
        lines += [
            f"  {_quoted(source)} -> {_quoted(flow.nodes[target].path)} [label={_quoted(label)}];"
            for label, edge in _ways(node)
            for target in edge.targets
        ]
    return "\n".join([*lines, "}"]) + "\n"


def _compiled(definition: FlowDefinition) -> CompiledFlow:
    """Resolve targets; handlers are named, never called."""
    return CompiledFlow(read_definition(definition), lambda _name, _path: _nothing)


def _nothing(_ctx: Any, _event: Any) -> None:
    """Stand for a handler."""


def _cluster(flow: CompiledFlow, node: Node, indent: str) -> Iterator[str]:
    if node.index:
        shape = _SHAPES.get(node.kind, "box")
        more = " style=rounded" if node.children else ""
        yield f"{indent}{_quoted(node.path)} [shape={shape}{more}];"
    if node.children and node.index:
        yield f"{indent}subgraph {_quoted('cluster_' + node.path)} {{"
        yield f"{indent}  label={_quoted(node.path)};"
        for child in node.children:
            yield from _cluster(flow, flow.nodes[child], indent + "  ")
        yield f"{indent}}}"
        return
    for child in node.children:
        yield from _cluster(flow, flow.nodes[child], indent)


def _ways(node: Node) -> Iterator[tuple[str, Edge]]:
    """Yield (label, transition) in the order of the document."""
    definition = node.definition
    delays = dict(zip((each[2] for each in node.after), definition.after, strict=True))
    groups = [*node.on.items(), ("always", node.always)]
    for key, edges in groups:
        name = key.removesuffix(".*")
        if name != key and definition.on.get(name) == definition.on[key]:
            continue  # an event and what is below it, as SCXML has them
        label = f"after {delays[key]}" if key in delays else "done" if key == f"done.state.{node.path}" else key
        for edge in edges:
            yield (f"{label} [guarded]" if edge.checks else label), edge


class _Mermaid:
    """Writes one diagram."""

    def __init__(self, flow: CompiledFlow) -> None:
        self.flow = flow
        self.names: dict[int, str] = {}
        for node in flow.nodes:
            plain = "".join(each if each.isascii() and each.isalnum() else "_" for each in node.path) or "_"
            taken = plain in self.names.values()
            self.names[node.index] = f"{plain}_{node.index}" if taken else plain

    def text(self) -> str:
        """Return the diagram."""
        root = self.flow.nodes[0]
        lines = ["stateDiagram-v2", *self._inside(root, "    ")]
        for label, edge in _ways(root):
            lines += [f"    %% anywhere: {_plain(label)} --> {self.names[target]}" for target in edge.targets]
        return "\n".join(lines) + "\n"

    def _inside(self, node: Node, indent: str) -> Iterator[str]:
        if node.kind is not StateType.PARALLEL:
            yield from (f"{indent}[*] --> {self.names[each]}" for each in node.initial)
        for position, index in enumerate(node.children):
            if node.kind is StateType.PARALLEL and position:
                yield f"{indent}--"
            yield from self._state(self.flow.nodes[index], indent)

    def _state(self, node: Node, indent: str) -> Iterator[str]:
        name, own = self.names[node.index], node.path.rpartition(".")[2]
        if node.children:
            yield f'{indent}state "{_plain(own)}" as {name} {{'
            yield from self._inside(node, indent + "    ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{name} : {_plain(own)}{' (history)' if node.kind is StateType.HISTORY else ''}"
        for label, edge in _ways(node):
            yield from (f"{indent}{name} --> {self.names[target]} : {_plain(label)}" for target in edge.targets)
        if node.kind is StateType.FINAL:
            yield f"{indent}{name} --> [*]"


def _plain(text: str) -> str:
    """Return text that cannot end a line, a label or a string."""
    return "".join("'" if c == '"' else " " if c in "\r\n;{}%" else c for c in text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
