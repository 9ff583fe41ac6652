"""Flow files: JSON and SCXML here, other kinds by loaders that installed packages name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.scxml import from_scxml
from tickwright.systems.flows.structure import FlowDefinition

__all__ = ["GROUP", "LoadedFlow", "load_flow_file"]

GROUP = "tickwright.flow_files"
"""The entry point group of loaders: `luau = "package.module:function"`, a function of a path."""


@dataclass(frozen=True)
class LoadedFlow:
    """A flow read from a file; `keep` is whatever must live as long as the handlers are called."""

    definition: FlowDefinition
    handlers: Mapping[str, Callable[..., Any]] | None
    keep: Any = field(default=None, repr=False)


def load_flow_file(path: Path) -> LoadedFlow:
    """Return the flow that a file defines; JSON and SCXML files have no handlers of their own.

    Raises:
        FlowDefinitionError: no such file, a kind nobody loads, or a definition that is wrong.
    """
    if not path.is_file():
        raise FlowDefinitionError(f"no file {str(path)!r}", expected="a .json, .scxml or .luau file, or a definition")
    kind = path.suffix.removeprefix(".")
    if kind == "json":
        return LoadedFlow(read_definition(path.read_text(encoding="utf-8")), None)
    if kind == "scxml":
        return LoadedFlow(from_scxml(path.read_bytes()), None)
    loaders = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in loaders:
        raise FlowDefinitionError(
            f"nothing loads .{kind} files",
            where=str(path),
            expected=", ".join(sorted({"json", "scxml", *loaders})),
            todo=f"install what provides the entry point {kind!r} of {GROUP}, or pass definition and handlers",
        )
    loaded: LoadedFlow = loaders[kind].load()(path)
    return loaded
