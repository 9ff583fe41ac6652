"""What a step costs beside its model: chains, maps and ten thousand pipelines, with LangGraph, Haystack and bare anyio.

Every subject asks the same stub, an async generator that answers at once; in the rows of plain functions it is a plain
function here and there, and nobody awaits anything.
"""

from __future__ import annotations

import asyncio
import json
import operator
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypedDict

import anyio

from benches.harness import Case, Gauge, Subject, Trial
from tickwright.ecs_core import App
from tickwright.systems.generation import Delta, GenerationManager, GenerationPlugin, Request, Settings, Usage
from tickwright.systems.hooks import HooksPlugin

__all__ = ["cases"]

BRANCHES = 100
CHAINS = 20
_USAGE = Usage(1, 1)


def cases(quick: bool) -> list[Case | Gauge]:  # noqa: FBT001 (every bench module's signature)
    many = 500 if quick else 10_000
    return [
        Case(
            "generation/chain_3",
            size=3 * CHAINS,
            subjects=[
                Subject("tickwright", _ours_chain),
                Subject("langgraph", _langgraph_chain),
                Subject("haystack", _haystack_chain),
                Subject("anyio", _anyio_chain),
            ],
            required={"langgraph": 4.0},
            wanted={"langgraph": 8.0},
        ),
        Case(
            "generation/chain_3_plain",
            size=3 * CHAINS,
            subjects=[
                Subject("tickwright", _ours_plain_chain),
                Subject("langgraph", _langgraph_plain_chain),
                Subject("haystack", _haystack_plain_chain),
            ],
            required={"langgraph": 4.0},
            wanted={"langgraph": 8.0},
        ),
        Case(
            "generation/map_100",
            size=BRANCHES,
            subjects=[
                Subject("tickwright", _ours_map),
                Subject("langgraph", _langgraph_map),
                Subject("haystack", _haystack_map),
                Subject("anyio", _anyio_map),
            ],
            required={"langgraph": 2.0},
            wanted={"langgraph": 5.0},
        ),
        Case(
            "generation/pipelines_at_once",
            size=3 * many,
            subjects=[
                Subject("tickwright", partial(_ours_many, many), fresh=True),
                Subject("langgraph", partial(_langgraph_many, many), fresh=True),
                Subject("anyio", partial(_anyio_many, many), fresh=True),
            ],
            required={"langgraph": 5.0},
            wanted={"langgraph": 12.0},
            rounds=3,
        ),
        Gauge("generation/pipelines_tick", many, lambda: _probe(many, "tick"), "ms", required=100.0, wanted=50.0),
        Gauge("generation/pipelines_memory", many, lambda: _probe(many, "memory"), "MB", required=250.0, wanted=120.0),
    ]


async def stub(text: str) -> AsyncIterator[str]:
    yield text


def plain_stub(text: str) -> str:
    """Return what the stub says."""
    return text


async def ask(text: str) -> str:
    """Ask the stub as every peer does: to its end."""
    return "".join([part async for part in stub(text)])


def _on_loop(main: Callable[[], Awaitable[Any]], close: Callable[[], Awaitable[Any]] | None = None) -> Trial:
    """Return a trial that runs `main` on an event loop kept between samples."""
    runner = asyncio.Runner()
    found: list[Any] = []

    def run() -> None:
        found[:] = [runner.run(main())]  # type: ignore[arg-type]

    def end() -> None:
        if close is not None:
            runner.run(close())  # type: ignore[arg-type]
        runner.close()

    return Trial(run, lambda: found[0], end)


# -- tickwright ----------------------------------------------------------------------------------------------


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

    return _on_loop(main, app.aclose)


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

    return _on_loop(main, app.aclose)


def _ours_many(count: int) -> Trial:
    app, manager = _app(count)

    async def main() -> int:
        return await _run_many(app, manager, count)

    return _on_loop(main, app.aclose)


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


# -- LangGraph -----------------------------------------------------------------------------------------------


class _State(TypedDict, total=False):
    text: str


class _Items(TypedDict, total=False):
    items: list[str]
    out: Annotated[list[str], operator.add]


async def _node(state: _State) -> _State:
    return {"text": await ask(state.get("text", "go"))}


def _plain_node(state: _State) -> _State:
    return {"text": plain_stub(state.get("text", "go"))}


def _langgraph(node: Any = _node) -> Any:
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(_State)
    for name in "abc":
        graph.add_node(name, node)
    for one, other in ((START, "a"), ("a", "b"), ("b", "c"), ("c", END)):
        graph.add_edge(one, other)
    return graph.compile()


