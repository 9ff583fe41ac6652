"""A history replayed: what an instance was started with and did gives its state and context again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tickwright.systems.contracts.json import FrozenDict, freeze
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.errors import FlowDefinitionError, FlowError
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.results import Transition
from tickwright.systems.flows.step import Image, Run, begin, choose, finish, step
from tickwright.systems.flows.structure import FlowDefinition
from tickwright.systems.flows.table import column_types, stored

__all__ = ["MIGRATE", "Replayed", "compile_flow", "replay", "replay_compiled"]

MIGRATE = "flow.migrate"
"""The action under which a migration stands in the history; its data is `{context, configuration}`."""


def compile_flow(
    definition: FlowDefinition | Mapping[str, Any] | str | bytes,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
) -> CompiledFlow:
    """Compile a definition without registering it.

    Raises:
        FlowDefinitionError: with the path of the fault.
    """
    known = dict(handlers or {})

    def find(name: str, path: str) -> Callable[..., Any]:
        if name not in known:
            raise FlowDefinitionError(f"no handler {name!r}", where=path, expected=", ".join(known), path=path)
        return known[name]

    return CompiledFlow(read_definition(definition), find)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a history comes to."""

    current_state: str
    configuration: tuple[str, ...]
    context: FrozenDict


def replay(
    definition: FlowDefinition | Mapping[str, Any] | str | bytes,
    started_with: Mapping[str, Any],
    history: Iterable[Transition],
    *,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
    subject: str = "",
) -> Replayed:
    """Take every recorded action again; nothing leaves the flow, and no clock is read.

    Args:
        definition: what the instance was started from.
        started_with: its `FlowInstance.started_with`.
        history: its records, oldest first.
        handlers: the definition's functions.
        subject: the instance's subject.

    Raises:
        FlowError: a record that the definition does not lead through; names it.
    """
    return replay_compiled(compile_flow(definition, handlers), started_with, history, subject=subject)


def replay_compiled(
    flow: CompiledFlow, started_with: Mapping[str, Any], history: Iterable[Transition], *, subject: str = ""
) -> Replayed:
    """Replay over a compiled flow; see `replay`."""
    types = column_types(flow)
    start = FlowEvent.of("", str(started_with["user"]), int(started_with["timestamp"]), None)
    image = begin(flow, freeze(started_with["context"], "context"), start, subject=subject).image()
    for record in history:
        image.context = _stored(flow, types, image.context)
        image = _migrated(flow, record) if record.action == MIGRATE else _stepped(flow, image, record, subject)
        if image.config.current_state != record.to:
            raise _lost(flow, record, image.config.current_state)
    paths = [node.path for node in flow.nodes]
    active = tuple([paths[index] for index in sorted(image.config.active) if index])
    return Replayed(image.config.current_state, active, _stored(flow, types, image.context))


def _stored(flow: CompiledFlow, types: dict[str, Any], context: FrozenDict) -> FrozenDict:
    """Return a context as the columns give it back."""
    typed = stored(types, context, flow)
    return FrozenDict({**context, **{name: value.item() for name, value in typed.items()}}) if typed else context


def _lost(flow: CompiledFlow, record: Transition, came_to: str) -> FlowError:
    return FlowError(
        f"record {record.revision} ({record.action!r}) came to {came_to}",
        where=f"flow {flow.definition.id!r}",
        expected=record.to,
        todo="replay with the definition and handlers that made the history",
    )


def _stepped(flow: CompiledFlow, image: Image, record: Transition, subject: str) -> Image:
    event = FlowEvent.of(record.action, record.user, record.timestamp, record.data)
    image.timers = tuple([t for t in image.timers if flow.nodes[t[1]].after[t[2]][2] != record.action])
    if record.action:
        run = step(flow, image, event, subject=subject)
        if not isinstance(run, Run):
            raise _lost(flow, record, repr(run))
        return run.image()
    run, edges = choose(flow, image, event, subject=subject)
    run.drive(run.take(edges))
    run.drive(run.settle())
    return finish(run).image()


def _migrated(flow: CompiledFlow, record: Transition) -> Image:
    paths = record.data.get("configuration", (record.to,))
    if lost := [path for path in paths if path not in flow.by_path]:
        raise _lost(flow, record, f"no state {lost[0]!r}")
    active = tuple([flow.by_path[path] for path in paths])
    config = flow.config(frozenset(flow.enter_set(active, set(), {})))
    return Image(config, freeze(record.data["context"], "context"), {}, ())
