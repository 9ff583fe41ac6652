"""The flow under test: its definition, its functions, and what its users may send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickwright.systems.contracts.json import freeze
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.structure import FlowDefinition
from tickwright.systems.flows.testing.loading import load_flow_file
from tickwright.systems.flows.testing.model import Model
from tickwright.systems.flows.testing.recorder import Recorder, instrument
from tickwright.systems.flows.testing.structure import Structure

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Source", "Subject"]

Source = FlowDefinition | Mapping[str, Any] | str | bytes | Path
"""A definition as `register` takes it, or the path of a .json, .luau or .lua file."""


class Subject:
    """A definition with everything the kit needs to know about it.

    Args:
        source: a definition, or a path.
        handlers: its functions by name; async ones are run to their end where they are called. Without any, stand-ins
            are used: handlers that do nothing, and guards that answer what the action's data says under `guards`.
        users: who sends actions.
        data: action -> the values its data may have, a sequence or a hypothesis strategy.
        contexts: initial contexts, a sequence or a hypothesis strategy.

    Raises:
        FlowDefinitionError: the definition is wrong, or a handler is missing.
    """

    def __init__(
        self,
        source: Source,
        handlers: Mapping[str, Callable[..., Any]] | None = None,
        *,
        users: Sequence[str] = ("ann", "bob"),
        data: Mapping[str, Any] | None = None,
        contexts: Any = None,
    ) -> None:
        if _is_path(source):
            loaded = load_flow_file(Path(str(source)))
            source, handlers = loaded.definition, loaded.handlers if handlers is None else handlers
        assert not isinstance(source, Path)
        self.definition: FlowDefinition = read_definition(source)
        CompiledFlow(self.definition, lambda _name, _path: _nothing)  # what is wrong with it is said with its path
        self.structure = Structure(self.definition)
        self.guards = frozenset(name for way in self.structure.all_ways for g in way.guards for name in _names(g))
        self.stands_in = handlers is None
        given = self._stand_ins() if handlers is None else dict(handlers)
        self.handlers = {name: _settled(each) if iscoroutinefunction(each) else each for name, each in given.items()}
        self.users = tuple(users) or ("",)
        self.data = dict(data or {})
        self.contexts = contexts
        self.instrumented = instrument(self.definition)
        self.names = _used(self.instrumented)
        self.model = Model(self.structure, self.handlers)
        # Compiled once here, so that what is wrong is said before anything runs.
        self.compiled = CompiledFlow(self.definition, self._find)

    def _find(self, name: str, path: str) -> Callable[..., Any]:
        from tickwright.systems.flows.errors import FlowDefinitionError

        if name not in self.handlers:
            expected = ", ".join(sorted(self.handlers)) or "handlers, or None for stand-ins"
            raise FlowDefinitionError(f"no handler {name!r}", where=path, expected=expected, path=path)
        return self.handlers[name]

    def _stand_ins(self) -> dict[str, Callable[..., Any]]:
        plain = dict.fromkeys(_used(self.definition) - self.guards, _nothing)
        return plain | {name: _answer(name) for name in self.guards}

    @property
    def delays(self) -> list[int]:
        """Return the delays of the definition's timers, ms."""
        return sorted({int(d) for state in self.structure.states.values() for d in state.after if d.isdigit()})

    def data_for(self, action: str) -> SearchStrategy[Any]:
        """Return what the data of an action may be."""
        from hypothesis import strategies as st

        from tickwright.systems.flows.testing.strategies import as_strategy

        if action in self.data or "*" in self.data:
            return as_strategy(self.data.get(action, self.data.get("*")))
        if self.stands_in and self.guards:
            return st.fixed_dictionaries({"guards": st.fixed_dictionaries(dict.fromkeys(self.guards, st.booleans()))})
        return st.none()

    def recorder(self, *, fault_at: int = -1) -> Recorder:
        """Return fresh recording functions."""
        return Recorder(self.handlers, self.guards, fault_at=fault_at)


def _is_path(source: Any) -> bool:
    text = isinstance(source, str) and not source.lstrip().startswith("{")
    return isinstance(source, Path) or text


def _settled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an async handler as one that waits: what it comes to is the same, `send_async` only waits elsewhere."""

    def call(ctx: Any, event: Any) -> Any:
        import anyio

        return anyio.run(function, ctx, event)

    return call


def _nothing(_ctx: Any, _event: Any) -> int:
    return 0


def _answer(name: str) -> Callable[..., Any]:
    def guard(_ctx: Any, event: Any) -> bool:
        answers = event.get("guards")
        return bool(answers.get(name, True)) if isinstance(answers, dict) else True

    return guard


def _names(guard: Any) -> Iterator[str]:
    """Yield the named guards inside one guard of the document."""
    if isinstance(guard, str):
        yield guard
    elif "type" in guard:
        yield guard["type"]
    else:
        for kind, value in guard.items():
            parts = value if kind in ("and", "or") else [value] if kind == "not" else []
            for each in parts:
                yield from _names(each)


def _used(definition: FlowDefinition) -> set[str]:
    """Return every function name that a definition uses."""
    structure = Structure(definition)
    names = {call.name for state in structure.states.values() for call in (*state.enter, *state.exit)}
    names |= {delay for state in structure.states.values() for delay in state.after if not delay.isdigit()}
    for way in structure.all_ways:
        names |= {call.name for call in way.actions} | {name for guard in way.guards for name in _names(freeze(guard))}
    return names