def _langgraph_chain() -> Trial:
    graph = _langgraph()

    async def main() -> list[str]:
        return [(await graph.ainvoke({"text": "go"}))["text"] for _ in range(CHAINS)]

    return _on_loop(main)


def _langgraph_plain_chain() -> Trial:
    graph = _langgraph(_plain_node)
    found: list[str] = []

    def run() -> None:
        found[:] = [graph.invoke({"text": "go"})["text"] for _ in range(CHAINS)]

    return Trial(run, lambda: list(found))


def _langgraph_many(count: int) -> Trial:
    graph = _langgraph()

    async def main() -> int:
        found = await asyncio.gather(*(graph.ainvoke({"text": "go"}) for _ in range(count)))
        return sum(each["text"] == "go" for each in found)

    return _on_loop(main)


def _langgraph_map() -> Trial:
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import Send

    async def items(_: _Items) -> _Items:
        return {"items": json.loads(await ask(json.dumps([str(n) for n in range(BRANCHES)])))}

    async def each(state: Any) -> _Items:
        return {"out": [await ask(state["item"])]}

    graph = StateGraph(_Items)
    graph.add_node("items", items)
    graph.add_node("each", each)
    graph.add_edge(START, "items")
    graph.add_conditional_edges("items", lambda state: [Send("each", {"item": i}) for i in state["items"]], ["each"])
    graph.add_edge("each", END)
    compiled = graph.compile()

    async def main() -> list[str]:
        return list((await compiled.ainvoke({"items": [], "out": []}))["out"])

    return _on_loop(main)


# -- Haystack ------------------------------------------------------------------------------------------------


def _haystack_component() -> Any:
    import os

    os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
    from haystack import component

    @component
    class Ask:
        @component.output_types(text=str)
        def run(self, text: str) -> dict[str, str]:
            return {"text": plain_stub(text)}

        @component.output_types(text=str)
        async def run_async(self, text: str) -> dict[str, str]:
            return {"text": await ask(text)}

    return Ask


def _haystack_three() -> Any:
    from haystack import Pipeline

    kind, pipeline = _haystack_component(), Pipeline()
    for name in "abc":
        pipeline.add_component(name, kind())
    pipeline.connect("a.text", "b.text")
    pipeline.connect("b.text", "c.text")
    return pipeline


def _haystack_plain_chain() -> Trial:
    pipeline = _haystack_three()
    found: list[str] = []

    def run() -> None:
        found[:] = [pipeline.run({"a": {"text": "go"}})["c"]["text"] for _ in range(CHAINS)]

    return Trial(run, lambda: list(found))


def _haystack_chain() -> Trial:
    pipeline = _haystack_three()

    async def main() -> list[str]:
        return [(await pipeline.run_async({"a": {"text": "go"}}))["c"]["text"] for _ in range(CHAINS)]

    return _on_loop(main)


def _haystack_map() -> Trial:
    from haystack import Pipeline

    kind, pipeline = _haystack_component(), Pipeline()
    for number in range(BRANCHES):
        pipeline.add_component(f"n{number}", kind())

    async def main() -> list[str]:
        given = {f"n{number}": {"text": str(number)} for number in range(BRANCHES)}
        found = await pipeline.run_async(given, concurrency_limit=BRANCHES)
        return [found[f"n{number}"]["text"] for number in range(BRANCHES)]

    return _on_loop(main)


# -- bare anyio ----------------------------------------------------------------------------------------------


async def _keep(out: dict[int, str], number: int, text: str) -> None:
    out[number] = await ask(text)


async def _anyio_three() -> str:
    out = {0: "go"}
    for number in range(3):
        async with anyio.create_task_group() as group:
            group.start_soon(_keep, out, number + 1, out[number])
    return out[3]


def _anyio_chain() -> Trial:
    async def main() -> list[str]:
        return [await _anyio_three() for _ in range(CHAINS)]

    return _on_loop(main)


def _anyio_map() -> Trial:
    async def main() -> list[str]:
        out: dict[int, str] = {}
        async with anyio.create_task_group() as group:
            for number in range(BRANCHES):
                group.start_soon(_keep, out, number, str(number))
        return [out[number] for number in range(BRANCHES)]

    return _on_loop(main)


def _anyio_many(count: int) -> Trial:
    async def main() -> int:
        done: list[str] = []

        async def one() -> None:
            done.append(await _anyio_three())

        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(one)
        return sum(each == "go" for each in done)

    return _on_loop(main)
