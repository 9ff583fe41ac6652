import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import App, AppSnapshotError, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin, GuardFailed, InvalidAction, InvalidState, Success

FLAT = {
    "id": "flat",
    "initial": "a",
    "context": {"notes": []},
    "context_types": {"stock": "i32"},
    "states": {
        "a": {"on": {"go": "b"}, "after": {"50": "late"}},
        "b": {"on": {"back": "a", "end": "c"}},
        "late": {"on": {"go": "b"}},
        "c": {"type": "final"},
    },
}
DEEP = {
    "id": "deep",
    "initial": "work",
    "context": {"count": 0},
    "states": {
        "work": {
            "type": "parallel",
            "states": {
                "left": {"initial": "one", "states": {"one": {"on": {"l": "two"}}, "two": {"on": {"l": "one"}}}},
                "right": {"initial": "x", "states": {"x": {"on": {"r": "y"}}, "y": {}, "hist": {"type": "history"}}},
            },
            "on": {"pause": "paused"},
            "enter": "count",
        },
        "paused": {"on": {"resume": "work.right.hist"}, "after": {"30": "work"}},
    },
}
ACTIONS = ("go", "back", "end", "l", "r", "pause", "resume", "nothing")


def count(ctx, event):
    ctx.set_context("count", ctx.context()["count"] + 1)
    ctx.set_context("log", [*ctx.context().get("log", []), event.action])


def build(*, definitions=(FLAT, DEEP)) -> tuple[App, FlowManager]:
    app = App(clock=ManualClock(start_ms=1_000, step_ms=16)).add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    for definition in definitions:
        flows.register(definition, handlers={"count": count})
    return app, flows


def seen(flows: FlowManager) -> list[object]:
    return [flows.get(each) for each in sorted(flows.query().ids.tolist())]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.sampled_from(["flat", "deep"])),
        st.tuples(st.just("send"), st.integers(0, 5), st.sampled_from(ACTIONS)),
        st.tuples(st.just("enqueue"), st.integers(0, 5), st.sampled_from(ACTIONS)),
        st.tuples(st.just("batch"), st.sampled_from(ACTIONS)),
        st.tuples(st.just("tick"), st.just(0)),
    ),
    max_size=14,
)


def play(app: App, flows: FlowManager, program) -> list[object]:
    """Do a program; what it answers is all that a caller could see."""
    said: list[object] = []
    for kind, *given_ in program:
        ids = sorted(flows.query().ids.tolist())
        if kind == "start":
            flow = given_[0]
            typed = {"stock": len(ids), "notes": [flow]} if flow == "flat" else {"extra": {"a": [1]}}
            said.append(flows.start(flow, typed, subject=f"s{len(ids)}", user="ann"))
        elif kind == "tick":
            app.update()
        elif ids and kind == "batch":
            said.append(flows.send_batch(ids, given_[0], user="bob"))
        elif ids and kind == "send":
            one = ids[given_[0] % len(ids)]
            said.append(flows.send(one, given_[1], {"k": [1]}, user="cat", key=f"{len(said) % 3}"))
        elif ids:
            flows.enqueue(ids[given_[0] % len(ids)], given_[1], user="dan")
    return [
        (each.columns["status"].tolist(), each.columns["revision"].tolist()) if hasattr(each, "columns") else each
        for each in said
    ]


@given(before=steps, after=steps)
def test_a_restored_app_goes_on_as_the_saved_one(before, after):
    one, flows = build()
    flows.start_batch("flat", 3, stock=np.arange(3), subject=["x", "y", "z"])
    play(one, flows, before)
    other, restored = build()
    play(other, restored, [("start", "deep"), ("send", 0, "l"), ("start", "flat")])  # what was there is forgotten
    other.restore(one.snapshot())
    assert seen(restored) == seen(flows)
    assert other.digest() == one.digest()
    tail = [*after, ("tick", 0), ("tick", 0), ("tick", 0)]
    assert play(other, restored, tail) == play(one, flows, tail)
    assert seen(restored) == seen(flows)
    assert other.digest() == one.digest()
    one.close()
    other.close()


def test_an_answer_to_a_key_is_kept():
    one, flows = build()
    flow = flows.start("flat")
    answers = [flows.send(flow, action, key=action) for action in ("go", "nothing")]
    other, restored = build()
    other.restore(one.snapshot())
    assert [restored.send(flow, action, key=action) for action in ("go", "nothing")] == answers
    assert isinstance(answers[0], Success)
    assert isinstance(answers[1], InvalidAction)


def test_a_queued_batch_is_taken_after_the_restore():
    one, flows = build()
    ids = flows.start_batch("flat", 4)
    flows.send_batch(ids, "go", user="ann")
    other, restored = build()
    other.restore(one.snapshot())
    other.update()
    assert [restored.get(each).current_state for each in ids.tolist()] == ["b"] * 4
    assert restored.history(int(ids[0]))[0].user == "ann"


def test_instances_follow_a_definition_that_has_changed_since():
    one, flows = build()
    kept, lost = flows.start("flat", {"stock": 7}), flows.start("flat")
    flows.send(kept, "go")
    other, restored = build(
        definitions=(
            {
                **FLAT,
                "initial": "b",
                "states": {"z": {"after": {"9": "b"}}, "b": {"on": {"end": "c"}}, "c": {"type": "final"}},
            },
            DEEP,
        )
    )
    other.restore(one.snapshot())
    assert restored.get(kept).context["stock"] == 7
    assert [line.action for line in restored.history(kept)] == ["go"]
    assert restored.send(kept, "end") == Success("c")
    assert isinstance(restored.send(lost, "go"), InvalidState)


def test_a_definition_that_is_missing_is_named():
    one, flows = build()
    flows.start("deep")
    other, restored = build(definitions=(FLAT,))
    with pytest.raises(AppSnapshotError, match="flow deep"):
        other.restore(one.snapshot())
    assert len(restored.query()) == 0


def test_guards_are_those_of_the_app_that_restores():
    guarded = {
        "id": "g",
        "initial": "a",
        "states": {"a": {"on": {"go": "b"}, "guards": {"go": "may"}}, "b": {}},
    }

    def make(answer):
        app = App(clock=ManualClock()).add_plugins(FlowsPlugin())
        app.world.resource(FlowManager).register(guarded, handlers={"may": lambda ctx, event: answer})
        return app

    one = make(True)
    flow = one.world.resource(FlowManager).start("g")
    other = make(False)
    other.restore(one.snapshot())
    assert isinstance(other.world.resource(FlowManager).send(flow, "go"), GuardFailed)


@pytest.mark.parametrize("odd", ["caf\udce9", 2**70, {"\ud800": [-(2**63) - 1]}])
def test_any_text_and_number_survives(odd):
    one, flows = build()
    flow = flows.start("deep", {"odd": odd}, subject="\udcff")
    flows.enqueue(flow, "l", {"odd": odd})
    flows.send(flow, "l", odd)
    other, restored = build()
    other.restore(one.snapshot())
    assert restored.get(flow) == flows.get(flow)
    assert restored.history(flow) == flows.history(flow)
    assert other.digest() == one.digest()
    for app in (one, other):
        app.update()
    assert restored.get(flow) == flows.get(flow)
