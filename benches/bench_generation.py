"""What a step costs beside its model: chains, maps and ten thousand pipelines, with LangGraph, Haystack and bare anyio.

Every subject asks the same stub, an async generator that answers at once; in the rows of plain functions it is a plain
function here and there, and nobody awaits anything.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benches.generation_peers import (
    BRANCHES,
    CHAINS,
    anyio_chain,
    anyio_many,
    anyio_map,
    haystack_chain,
    haystack_map,
    haystack_plain_chain,
    langgraph_chain,
    langgraph_many,
    langgraph_map,
    langgraph_plain_chain,
    on_loop,
    plain_stub,
    stub,
)
from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App
from tickwright.systems.generation import Delta, GenerationManager, GenerationPlugin, Request, Settings, Usage
from tickwright.systems.hooks import HooksPlugin

__all__ = ["cases"]

_USAGE = Usage(1, 1)


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001 (every bench module's signature)
    many = 500 if quick else 10_000
    return [
        Case(
            "generation/chain_3",
            size=3 * CHAINS,
            subjects=[
                Subject("tickwright", _ours_chain),
                Subject("langgraph", langgraph_chain),
                Subject("haystack", haystack_chain),
                Subject("anyio", anyio_chain),
            ],
            required={"langgraph": 4.0},
            wanted={"langgraph": 8.0},
        ),
        Case(
            "generation/chain_3_plain",
            size=3 * CHAINS,
            subjects=[
                Subject("tickwright", _ours_plain_chain),
                Subject("langgraph", langgraph_plain_chain),
                Subject("haystack", haystack_plain_chain),
            ],
            required={"langgraph": 4.0},
            wanted={"langgraph": 8.0},
        ),
        Case(
            "generation/map_100",
            size=BRANCHES,
            subjects=[
                Subject("tickwright", _ours_map),
                Subject("langgraph", langgraph_map),
                Subject("haystack", haystack_map),
                Subject("anyio", anyio_map),
            ],
            required={"langgraph": 2.0},
            wanted={"langgraph": 5.0},
        ),
        Case(
            "generation/pipelines_at_once",
            size=3 * many,
            subjects=[
                Subject("tickwright", partial(_ours_many, many), fresh=True),
                Subject("langgraph", partial(langgraph_many, many), fresh=True),
                Subject("anyio", partial(anyio_many, many), fresh=True),
            ],
            required={"langgraph": 5.0},
            wanted={"langgraph": 12.0},
            rounds=3,
        ),
        Gauge("generation/pipelines_tick", many, lambda: _probe(many, "tick"), "ms", required=100.0, wanted=50.0),
        Gauge("generation/pipelines_memory", many, lambda: _probe(many, "memory"), "MB", required=250.0, wanted=120.0),
    ]


class StubModel:
    """The stub as a provider; a step called "items" gets a list."""

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        text = json.dumps([str(n) for n in range(BRANCHES)]) if request.step == "items" else request.prompt
        async for part in stub(text):
            yield Delta(part, _USAGE, "stop")


CHAIN = {
    "id": "chain",
    "strategy": {
        "type": "chain",
        "steps": [
            {"id": "a", "prompt": "go"},
            {"id": "b", "prompt": "${a.result}"},
            {"id": "c", "prompt": "${b.result}"},
        ],
    },
}
MAP = {
    "id": "map",
    "strategy": {
        "type": "chain",
        "steps": [{"id": "items", "prompt": "go"}, {"id": "each", "prompt": "${item}", "parallel_on": "items"}],
    },
}


def plain_answer(request: Request) -> Delta:
    """Answer as the stub does, without awaiting."""
    return Delta(plain_stub(request.prompt), _USAGE, "stop")


def _app(concurrency: int = BRANCHES, *, answer: Any = None) -> tuple[App, GenerationManager]:
    app = App()
    settings = Settings(max_concurrency=concurrency, kept_runs=20_000)
    app.add_plugins(HooksPlugin(), GenerationPlugin(models={"default": answer or StubModel()}, settings=settings))
    manager = app.world.resource(GenerationManager)
    manager.register(CHAIN)
    manager.register(MAP)
    return app, manager


def _ours_chain() -> Trial:
    app, manager = _app()

    async def main() -> list[str]:
        return [(await manager.run("chain")).final_result for _ in range(CHAINS)]

    return on_loop(main, app.aclose)


def _ours_plain_chain() -> Trial:
    app, manager = _app(answer=plain_answer)
    found: list[str] = []

    def one() -> str:
        run = manager.start("chain")
        app.wait_until(lambda: manager.is_over(run))
        final = manager.result(run).final_result
        manager.forget(run)
        return final

    def run() -> None:
        found[:] = [one() for _ in range(CHAINS)]

    return Trial(run, lambda: list(found), app.close)


def _ours_map() -> Trial:
    app, manager = _app()

    async def main() -> list[str]:
        return list((await manager.run("map")).steps["each"].results)

    return on_loop(main, app.aclose)


def _ours_many(count: int) -> Trial:
    app, manager = _app(count)

    async def main() -> int:
        return await _run_many(app, manager, count)

    return on_loop(main, app.aclose)


async def _run_many(app: App, manager: GenerationManager, count: int, ticks: list[float] | None = None) -> int:
    runs = [manager.start("chain") for _ in range(count)]
    app.tasks.enter_loop()
    try:
        while not manager.is_over(runs[-1]) or app.tasks.in_flight:
            begun = time.perf_counter()
            app.update()
            if ticks is not None:
                ticks.append(time.perf_counter() - begun)
            await anyio.sleep(0)
    finally:
        app.tasks.leave_loop()
    return sum(manager.result(run).final_result == "go" for run in runs)


def _probe(count: int, what: str) -> float:
    """Run the pipelines in a process of their own; return the longest tick in ms, or the peak memory in MB."""
    code = f"from benches.bench_generation import probe; probe({count})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)[what])


def probe(count: int) -> None:
    """Print the figures that need a process of their own."""
    app, manager = _app(count)
    ticks: list[float] = []

    async def main() -> None:
        async with app:
            if await _run_many(app, manager, count, ticks) != count:
                raise AssertionError("a pipeline gave another result")

    asyncio.run(main())
    print(json.dumps({"tick": max(ticks) * 1e3, "memory": _peak_mb()}))


def _peak_mb() -> float:
    """Return this process's peak memory; on Linux rusage would count the parent's from before the start."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
