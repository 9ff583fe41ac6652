"""Flows by the million beside a dict machine and transitions; one by one; timers, queries, starting, memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benches.flow_peers import NEXT, STATES, dict_machine, psm_machine, transitions_machine
from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowFilter, FlowManager, FlowsPlugin, guard

__all__ = ["cases"]

_BUCKETS = 100


@guard(columns=("stock",))
def in_stock(stock: Any) -> Any:
    return stock > 0


RING = {
    "id": "ring",
    "initial": "s0",
    "context_types": {"stock": "i32"},
    "states": {s: {"on": {"go": {"target": NEXT[s], "guard": "in_stock"}}} for s in STATES},
}
COUNTING = {
    "id": "counting",
    "initial": "s0",
    "context": {"n": 0, "stock": 1},
    "states": {s: {"on": {"go": {"target": NEXT[s], "guard": "ok"}}, "enter": "count"} for s in STATES},
}
WAITING = {
    "id": "waiting",
    "initial": "a",
    "states": {"a": {"after": {"1000": "b"}}, "b": {"after": {"1000": "a"}}},
}


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001 (every bench module's signature)
    """Return the flow cases."""
    sizes = [100_000] if quick else [100_000, 1_000_000]
    n = sizes[-1]
    made: list[Case | Gauge] = [_bulk(each) for each in sizes]
    made += [_half(each) for each in sizes]
    made += [
        _bulk_peer(10_000 if quick else 100_000),
        _scalar(300 if quick else 2_000),
        Gauge("flows/start_batch", n, lambda: _start(n), "s", 0.5),
        Gauge("flows/bytes", n, lambda: _bytes(n), "B/instance", 120, 60),
        Gauge("flows/timers", n, lambda: _timers(n), "ms/tick", 20),
        Gauge("flows/query-state", n, lambda: _query(n, FlowFilter(state="s1")), "ms", 5),
        Gauge("flows/query-subject", n, lambda: _query(n, FlowFilter(subject="note 77")), "ms", 5),
    ]
    return made


# -- many at once --------------------------------------------------------------------------------------------------


def _bulk(n: int) -> Case:
    subjects = [Subject("tickwright", lambda: _ours(n), fresh=True), Subject("dict", lambda: _dict(n), fresh=True)]
    return Case("flows/bulk", n, subjects, required={"dict": 20}, wanted={"dict": 60}, rounds=5)


def _half(n: int) -> Case:
    subjects = [
        Subject("half refused", lambda: _ours(n, mixed=True), fresh=True),
        Subject("all accepted", lambda: _ours(n), fresh=True),
    ]
    required, wanted = {"all accepted": 1 / 3}, {"all accepted": 1 / 2}
    return Case("flows/half", n, subjects, required=required, wanted=wanted, rounds=5)


def _bulk_peer(n: int) -> Case:
    subjects = [
        Subject("tickwright", lambda: _ours(n), fresh=True),
        Subject("transitions", lambda: _loop(transitions_machine(counts=False), n), fresh=True),
    ]
    return Case("flows/bulk-peer", n, subjects, required={"transitions": 300}, wanted={"transitions": 1000}, rounds=5)


def _manager(document: dict[str, Any], handlers: dict[str, Callable[..., Any]]) -> tuple[App, FlowManager]:
    app = App(clock=ManualClock(start_ms=0, step_ms=10)).add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(document, handlers=handlers)
    return app, flows


def _ours(n: int, *, mixed: bool = False) -> Trial:
    _, flows = _manager(RING, {"in_stock": in_stock})
    stock, actions = np.ones(n, np.int32), np.zeros(n, np.int32)
    if mixed:  # a quarter has no stock, a quarter sends what nobody knows
        kind = np.random.default_rng(0).permutation(np.arange(n) % 4)
        stock[kind == 1] = 0
        actions[kind == 3] = 7
    ids = flows.start_batch("ring", n, stock=stock)
    flows.send_batch(ids[:1], "go")
    flows.advance()
    tickets: list[Any] = []

    def run() -> None:
        tickets.append(flows.send_batch(ids, actions if mixed else "go"))
        flows.advance()

    def result() -> int:
        accepted = int((tickets[-1].columns["status"] == 0).sum())
        return 2 * accepted if mixed else accepted

    return Trial(run, result)


def _dict(n: int) -> Trial:
    return _loop(dict_machine(counts=False), n)


def _loop(machine: tuple[Callable[[], Any], Callable[[Any], Any]], n: int, *, warm: bool = False) -> Trial:
    make, send = machine
    instances = [make() for _ in range(n)]
    if warm:
        for one in instances:
            send(one)
    results: list[Any] = []

    def run() -> None:
        for one in instances:
            results.append(send(one))  # noqa: PERF401 (as a caller would)

    return Trial(run, lambda: len(results))


# -- one by one ----------------------------------------------------------------------------------------------------


def _scalar(n: int) -> Case:
    subjects = [
        Subject("tickwright", lambda: _sends(n), fresh=True),
        Subject("transitions", lambda: _loop(transitions_machine(counts=True), n, warm=True), fresh=True),
        Subject("python-statemachine", lambda: _loop(psm_machine(), n, warm=True), fresh=True),
        Subject("dict", lambda: _loop(dict_machine(counts=True), n, warm=True), fresh=True),
    ]
    return Case("flows/send", n, subjects, required={"transitions": 3}, wanted={"transitions": 6}, rounds=7)


def _sends(n: int) -> Trial:
    def ok(ctx: Any, _event: Any) -> bool:
        return ctx.context()["stock"] > 0  # type: ignore[no-any-return]

    def count(ctx: Any, _event: Any) -> None:
        ctx.set_context("n", ctx.context()["n"] + 1)

    _, flows = _manager(COUNTING, {"ok": ok, "count": count})
    ids = [flows.start("counting") for _ in range(n)]
    for one in ids:
        flows.send(one, "go")
    results: list[Any] = []

    def run() -> None:
        for one in ids:
            results.append(flows.send(one, "go"))  # noqa: PERF401

    return Trial(run, lambda: len(results))


# -- absolute figures ----------------------------------------------------------------------------------------------


def _start(n: int) -> float:
    _, flows = _manager(RING, {"in_stock": in_stock})
    start = time.perf_counter()
    ids = flows.start_batch("ring", n, stock=1)
    took = time.perf_counter() - start
    assert len(ids) == n
    return took


def _bytes(n: int) -> float:
    _, flows = _manager(RING, {"in_stock": in_stock})
    flows.start_batch("ring", n, stock=1)
    return flows.column_bytes() / n


def _timers(n: int) -> float:
    """Return the median ms of a tick in which one timer of a hundred is due."""
    app, flows = _manager(WAITING, {})
    for _ in range(_BUCKETS):
        flows.start_batch("waiting", n // _BUCKETS)
        app.update()
    took = []
    for _ in range(_BUCKETS):
        start = time.perf_counter()
        app.update()
        took.append(time.perf_counter() - start)
    moved = len(flows.query(FlowFilter(state="b")))
    assert n - n // _BUCKETS <= moved <= n
    return statistics.median(took) * 1e3


def _query(n: int, wanted: FlowFilter) -> float:
    _, flows = _manager(RING, {"in_stock": in_stock})
    ids = flows.start_batch("ring", n, stock=np.arange(n) % 2, subject=[f"note {i % 1000}" for i in range(n)])
    flows.send_batch(ids, "go")
    flows.advance()
    took = []
    for _ in range(9):
        start = time.perf_counter()
        found = flows.query(wanted)
        took.append(time.perf_counter() - start)
    assert len(found) in (n // 2, n // 1000)
    return statistics.median(took) * 1e3
