"""The peers of generation, LangGraph, Haystack and bare anyio; and the stub that every subject asks."""

from __future__ import annotations

import asyncio
import json
import operator
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, TypedDict

import anyio

from benches.harness import Trial

__all__ = [
    "BRANCHES",
    "CHAINS",
    "anyio_chain",
    "anyio_many",
    "anyio_map",
    "haystack_chain",
    "haystack_map",
    "haystack_plain_chain",
    "langgraph_chain",
    "langgraph_many",
    "langgraph_map",
    "langgraph_plain_chain",
    "on_loop",
    "plain_stub",
    "stub",
]

BRANCHES = 100
CHAINS = 20


async def stub(text: str) -> AsyncIterator[str]:
    yield text


def plain_stub(text: str) -> str:
    """Return what the stub says."""
    return text


async def ask(text: str) -> str:
    """Ask the stub as every peer does: to its end."""
    return "".join([part async for part in stub(text)])


def on_loop(main: Callable[[], Awaitable[Any]], close: Callable[[], Awaitable[Any]] | None = None) -> Trial:
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


def langgraph_chain() -> Trial:
    graph = _langgraph()

    async def main() -> list[str]:
        return [(await graph.ainvoke({"text": "go"}))["text"] for _ in range(CHAINS)]

    return on_loop(main)


def langgraph_plain_chain() -> Trial:
    graph = _langgraph(_plain_node)
    found: list[str] = []

    def run() -> None:
        found[:] = [graph.invoke({"text": "go"})["text"] for _ in range(CHAINS)]

    return Trial(run, lambda: list(found))


def langgraph_many(count: int) -> Trial:
    graph = _langgraph()

    async def main() -> int:
        found = await asyncio.gather(*(graph.ainvoke({"text": "go"}) for _ in range(count)))
        return sum(each["text"] == "go" for each in found)

    return on_loop(main)


def langgraph_map() -> Trial:
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

    return on_loop(main)


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


def haystack_plain_chain() -> Trial:
    pipeline = _haystack_three()
    found: list[str] = []

    def run() -> None:
        found[:] = [pipeline.run({"a": {"text": "go"}})["c"]["text"] for _ in range(CHAINS)]

    return Trial(run, lambda: list(found))


def haystack_chain() -> Trial:
    pipeline = _haystack_three()

    async def main() -> list[str]:
        return [(await pipeline.run_async({"a": {"text": "go"}}))["c"]["text"] for _ in range(CHAINS)]

    return on_loop(main)


def haystack_map() -> Trial:
    from haystack import Pipeline

    kind, pipeline = _haystack_component(), Pipeline()
    for number in range(BRANCHES):
        pipeline.add_component(f"n{number}", kind())

    async def main() -> list[str]:
        given = {f"n{number}": {"text": str(number)} for number in range(BRANCHES)}
        found = await pipeline.run_async(given, concurrency_limit=BRANCHES)
        return [found[f"n{number}"]["text"] for number in range(BRANCHES)]

    return on_loop(main)


# -- bare anyio ----------------------------------------------------------------------------------------------


async def _keep(out: dict[int, str], number: int, text: str) -> None:
    out[number] = await ask(text)


async def _anyio_three() -> str:
    out = {0: "go"}
    for number in range(3):
        async with anyio.create_task_group() as group:
            group.start_soon(_keep, out, number + 1, out[number])
    return out[3]


def anyio_chain() -> Trial:
    async def main() -> list[str]:
        return [await _anyio_three() for _ in range(CHAINS)]

    return on_loop(main)


def anyio_map() -> Trial:
    async def main() -> list[str]:
        out: dict[int, str] = {}
        async with anyio.create_task_group() as group:
            for number in range(BRANCHES):
                group.start_soon(_keep, out, number, str(number))
        return [out[number] for number in range(BRANCHES)]

    return on_loop(main)


def anyio_many(count: int) -> Trial:
    async def main() -> int:
        done: list[str] = []

        async def one() -> None:
            done.append(await _anyio_three())

        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(one)
        return sum(each == "go" for each in done)

    return on_loop(main)
