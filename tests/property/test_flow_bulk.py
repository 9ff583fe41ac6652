"""Scalar and bulk paths are equal: random flat definitions with guards, timers and handlers, random schedules."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.contracts.events import Emitted
from tickwright.systems.flows import FlowFilter, FlowManager, FlowsPlugin, Success, guard

ACTIONS = ["go", "back", "end"]


@guard(columns=("stock",))
def in_stock(stock):
    return stock > 0


@guard(columns=("stock", "weight"))
def light(stock, weight):
    return stock * weight < 3


@guard(columns=("stock",))
def picky(stock):
    if (stock == 2).any() if hasattr(stock, "any") else stock == 2:
        raise ValueError("two")
    return stock != 0


HANDLERS = {
    "in_stock": in_stock,
    "light": light,
    "picky": picky,
    "is_ann": lambda ctx, event: event.user == "ann",
    "note": lambda ctx, event: ctx.set_context("noted", event.action),
    "take": lambda ctx, event: ctx.set_context("stock", ctx.context()["stock"] - 1),
    "later": lambda ctx, event: ctx.send(ctx.instance(), "back", delay_s=0.02),
    "boom": lambda ctx, event: 1 / 0,
}
GUARDS = st.one_of(
    st.sampled_from(["in_stock", "light", "picky", "in_stock", "light", None, "is_ann"]),
    st.sampled_from(
        [
            {"expr": "stock > 1 and weight < 2.5"},
            {"expr": "stock * 2 - 1 >= 1 or not weight > 1"},
            {"expr": "stock / (stock - 1) > 1"},
            {"and": ["in_stock", {"not": "light"}]},
            {"or": ["in_stock", {"expr": "weight == 0.5"}]},
        ]
    ),
)


@st.composite
def transitions(draw, states):
    one = {"target": draw(st.sampled_from(states))}
    if (asked := draw(GUARDS)) is not None:
        one["guard"] = asked
    kind = draw(st.integers(0, 11))
    if kind == 10:
        one["actions"] = [draw(st.sampled_from(["note", "take", "later", "boom"]))]
    if kind == 11:
        del one["target"]
        one["actions"] = ["take"]
    return one


@st.composite
def definitions(draw):
    states = [f"s{i}" for i in range(draw(st.integers(2, 4)))]
    document = {
        "id": "random",
        "initial": "s0",
        "context": {"stock": 1},
        "context_types": {"stock": "i32", "weight": "f32"},
        "states": {state: {"on": {}} for state in states},
    }
    for state in document["states"].values():
        for action in ACTIONS if draw(st.booleans()) else ("go",):
            size = draw(st.sampled_from([1, 1, 1, 2]))
            state["on"][action] = [draw(transitions(states)) for _ in range(size)]
        if draw(st.integers(0, 3)) == 3:
            state["after"] = {str(draw(st.sampled_from([10, 25]))): draw(transitions(states))}
        if draw(st.integers(0, 9)) == 9:
            state["enter"] = "note"
    if draw(st.booleans()):
        document["states"]["end"] = {"type": "final"}
        document["states"]["s0"]["on"]["end"] = "end"
    return document


SCHEDULES = st.lists(
    st.tuples(st.lists(st.sampled_from([*ACTIONS, "what"]), min_size=6, max_size=6), st.sampled_from(["ann", "bob"])),
    min_size=3,
    max_size=6,
)
STOCK = st.lists(st.integers(-1, 3), min_size=6, max_size=6)


def opened(document):
    app = App(clock=ManualClock(start_ms=0, step_ms=10)).add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(document, handlers=HANDLERS)
    return app, flows


def seen(flows, instance):
    found = flows.get(instance)
    return (
        found.current_state,
        found.revision,
        found.context,
        found.history,
        found.updated_at,
        found.timers,
        found.done,
    )


@settings(deadline=None, max_examples=120)
@given(
    definitions(), SCHEDULES, st.lists(st.integers(-1, 3), min_size=6, max_size=6), st.sampled_from([0.0, 0.5, 1.25])
)
def test_a_batch_comes_to_what_single_sends_come_to(document, schedule, stock, weight):
    """Invariant I16."""
    app_one, bulk = opened(document)
    app_two, single = opened(document)
    with app_one, app_two:
        many = bulk.start_batch("random", 6, stock=stock, weight=weight)
        ones = [single.start("random", {"stock": each, "weight": weight}) for each in stock]
        for actions, user in schedule:
            ticket = bulk.send_batch(many, actions, user=user)
            results = []
            for it, action in zip(ones, actions, strict=True):
                single.enqueue(it, action, user=user)
            app_one.update()
            app_two.update()
            for position, it in enumerate(ones):
                assert seen(bulk, many[position]) == seen(single, it)
            results = [ticket.result(i) for i in range(6)]
            for position, result in enumerate(results):
                if isinstance(result, Success):
                    assert ticket.columns["status"][position] == 0
        told = [[(r.action, r.user, r.timestamp, str(r.result)) for r in flows.audit] for flows in (bulk, single)]
        assert sorted(told[0]) == sorted(told[1])
        for state in document["states"]:
            found = [len(flows.query(FlowFilter(state=state))) for flows in (bulk, single)]
            assert found[0] == found[1]


@settings(deadline=None, max_examples=60)
@given(definitions(), SCHEDULES, st.integers(0, 3))
def test_many_timers_at_once_come_to_what_each_alone_comes_to(document, schedule, stock):
    """Groups of timers are fired by columns, single ones by the step function."""
    app_one, bulk = opened(document)
    app_two, single = opened(document)
    with app_one, app_two:
        many = bulk.start_batch("random", 80, stock=stock)
        one = single.start("random", {"stock": stock})
        for actions, user in schedule:
            bulk.send_batch(many, actions[0], user=user)
            single.send_batch([one], actions[0], user=user)
            for _ in range(2):
                app_one.update()
                app_two.update()
        for instance in many[[0, 41, 79]]:
            assert seen(bulk, instance) == seen(single, one)


@settings(deadline=None, max_examples=60)
@given(definitions(), SCHEDULES, STOCK)
def test_the_quick_way_comes_to_what_the_step_comes_to(document, schedule, stock):
    outcomes = []
    for quick in (True, False):
        app, flows = opened(document)
        with app:
            events = app.world.events.register(Emitted).reader()
            if not quick:
                flows._store.tables[0].learn = lambda config, action: False
            ids = [flows.start("random", {"stock": each}) for each in stock]
            results = []
            for actions, user in schedule:
                for it, action in zip(ids, actions, strict=True):
                    try:
                        results.append(flows.send(it, action, user=user))
                    except Exception as error:
                        results.append(str(error))
                app.update()
            outcomes.append((results, [seen(flows, it) for it in ids], [str(each.event) for each in events.read()]))
    assert outcomes[0] == outcomes[1]
