"""The peers that flows are measured beside: a hand-written dict machine, transitions, python-statemachine.

All do the same: a ring of four states, one guard over the context, a history line and a kept result per action; the
scalar ones also an entry handler that counts. A peer that can be atomic is not asked to be.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["NEXT", "STATES", "dict_machine", "psm_machine", "transitions_machine"]

STATES = ["s0", "s1", "s2", "s3"]
NEXT = dict(zip(STATES, STATES[1:] + STATES[:1], strict=True))
Made = tuple[Callable[[], Any], Callable[[Any], Any]]
"""(make an instance, send it one action)."""


class Plain:
    """An instance of the dict machine."""

    __slots__ = ("ctx", "history", "state")

    def __init__(self) -> None:
        self.state = "s0"
        self.ctx = {"n": 0, "stock": 1}
        self.history: list[Any] = []


def dict_machine(*, counts: bool) -> Made:
    """Return a machine over nested dicts, as one writes it by hand: no rollback, four results."""

    def in_stock(ctx: Any, _data: Any) -> bool:
        return ctx["stock"] > 0  # type: ignore[no-any-return]

    def enter(ctx: Any, _data: Any) -> None:
        ctx["n"] += 1

    states: dict[str, Any] = {
        state: {"on": {"go": NEXT[state]}, "guards": {"go": ("in_stock", in_stock)}, "enter": enter if counts else None}
        for state in STATES
    }
    clock = time.monotonic_ns

    def send(one: Plain, action: str = "go", data: Any = None) -> Any:
        state = one.state
        known = states.get(state)
        if known is None:
            return ("invalid_state", state)
        target = known["on"].get(action)
        if target is None:
            return ("invalid_action", action, state)
        guard = known["guards"].get(action)
        if guard is not None and not guard[1](one.ctx, data):
            return ("guard_failed", guard[0], "")
        one.state = target
        handler = states[target]["enter"]
        if handler is not None:
            handler(one.ctx, data)
        one.history.append((state, target, action, clock(), data))
        return ("success", target)

    return Plain, send


def transitions_machine(*, counts: bool) -> Made:
    """Return one transitions Machine for many models."""
    from transitions import Machine

    clock = time.monotonic_ns

    class Model:
        def __init__(self) -> None:
            self.n, self.stock, self.history = 0, 1, []

        def in_stock(self, _event: Any) -> bool:
            return self.stock > 0

        def enter(self, _event: Any) -> None:
            self.n += 1

        def record(self, event: Any) -> None:
            way = event.transition
            self.history.append((way.source, way.dest, event.event.name, clock(), None))

    class Unscanned(list[Any]):  # add_model looks for the model in the whole list
        def __contains__(self, _each: object) -> bool:
            return False

    ways = [{"trigger": "go", "source": s, "dest": NEXT[s], "conditions": "in_stock"} for s in STATES]
    states = [{"name": s, **({"on_enter": "enter"} if counts else {})} for s in STATES]
    machine = Machine(
        model=None,
        states=states,
        initial="s0",
        transitions=ways,
        auto_transitions=False,
        send_event=True,
        after_state_change="record",
    )
    machine.models = Unscanned()

    def make() -> Any:
        model = Model()
        machine.add_model(model)
        return model

    return make, lambda model: model.go()


def psm_machine() -> Made:
    """Return a python-statemachine."""
    from statemachine import State, StateMachine

    clock = time.monotonic_ns

    class Ring(StateMachine):  # type: ignore[misc]
        s0 = State(initial=True)
        s1 = State()
        s2 = State()
        s3 = State()
        go = s0.to(s1, cond="ok") | s1.to(s2, cond="ok") | s2.to(s3, cond="ok") | s3.to(s0, cond="ok")

        def __init__(self) -> None:
            self.n, self.stock, self.history = 0, 1, []
            super().__init__()

        def ok(self) -> bool:
            return self.stock > 0

        def on_enter_state(self) -> None:
            self.n += 1

        def after_transition(self, source: Any, target: Any, event: Any) -> None:
            self.history.append((source.id, target.id, str(event), clock(), None))

    return Ring, lambda one: one.send("go")
