"""Flows beside a hand-written dict machine and transitions: one accepted action each, guard, history, results kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin, guard

__all__ = ["cases"]


@guard(columns=("stock",))
def in_stock(stock: Any) -> Any:
    return stock > 0


ORDER = {
    "id": "order",
    "initial": "a",
    "context_types": {"stock": "i32"},
    "states": {
        "a": {"on": {"go": {"target": "b", "guard": "in_stock"}}},
        "b": {"on": {"go": {"target": "a", "guard": "in_stock"}}},
    },
}
TABLE = {("a", "go"): ("b", lambda one: one["stock"] > 0), ("b", "go"): ("a", lambda one: one["stock"] > 0)}


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001 (every bench module's signature)
    """Return the flow cases."""
    sizes = [100_000] if quick else [100_000, 1_000_000]
    made: list[Case | Gauge] = [_bulk(n) for n in sizes]
    n = sizes[-1]
    return [*made, _peer(1_000 if quick else 10_000), Gauge("flows/bytes", n, lambda: _bytes(n), "B", 120, 60)]


def _bulk(n: int) -> Case:
    subjects = [Subject("tickwright", lambda: _ours(n), fresh=True), Subject("dict", lambda: _dict(n), fresh=True)]
    return Case("flows/bulk", n, subjects, required={"dict": 20}, wanted={"dict": 60}, rounds=5)


def _peer(n: int) -> Case:
    subjects = [
        Subject("tickwright", lambda: _ours(n), fresh=True),
        Subject("transitions", lambda: _transitions(n), fresh=True),
    ]
    return Case("flows/bulk-peer", n, subjects, required={"transitions": 300}, wanted={"transitions": 1000}, rounds=5)


def _flows(n: int) -> tuple[FlowManager, Any]:
    app = App(clock=ManualClock()).add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(ORDER, handlers={"in_stock": in_stock})
    return flows, flows.start_batch("order", n, stock=np.ones(n, np.int32))


def _ours(n: int) -> Trial:
    flows, ids = _flows(n)
    ticket = flows.send_batch(ids, "go")
    return Trial(flows.advance, lambda: int((ticket.columns["status"] == 0).sum()))


def _dict(n: int) -> Trial:
    machines = [{"state": "a", "stock": 1, "history": []} for _ in range(n)]
    results: list[str] = []

    def run() -> None:
        for one in machines:
            target, check = TABLE[one["state"], "go"]  # type: ignore[index]
            if check(one):
                one["history"].append((one["state"], target, "go", 0))  # type: ignore[attr-defined]
                one["state"] = target
                results.append("success")

    return Trial(run, lambda: len(results))


def _transitions(n: int) -> Trial:
    from transitions import Machine

    class Model:
        def __init__(self) -> None:
            self.stock = 1
            self.history: list[Any] = []

        def check(self) -> bool:
            return self.stock > 0

        def keep(self) -> None:
            self.history.append(("a", "b", "go"))

    models = [Model() for _ in range(n)]
    moves = [{"trigger": "go", "source": "a", "dest": "b", "conditions": "check", "after": "keep"}]
    Machine(models, states=["a", "b"], transitions=moves, initial="a")
    results: list[bool] = []
    return Trial(lambda: results.extend(model.go() for model in models), lambda: sum(results))


def _bytes(n: int) -> float:
    flows, _ = _flows(n)
    return flows.column_bytes() / n
