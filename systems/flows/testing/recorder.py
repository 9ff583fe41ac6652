"""Functions put around a flow's own, and probes beside them: what ran in which order, and what guards answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tickwright.systems.flows.structure import (
    FlowDefinition,
    HandlerRef,
    StateDefinition,
    StateType,
    TransitionDefinition,
)

__all__ = ["PlantedFault", "Recorder", "instrument"]

PlantedFault = type("PlantedFault", (Exception,), {"__doc__": "The failure that the fault sweep plants in a handler."})


def instrument(definition: FlowDefinition) -> FlowDefinition:
    """Return the definition with a probe in every state, transition and guard; nothing else changes.

    Probes are handlers named `@enter:path`, `@exit:path`, `@take:site`, and guards `@ask:site`, `@pass:site`.
    """
    fields = _state(definition, "")
    return msgspec.structs.replace(definition, **fields)


def _state(state: StateDefinition, path: str) -> dict[str, Any]:
    at = f"{path}." if path else ""
    children = {name: msgspec.structs.replace(s, **_state(s, at + name)) for name, s in state.states.items()}
    if state.type is StateType.HISTORY:
        return {"states": children}
    groups = {
        "on": {
            action: _ways(ways, path, f"on.{action}", state.guards.get(action)) for action, ways in state.on.items()
        },
        "after": {delay: _ways(ways, path, f"after.{delay}") for delay, ways in state.after.items()},
    }
    return {
        **groups,
        "states": children,
        "guards": {},  # each is in the guard of its action's transitions
        "enter": (HandlerRef(f"@enter:{path}"), *state.enter),
        "exit": (HandlerRef(f"@exit:{path}"), *state.exit),
        "always": _ways(state.always, path, "always"),
        "on_done": _ways(state.on_done, path, "on_done"),
    }


def _ways(
    ways: tuple[TransitionDefinition, ...], path: str, key: str, extra: Any = None
) -> tuple[TransitionDefinition, ...]:
    return tuple(_way(way, f"{path}|{key}|{number}", extra) for number, way in enumerate(ways))


def _way(way: TransitionDefinition, site: str, extra: Any) -> TransitionDefinition:
    guards = [guard for guard in (way.guard, extra) if guard is not None]
    guard = {"and": [f"@ask:{site}", *guards, f"@pass:{site}"]} if guards else None
    return msgspec.structs.replace(way, guard=guard, actions=(HandlerRef(f"@take:{site}"), *way.actions))


class Recorder:
    """The handlers of an instrumented definition, and what they saw.

    Args:
        handlers: the flow's own functions.
        guards: names that are called as guards.
        fault_at: which handler call (from 0, probes included) raises; -1 for none.
        on_call: called before each handler call, with its number.

    Attributes:
        trace: ("enter"|"exit", path), ("take", site), ("run", handler) in order.
        asked, passed: how often each guarded transition was asked and passed, by site.
        impure: what guards did that guards must not do.
    """

    def __init__(
        self, handlers: Mapping[str, Callable[..., Any]], guards: frozenset[str], *, fault_at: int = -1
    ) -> None:
        self.handlers = handlers
        self.guards = guards
        self.fault_at = fault_at
        self.calls = 0
        self.trace: list[tuple[str, str]] = []
        self.asked: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self.impure: list[str] = []
        self.quiet = False

    def restart(self, *, fault_at: int = -1) -> None:
        """Count from 0 again."""
        self.fault_at, self.calls, self.trace = fault_at, 0, []
        self.asked.clear()
        self.passed.clear()
        self.impure.clear()

    def take_trace(self) -> tuple[tuple[str, str], ...]:
        """Return the trace since the last call, and begin a new one."""
        trace, self.trace = tuple(self.trace), []
        return trace

    def functions(self, names: set[str]) -> dict[str, Callable[..., Any]]:
        """Return a function for each name an instrumented definition uses; names nobody has are left out."""
        found = {name: self._function(name) for name in names}
        return {name: function for name, function in found.items() if function is not None}

    def _function(self, name: str) -> Callable[..., Any] | None:
        kind, _, where = name.partition(":")  # what begins with `flow.` is the engine's own
        if kind in ("@ask", "@pass"):
            counter = self.asked if kind == "@ask" else self.passed
            return lambda _ctx, _event: self._count(counter, where)
        if kind in ("@enter", "@exit", "@take"):
            return lambda _ctx, _event: self._call(kind[1:], where)
        function = self.handlers.get(name)
        if function is None:
            return None
        if name in self.guards:
            return self._guard(name, function)
        return self._handler(name, function)

    def _count(self, counter: Counter[str], site: str) -> bool:
        if not self.quiet:
            counter[site] += 1
        return True

    def _call(self, kind: str, where: str) -> None:
        number, self.calls = self.calls, self.calls + 1
        self.trace.append((kind, where))
        if number == self.fault_at:
            raise PlantedFault(f"planted in handler call {number} ({kind} {where})")

    def _handler(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def handler(ctx: Any, event: Any) -> Any:
            self._call("run", name)
            return function(ctx, event)

        return handler

    def _guard(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def ask(ctx: Any, event: Any) -> tuple[Any, Exception | None]:
            try:
                return function(ctx, event), None
            except Exception as error:
                return None, error

        def guard(ctx: Any, event: Any) -> Any:
            context = ctx.context()
            first, error = ask(ctx, event)
            again, error_again = ask(ctx, event)
            if (first, repr(error)) != (again, repr(error_again)):
                self.impure.append(f"guard `{name}` answered {error or first!r}, then {error_again or again!r}")
            if ctx.context() is not context:
                self.impure.append(f"guard `{name}` changed the context")
            if error is not None and "a guard only looks" in str(error):
                self.impure.append(f"guard `{name}` tried to change something: {error}")
            if error is not None:
                raise error
            return first

        return guard
