"""The messages of misuse, word for word: tests/data/flows/errors.txt. Four parts each, names put back in."""

from pathlib import Path

import anyio
import pytest

from tickwright.ecs_core import App, ManualClock, TickwrightError
from tickwright.systems.flows import FlowManager, FlowsPlugin, from_scxml, from_xstate

GOLDEN = Path(__file__).resolve().parents[4] / "tests/data/flows/errors.txt"


def flat(**states):
    return {
        "id": "review",
        "initial": "draft",
        "states": {"draft": {"on": {"submit": "pending"}}, "pending": {}, **states},
    }


DEFINITIONS = {
    "unknown target": flat(draft={"on": {"submit": "pendign"}}),
    "missing initial": {"id": "review", "states": {"draft": {}}},
    "unreachable initial": {**flat(done={"initial": "x", "states": {"x": {}}}), "initial": "x"},
    "missing guard": flat(draft={"on": {"submit": "pending"}, "guards": {"submit": "canSubmit"}}),
    "missing handler": flat(pending={"enter": "notify"}),
    "flat parallel": flat(pending={"type": "parallel"}),
    "on in a final state": flat(done={"type": "final", "on": {"reopen": "draft"}}),
    "eventless cycle": flat(pending={"always": "done"}, done={"always": "pending"}),
    "expression": flat(draft={"on": {"submit": {"target": "pending", "guard": {"expr": "open('x')"}}}}),
    "nested too deep": '{"id":"d","initial":"a","states":'
    + '{"a":{"initial":"a","states":' * 200
    + "{}"
    + "}}" * 200
    + "}",
    "too many states": {"id": "wide", "initial": "s0", "states": {f"s{i}": {} for i in range(10_000)}},
    "unserialisable context": {**flat(), "context": {"when": {1, 2}}},
    "both spellings": flat(pending={"onDone": "draft", "on_done": "draft"}),
    "unknown key": flat(pending={"onn": {}}),
    "targets together": flat(draft={"on": {"submit": {"target": ["pending", "done"]}}}, done={}),
    "two ids": flat(pending={"id": "x"}, done={"id": "x"}),
    "wrong type": {**flat(), "contextTypes": {"n": "f16"}},
}


def messages():
    found = {}

    def say(name, call):
        with pytest.raises(TickwrightError) as error:
            call()
        found[name] = f"{type(error.value).__name__}: {error.value}"

    with App(clock=ManualClock()).add_plugins(FlowsPlugin()) as app:
        flows = app.world.resource(FlowManager)
        for name, document in DEFINITIONS.items():
            say(name, lambda document=document: flows.register(document))
        handlers = {"boom": lambda ctx, event: 1 / 0, "again": lambda ctx, event: flows.send(it, "submit"),
                    "slow": slow, "wild": lambda ctx, event: ctx.set_context("n", 1e999)}  # fmt: skip
        document = flat(pending={"on": {name: {"actions": [name]} for name in handlers}})
        flows.register({**document, "contextTypes": {"n": "i8"}}, handlers=handlers)
        it = flows.start("review")
        say("unknown flow", lambda: flows.start("reviews"))
        say("unknown instance", lambda: flows.send("nobody", "submit"))
        say("stale revision", lambda: flows.send(it, "submit", expected_revision=4))
        flows.send(it, "submit")
        say("raising handler", lambda: flows.send(it, "boom"))
        say("send inside a handler", lambda: flows.send(it, "again"))
        say("async handler", lambda: flows.send(it, "slow"))
        say("infinite number", lambda: flows.send(it, "wild"))
        say("handler too slow", lambda: anyio.run(lambda: flows.send_async(it, "slow", timeout_s=0.01)))
        say("typed field", lambda: flows.start("review", {"n": 500}))
        say("unserialisable data", lambda: flows.send(it, "boom", {"x": object()}))
        say("batch field", lambda: flows.start_batch("review", 2, m=1))
        say("batch shape", lambda: flows.start_batch("review", 2, n=[1, 2, 3]))
        say("migration", lambda: flows.migrate(it, {"pending": "gone"}))
        say("invoke", lambda: from_xstate({"initial": "a", "states": {"a": {"invoke": {"src": "x"}}}}))
        say("script", lambda: from_scxml("<scxml><state id='a'><onentry><script/></onentry></state></scxml>"))
    return found


async def slow(ctx, event):
    await anyio.sleep(60)


def test_the_messages_are_as_agreed():
    text = "".join(f"{name}\n    {message}\n" for name, message in messages().items())
    assert text == GOLDEN.read_text()
