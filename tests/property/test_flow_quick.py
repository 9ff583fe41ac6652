"""The quick way of a single send comes to what the whole step comes to, whatever the world does in between."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.ecs_core import App, ManualClock, component
from tickwright.systems.contracts.events import Emitted
from tickwright.systems.flows import FlowManager, FlowsPlugin, FlowState, GuardFailed, Success, UnknownInstanceError
from tickwright.systems.flows.stepper import Stepper

ACTIONS = ("go", "back", "note", "what")


@component
class Marked:
    by: int = 0


class Kept:
    """Contexts that handlers hold on to; what they say later is compared too."""

    def __init__(self):
        self.held = []

    def keep(self, ctx, event):
        self.held.append(ctx)

    def keep_and_hold(self, ctx, event):
        self.held.append(ctx)
        return True


def handlers(kept, world):
    def count(ctx, event):
        ctx.set_context("n", ctx.context()["n"] + 1)
        ctx.set_context("who", [ctx.current_user(), ctx.subject(), ctx.current_state(), ctx.now(), event.get("x")])

    def boom(ctx, event):
        ctx.set_context("n", -1)
        ctx.emit("test:never")
        raise ValueError(event.action)

    def move(ctx, event):
        world.insert(ctx.instance(), Marked(by=1))  # its row goes to another table of the world

    return {
        "count": count,
        "boom": boom,
        "move": move,
        "keep": kept.keep,
        "holds": kept.keep_and_hold,
        "emit": lambda ctx, event: ctx.emit("test:emitted", {"at": ctx.current_state()}),
        "again": lambda ctx, event: ctx.raise_("note", {"x": 7}),
        "later": lambda ctx, event: ctx.send(ctx.instance(), "back", delay_s=0.02),
        "other": lambda ctx, event: ctx.send(ctx.instance(), "note"),
        "nan": lambda ctx, event: ctx.set_context("n", float("nan")),
        "wide": lambda ctx, event: ctx.set_context("typed", 2**40),
        "few": lambda ctx, event: ctx.context()["n"] < 3,
        "ann": lambda ctx, event: (event.user == "ann", "only ann"),
        "odd": lambda ctx, event: 1 / (ctx.context()["n"] % 2),
        "params": lambda ctx, event: ctx.params()["yes"],
    }


CALLS = st.lists(
    st.sampled_from(
        ["count", "count", "count", "emit", "keep", "move", "again", "later", "other", "boom", "nan", "wide"]
    ),
    max_size=2,
)
GUARDS = st.sampled_from(
    [
        None, None, "few", "ann", "odd", "holds", {"expr": "n < 2 or event.user == 'bob'"}, {"not": "few"},
        {"and": ["few", "ann"]}, {"type": "params", "params": {"yes": False}}, {"in": "deep"},
    ]
)  # fmt: skip


@st.composite
def definitions(draw):
    """Flat and compound states; no history, timers or regions, which the whole step takes anyway."""
    names = ["a", "b", "deep"]
    targets = ["#a", "#b", "#deep", "#one", "#two", "#a", "#b"]

    def transition():
        one = {"guard": draw(GUARDS), "actions": draw(CALLS) if draw(st.integers(0, 3)) == 3 else []}
        if draw(st.integers(0, 4)):
            one["target"] = draw(st.sampled_from(targets))
        return {key: value for key, value in one.items() if value}

    def state(name, **more):
        on = {each: [transition() for _ in range(draw(st.sampled_from([1, 1, 2])))] for each in ("go", "back", "note")}
        return {"id": name, "on": on, "enter": draw(CALLS), "exit": draw(CALLS), **more}

    states = {name: state(name) for name in names[:2]}
    if draw(st.booleans()):
        states["deep"] = state("deep", initial="one", states={each: state(each) for each in ("one", "two")})
    else:
        states |= {name: state(name) for name in ("deep", "one", "two")}
    states["deep"].pop("enter")
    states["a"].pop("enter")  # a start must not fail
    typed = {"typed": "i32"} | ({"n": "i32"} if draw(st.booleans()) else {})
    document = {"id": "random", "initial": "a", "context": {"n": 0, "who": []}, "states": states}
    return document | ({"context_types": typed} if draw(st.booleans()) else {})


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("send"), st.integers(0, 3), st.sampled_from(ACTIONS), st.sampled_from([None, {"x": [1]}]),
            st.sampled_from(["ann", "bob"]),
        ),
        st.tuples(st.sampled_from(["start", "end", "mark", "tick", "again", "restore"]), st.integers(0, 3)),
    ),
    min_size=4,
    max_size=25,
)  # fmt: skip


def attempt(call, *args, **named):
    try:
        return call(*args, **named)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def run(document, steps, *, quick):
    """Do the steps and return all that can be seen of them."""
    app = App(clock=ManualClock(start_ms=0, step_ms=10)).add_plugins(FlowsPlugin())
    with app:
        app.add_component(Marked)
        flows, kept = app.world.resource(FlowManager), Kept()

        def register():
            flows.register(document, handlers=handlers(kept, app.world))
            if not quick:
                flows._store.tables[0].learn = lambda at, action: False

        register()
        events = app.world.events.register(Emitted).reader()
        ids = [flows.start("random", {"n": n % 2}, subject=["", "one.md"][n % 2]) for n in range(3)]
        told = []
        for what, at, *rest in steps:
            one = ids[at % len(ids)]
            if what == "send":
                told.append(attempt(flows.send, one, rest[0], rest[1], user=rest[2]))
            elif what == "start":
                ids.append(flows.start("random"))
            elif what == "end":
                told.append(attempt(flows.despawn, one))
            elif what == "mark":
                told.append(attempt(app.world.insert, one, Marked(by=at)))
            elif what == "tick":
                app.update()
            elif what == "again":
                register()
            else:
                app.restore(app.snapshot())
            told.append([looks_like(app, flows, each) for each in ids])
        told.append([(ctx.instance(), attempt(ctx.current_state)) for ctx in kept.held])
        told.append([(r.instance, r.action, r.user, r.timestamp, str(r.result)) for r in flows.audit])
        told.append([str(each.event) for each in events.read()])
        return told


def looks_like(app, flows, instance):
    found = flows.get(instance)
    return found and (found, str(app.world.get(instance, FlowState)))


@settings(deadline=None, max_examples=150)
@given(definitions(), STEPS)
def test_the_quick_way_comes_to_what_the_whole_step_comes_to(document, steps):
    assert run(document, steps, quick=True) == run(document, steps, quick=False)


PLAIN = {"a": {"on": {"go": "b"}}, "b": {"on": {"go": "a"}}}
DOCUMENTS = {
    "plain": {"states": PLAIN},
    "guarded": {
        "context": {"n": 0},
        "states": {
            "a": {"on": {"go": [{"target": "a", "guard": {"expr": "n > 99"}}, {"target": "b", "guard": "yes"}]}},
            "b": {"on": {"go": {"target": "a", "guard": {"and": ["yes", {"not": {"expr": "n > 99"}}]}}}},
        },
    },
    "handlers everywhere": {
        "context": {"n": 0},
        "states": {
            name: {"enter": "count", "exit": "count", "on": {"go": {"target": to, "actions": ["count", "emit"]}}}
            for name, to in (("a", "b"), ("b", "a"))
        },
    },
    "nested": {
        "context": {"n": 0},
        "states": {
            "a": {"initial": "in", "enter": "count", "on": {"go": "b"}, "states": {"in": {"enter": "count"}}},
            "b": {"on": {"go": "a.in"}},
        },
    },
    "inside": {"context": {"n": 0}, "states": {"a": {"on": {"go": {"actions": ["count"]}}}}},
    "typed": {
        "context_types": {"n": "i32"},
        "states": {
            "a": {"on": {"go": {"target": "b", "guard": {"expr": "n < 9"}}}},
            "b": {"on": {"go": "a"}, "enter": "count"},
        },
    },
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_people_write_goes_the_quick_way(name, monkeypatch):
    def count(ctx, event):
        ctx.set_context("n", ctx.context()["n"] + 1)

    with App(clock=ManualClock()).add_plugins(FlowsPlugin()) as app:
        flows = app.world.resource(FlowManager)
        given_ = {"count": count, "yes": lambda ctx, event: True, "emit": lambda ctx, event: ctx.emit("test:x")}
        flows.register({"id": "x", "initial": "a", **DOCUMENTS[name]}, handlers=given_)
        one = flows.start("x", subject="note.md")
        flows.send(one, "go", user="ann")
        flows.send(one, "go", user="ann")
        monkeypatch.setattr(Stepper, "take_whole", None)
        assert isinstance(flows.send(one, "go", {"x": 1}, user="bob"), Success)
        assert flows.get(one).revision == 3


def test_each_send_has_its_own_event():
    seen = []

    with App(clock=ManualClock()).add_plugins(FlowsPlugin()) as app:
        flows = app.world.resource(FlowManager)
        states = {"a": {"on": {"go": {"actions": ["see"]}, "come": {"actions": ["see"]}}}}
        handlers = {"see": lambda ctx, event: seen.append({**event, "by": ctx.current_user(), "at": ctx.now()})}
        flows.register({"id": "x", "initial": "a", "states": states}, handlers=handlers)
        one = flows.start("x")
        sent = [
            ("go", None, "ann"), ("go", {"x": 1}, "ann"), ("go", {"x": 2}, "ann"), ("go", None, "ann"),
            ("come", None, "ann"), ("come", None, "bob"), ("come", None, "bob"),
        ]  # fmt: skip
        for action, data, user in (*sent, *sent):
            flows.send(one, action, data, user=user)
            if len(seen) == len(sent):
                app.update()
        assert [(each["action"], each["data"], each["user"]) for each in seen] == [*sent, *sent]
        assert [each["by"] for each in seen] == [user for *_, user in (*sent, *sent)]
        assert {each["timestamp"] for each in seen[: len(sent)]} == {seen[0]["at"]}
        assert {each["timestamp"] for each in seen[len(sent) :]} == {app.world.now()} != {seen[0]["at"]}
        assert [each.data for each in flows.history(one)] == [data for _, data, _ in (*sent, *sent)]


def test_a_row_that_moved_is_found_again():
    with App(clock=ManualClock()).add_plugins(FlowsPlugin()) as app:
        app.add_component(Marked)
        flows = app.world.resource(FlowManager)
        flows.register({"id": "x", "initial": "a", "states": PLAIN})
        one, two, three = (flows.start("x") for _ in range(3))
        for each in (one, two, three, one, two, three):
            flows.send(each, "go")
        app.world.insert(three, Marked())  # into another table
        flows.send(three, "go")
        flows.despawn(one)  # another takes its row
        flows.send(two, "go")
        flows.start_batch("x", 100)  # the columns grow
        flows.send(two, "go")
        assert [flows.get(each).revision for each in (two, three)] == [4, 3]
        assert [app.world.get(each, FlowState).state for each in (two, three)] == ["a", "b"]
        with pytest.raises(UnknownInstanceError):
            flows.send(one, "go")


def test_a_context_that_a_guard_or_handler_keeps_is_its_own():
    held = []

    def holds(ctx, event):
        held.append(ctx)
        return event.user != "eve"

    with App(clock=ManualClock()).add_plugins(FlowsPlugin()) as app:
        flows = app.world.resource(FlowManager)
        states = {"a": {"on": {"go": {"target": "b", "guard": "holds"}}}, "b": {"exit": "holds", "on": {"go": "a"}}}
        flows.register({"id": "x", "initial": "a", "states": states}, handlers={"holds": holds})
        one, two = (flows.start("x", subject=each) for each in ("one", "two"))
        assert isinstance(flows.send(one, "go", user="eve"), GuardFailed)
        for each in (one, two, one, two):
            flows.send(each, "go", user="ann")
        said = [(ctx.instance(), ctx.subject(), ctx.current_user(), ctx.current_state()) for ctx in held]
        assert said == [
            (one, "one", "eve", "a"), (one, "one", "ann", "b"), (two, "two", "ann", "b"),
            (one, "one", "ann", "a"), (two, "two", "ann", "a"),
        ]  # fmt: skip
