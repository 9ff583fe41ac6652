"""Definitions as Mermaid, Graphviz and JSON text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tickwright.systems.flows.compiled import CompiledFlow, Node
from tickwright.systems.flows.nodes import Edge
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.structure import FlowDefinition, StateType

__all__ = ["mermaid_label", "mermaid_names", "to_dot", "to_json", "to_mermaid"]

_SHAPES = {StateType.FINAL: "doublecircle", StateType.HISTORY: "circle"}
_WORDS = {
    "accdescr", "acctitle", "class", "classdef", "click", "default", "href", "note", "root", "scale", "state",
    "statediagram", "style",
}  # fmt: skip
"""What cannot name a state in Mermaid, whatever its case."""


def to_json(definition: FlowDefinition) -> str:
    """Return the definition as JSON text, which `register` reads back."""
    return msgspec.json.encode(definition).decode()


def to_mermaid(definition: FlowDefinition) -> str:
    """Return a Mermaid state diagram: the states as they are nested, then the transitions in document order.

    A transition without a target is drawn from its state to itself and says `(stays)`.

    Raises:
        FlowDefinitionError: the definition is wrong.

    >>> print(to_mermaid(read_definition({"id": "d", "initial": "a", "states": {"a": {"on": {"go": "b"}}, "b": {}}})))
    stateDiagram-v2
        [*] --> a
        a : a
        b : b
        a --> b : go
    <BLANKLINE>
    """
    return _Mermaid(_compiled(definition)).text()


def to_dot(definition: FlowDefinition) -> str:
    """Return a Graphviz digraph: one node per state by its path, one edge per transition, clusters for nesting.

    Points show where a level begins; the cluster of a parallel is dashed, and so is a transition that stays.

    Raises:
        FlowDefinitionError: the definition is wrong.
    """
    flow = _compiled(definition)
    lines = [f"digraph {_quoted(definition.id)} {{", "  newrank=true;", *_cluster(flow, flow.nodes[0], "  ")]
    for node in flow.nodes:
        source = node.path or "(anywhere)"
        for label, edge in _ways(node):
            targets = [flow.nodes[each].path for each in edge.targets]
            style = "" if targets else " style=dashed"
            lines += [
                f"  {_quoted(source)} -> {_quoted(target)} [label={_quoted(label)}{style}];"
                for target in targets or [source]
            ]
    return "\n".join([*lines, "}"]) + "\n"


def _compiled(definition: FlowDefinition) -> CompiledFlow:
    """Resolve targets; handlers are named, never called."""
    return CompiledFlow(read_definition(definition), lambda _name, _path: _nothing)


def _nothing(_ctx: Any, _event: Any) -> None:
    """Stand for a handler."""


def _cluster(flow: CompiledFlow, node: Node, indent: str) -> Iterator[str]:
    inner = indent
    if node.index:
        shape = _SHAPES.get(node.kind, "box")
        more = " style=rounded" if node.children else ""
        yield f"{indent}{_quoted(node.path)} [shape={shape}{more}];"
        if not node.children:
            return
        inner = indent + "  "
        yield f"{indent}subgraph {_quoted('cluster_' + node.path)} {{"
        dashed = " style=dashed;" if node.kind is StateType.PARALLEL else ""
        yield f"{inner}label={_quoted(node.path)};{dashed}"
    if node.kind is not StateType.PARALLEL:
        start = f"(start) {node.path}".rstrip()
        yield f"{inner}{_quoted(start)} [shape=point];"
        yield from (f"{inner}{_quoted(start)} -> {_quoted(flow.nodes[each].path)};" for each in node.initial)
    for child in node.children:
        yield from _cluster(flow, flow.nodes[child], inner)
    if node.index:
        yield f"{indent}}}"


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
            guards = " and ".join(_guard(each) for each in edge.guards)
            yield (f"{label} [{guards}]" if guards else label), edge


def _guard(guard: Any) -> str:
    """Return a guard of the document as one reads it."""
    if isinstance(guard, str):
        return guard
    if "type" in guard:
        return str(guard["type"])
    ((kind, value),) = guard.items()
    if kind in ("and", "or"):
        return "(" + f" {kind} ".join(_guard(each) for each in value) + ")"
    return f"not {_guard(value)}" if kind == "not" else f"in {value}" if kind == "in" else str(value)


def mermaid_names(flow: CompiledFlow) -> list[str]:
    """Return what each state is called in a diagram, by its number: its path, as far as Mermaid takes it."""
    names: list[str] = []
    for node in flow.nodes:
        text = node.path if node.index else f"flow {flow.definition.id}"
        plain = "".join(each if each.isascii() and each.isalnum() else "_" for each in text)
        taken = plain.lower() in _WORDS or plain in names
        names.append(f"{plain}_{node.index}" if taken else plain)
    return names


class _Mermaid:
    """Writes one diagram."""

    def __init__(self, flow: CompiledFlow) -> None:
        self.flow = flow
        self.names = mermaid_names(flow)

    def text(self) -> str:
        """Return the diagram."""
        root = self.flow.nodes[0]
        # Transitions stand behind all states: a state that a block names first is drawn inside of it.
        states = self._state(root, "    ") if root.kind is StateType.PARALLEL else self._inside(root, "    ")
        lines = ["stateDiagram-v2", *states]
        for node in self.flow.nodes:
            for label, edge in _ways(node):
                start, stays = self.names[node.index], "" if edge.targets else " (stays)"
                arrow = f"    {start} -->" if node.index else f"    %% anywhere: {mermaid_label(label)} -->"
                text = f" : {mermaid_label(label)}{stays}" if node.index else stays
                lines += [f"{arrow} {self.names[each]}{text}" for each in edge.targets or (node.index,)]
        return "\n".join(lines) + "\n"

    def _inside(self, node: Node, indent: str) -> Iterator[str]:
        if node.kind is not StateType.PARALLEL:
            yield from (f"{indent}[*] --> {self.names[each]}" for each in node.initial)
        for position, index in enumerate(node.children):
            if node.kind is StateType.PARALLEL and position:
                yield f"{indent}--"
            yield from self._state(self.flow.nodes[index], indent)

    def _state(self, node: Node, indent: str) -> Iterator[str]:
        name, own = self.names[node.index], node.path.rpartition(".")[2] or self.flow.definition.id
        if node.children:
            yield f'{indent}state "{mermaid_label(own)}" as {name} {{'
            yield from self._inside(node, indent + "    ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{name} : {mermaid_label(own)}{' (history)' if node.kind is StateType.HISTORY else ''}"
        if node.kind is StateType.FINAL:
            yield f"{indent}{name} --> [*]"


def mermaid_label(text: str) -> str:
    """Return text that cannot end a line, a label or a string, nor begin a comment."""
    plain = "".join("'" if c == '"' else " " if c in "\r\n;{}" else c for c in text)
    return plain.replace("%%", "% %")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
