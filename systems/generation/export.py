"""Draw a pipeline."""

from __future__ import annotations

from tickwright.systems.generation.graph import Pipeline
from tickwright.systems.generation.nodes import Kind, Node

__all__ = ["pipeline_mermaid"]

_SHAPES = {Kind.CONCATENATE: ("[/", "/]"), Kind.SCORE: ("{{", "}}"), Kind.JUDGE: ("{{", "}}"), Kind.WAIT: ("([", "])")}


def pipeline_mermaid(pipeline: Pipeline) -> str:
    """Return a Mermaid flowchart: steps with their models, mapped steps as stacks, dependencies as arrows."""
    sources = pipeline.context.config.sources
    lines = ["flowchart TD", *(f'    source_{each.id}[("{_safe(each.id)}")] -.-> context' for each in sources)]
    if pipeline.context.config.sources:
        lines.append('    context["context"]')
    for node in pipeline.nodes:
        lines.append(f"    {_name(node)}{_shape(node)}")
        if pipeline.context.config.sources and node.asks and node.use_context and not node.deps:
            lines.append(f"    context -.-> {_name(node)}")
    for node in pipeline.nodes:
        for dep in node.deps:
            arrow = "==>|each|" if dep == node.mapped else "-->"
            lines.append(f"    {_name(pipeline.nodes[dep])} {arrow} {_name(node)}")
    lines.append(f"    {_name(pipeline.nodes[pipeline.output])} --> result((result))")
    return "\n".join(lines) + "\n"


def _name(node: Node) -> str:
    return f"s{node.index}"


def _shape(node: Node) -> str:
    left, right = _SHAPES.get(node.kind, ("[[", "]]") if node.mapped >= 0 else ("[", "]"))
    detail = {
        Kind.CONCATENATE: "concatenate", Kind.SCORE: "pick best", Kind.JUDGE: f"pick best by {node.model}",
        Kind.WAIT: f"waits for {node.wait_for}",
    }.get(node.kind, node.model)  # fmt: skip
    return f'{left}"{_safe(node.id)}<br/>{_safe(detail)}"{right}'


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
