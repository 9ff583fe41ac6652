"""Definitions as Mermaid, Graphviz and JSON text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tickwright.systems.flows.definition import FlowDefinition, StateDefinition, StateType, TransitionDefinition

__all__ = ["to_dot", "to_json", "to_mermaid"]


def to_json(definition: FlowDefinition) -> str:
    """Return the definition as JSON text, which `register` reads back."""
    return msgspec.json.encode(definition).decode()


def to_mermaid(definition: FlowDefinition) -> str:
    """Return a Mermaid state diagram of a definition that `register` or `read_definition` returned."""
    lines = ["stateDiagram-v2", *_inside(definition, "", "    ")]
    return "\n".join(lines) + "\n"


def to_dot(definition: FlowDefinition) -> str:
    """Return a Graphviz digraph: one node per state by its path, one edge per transition."""
    lines = [f"digraph {_quoted(definition.id)} {{"]
    for path, state in _walk(definition, ""):
        shape = "doublecircle" if state.type is StateType.FINAL else "box"
        lines.append(f"  {_quoted(path)} [shape={shape}];")
    for path, state in _walk(definition, ""):
        scope = path.rpartition(".")[0]
        lines += [
            f"  {_quoted(path)} -> {_quoted(_path(scope, path, target))} [label={_quoted(label)}];"
            for label, target in _ways(state)
        ]
    return "\n".join([*lines, "}"]) + "\n"


def _walk(state: StateDefinition, path: str) -> Iterator[tuple[str, StateDefinition]]:
    for name, child in state.states.items():
        inner = f"{path}.{name}" if path else name
        yield inner, child
        yield from _walk(child, inner)


def _ways(state: StateDefinition) -> Iterator[tuple[str, str]]:
    groups: list[tuple[str, tuple[TransitionDefinition, ...]]] = [*state.on.items()]
    groups += [(f"after {delay}", each) for delay, each in state.after.items()]
    groups += [("always", state.always), ("done", state.on_done)]
    for label, transitions in groups:
        for each in transitions:
            guarded = label if each.guard is None else f"{label} [guarded]"
            yield from ((guarded, target) for target in each.target)


def _path(scope: str, path: str, target: str) -> str:
    if target.startswith("#"):
        return target[1:]
    if target.startswith("."):
        return path + target
    return f"{scope}.{target}" if scope else target


def _inside(state: StateDefinition, path: str, indent: str) -> Iterator[str]:
    if state.initial:
        yield f"{indent}[*] --> {_node(f'{path}.{state.initial}' if path else state.initial)}"
    for position, (name, child) in enumerate(state.states.items()):
        inner = f"{path}.{name}" if path else name
        if state.type is StateType.PARALLEL and position:
            yield f"{indent}--"
        if child.states:
            yield f'{indent}state "{name}" as {_node(inner)} {{'
            yield from _inside(child, inner, indent + "    ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{_node(inner)} : {name}"
        for label, target in _ways(child):
            yield f"{indent}{_node(inner)} --> {_node(_path(path, inner, target))} : {label}"
        if child.type is StateType.FINAL:
            yield f"{indent}{_node(inner)} --> [*]"


def _node(path: str) -> str:
    return "".join(each if each.isalnum() else "_" for each in path)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
