"""The rules of flows that no other file is about: reading, wildcards, built-in actions, queues, timers, migration."""

# ruff: noqa: E501 - a definition reads best on one line

import json
from contextlib import suppress

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import (
    FlowBuilder,
    FlowConflictError,
    FlowDefinitionError,
    FlowError,
    FlowFilter,
    FlowManager,
    FlowsPlugin,
    GuardFailed,
    InvalidAction,
    InvalidState,
    Success,
    UnknownFlowError,
    from_scxml,
    from_xstate,
    guard,
    json_schema,
    read_definition,
    replay,
    to_json,
)
from tickwright.systems.flows.checks import dead_ends, unreachable
from tickwright.systems.flows.replay import compile_flow


@pytest.fixture
def app():
    with App(clock=ManualClock(start_ms=1000, step_ms=10)) as made:
        yield made.add_plugins(FlowsPlugin())


def flat(**states):
    return {"id": "f", "initial": next(iter(states)), "states": states}


def started(flows, document, *, handlers=None, **given_):
    flows.register(document, handlers=handlers)
    return flows.start(document["id"], **given_)


# -- definitions ---------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["a", "b", "normal", "parallel", "#a", ""])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["a", "b", "id", "type", "initial", "states", "on", "always", "after", "target", "guard", "actions",
                 "enter", "exit", "guards", "context", "contextTypes", "tags", "options", "history", "onDone", "10"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_any_document_is_read_or_refused_by_a_typed_error(document):
    document = {"id": "x", "initial": "a", **document} if isinstance(document, dict) else document
    handlers = {name: lambda c, e: True for name in ("a", "b", "normal", "parallel")}
    with suppress(FlowDefinitionError):
        assert compile_flow(document, handlers).nodes


@pytest.mark.parametrize("depth", [65, 200, 5000])
def test_deep_nesting_is_a_typed_error(depth):
    text = '{"id":"d","initial":"a","states":' + '{"a":{"initial":"a","states":' * depth + "{}" + "}}" * depth + "}"
    with pytest.raises(FlowDefinitionError):
        read_definition(text)


def test_the_schema_takes_every_short_form_and_what_is_written():
    validator = jsonschema.Draft202012Validator(json_schema())
    documents = [
        flat(a={"on": {"go": "b", "back": ["a", {"target": "b", "guard": {"not": {"and": ["x", {"in": "a"}]}}}]}}, b={}),
        {**flat(a={"entry": ["x", {"type": "y", "params": {"n": 1}}], "always": {"guard": {"expr": "n > 1"}}}),
         "contextTypes": {"n": "i32"}, "context": {"n": 1}, "options": {"maxMicrosteps": 3}},
        {"id": "p", "type": "parallel", "states": {"r": {"states": {"h": {"type": "history", "history": "deep"}}}}},
        json.loads(to_json(from_scxml("<scxml><state id='a'><transition event='x' target='a'/></state></scxml>"))),
    ]  # fmt: skip
    for document in documents:
        validator.validate(document)
    for wrong in ({"id": "x"}, flat(a={"typ": "final"}), flat(a={"on": {"go": []}}), {**flat(a={}), "version": []}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(wrong)


def test_an_empty_table_stands_for_an_empty_list():
    state = {"on": {"go": {"target": {}, "actions": {}}}, "enter": {}, "exit": {}, "tags": {}, "always": {}}
    plain = {"id": "f", "initial": "a", "states": {"a": {"on": {"go": {}}}}}
    assert read_definition({"id": "f", "initial": "a", "states": {"a": state}}) == read_definition(plain)


def test_the_hash_follows_what_the_definition_says():
    one = read_definition(flat(a={"on": {"go": "b"}}, b={}))
    assert one.content_hash == read_definition(to_json(one)).content_hash
    assert one.content_hash != read_definition({**flat(b={}, a={"on": {"go": "b"}}), "initial": "a"}).content_hash
    assert one.content_hash != read_definition({**flat(a={"on": {"go": "b"}}, b={}), "context": {"n": 1}}).content_hash


def test_versions_stand_side_by_side(flows):
    old = started(flows, {**flat(a={"on": {"go": "b"}}, b={}), "version": "1"})
    new = started(flows, {**flat(a={"on": {"go": "c"}}, c={}), "version": "2"})
    assert [flows.send(each, "go") for each in (old, new)] == [Success("b"), Success("c")]
    assert (flows.get(old).definition_version, flows.definition("f").version) == ("1", "2")
    assert flows.definition("f", "1").version == "1"
    with pytest.raises(UnknownFlowError):
        flows.definition("f", "3")


def test_a_flow_is_built_in_python(flows):
    def not_author(ctx, event):
        return ctx.context()["author"] != event.user, "nobody approves their own"

    def shout(ctx, event):
        ctx.set_context("shouted", True)

    builder = (
        FlowBuilder("review", context={"author": ""})
        .state("draft").on("submit", "pending")
        .state("pending", exit=shout)
        .on("approve", "approved", guard={"and": [not_author, {"expr": "author != ''"}]})
        .after(50, "draft")
        .parallel("approved").on_done("#end")
        .state("approved.mail.open").on("sent", "done").final("approved.mail.done")
        .state("approved.log").final("approved.log.done")
        .final("end", id="end")
    )  # fmt: skip
    flows.register(builder.build(), handlers=builder.handlers)
    it = flows.start("review", {"author": "ann"})
    flows.send(it, "submit")
    assert flows.send(it, "approve", user="ann").reason == "nobody approves their own"
    assert flows.send(it, "approve", user="bob") == Success("approved")
    assert flows.get(it).value == {"approved": {"mail": "open", "log": "done"}}
    assert flows.send(it, "sent") == Success("end")
    assert flows.get(it).context["shouted"]
    with pytest.raises(FlowDefinitionError, match="no name"):
        FlowBuilder("x").state("a", enter=lambda c, e: None)


def test_unreachable_states_and_dead_ends_are_named():
    flow = compile_flow(flat(a={"on": {"go": "b"}}, b={"initial": "x", "states": {"x": {}, "y": {}}}, c={}))
    assert (unreachable(flow), dead_ends(flow)) == (("b.y", "c"), ("b.x",))


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (flat(a={"on": {"go": {"target": ["b", "c"]}}}, b={}, c={}), "active together"),
        (flat(a={"always": "a"}), "eventless cycle"),
        (flat(a={"always": "b"}, b={"initial": "c", "states": {"c": {"always": "a"}}}), "eventless cycle"),
        (flat(a={"always": {"actions": []}}), "eventless cycle"),
        ({**flat(a={}, b={"states": {"c": {}}, "initial": "c"}), "initial": "c"}, "cannot reach 'c'"),
        (flat(a={"initial": "h", "states": {"h": {"type": "history"}, "b": {}}}), "no default but itself"),
        (flat(a={"after": {"-1": "a"}}), "no delay"),
        (flat(a={"on": {"after.x": "a"}}), "cannot name an action"),
        (flat(a={"enter": {"type": "flow.fly"}}), "no built-in action"),
        (flat(a={"enter": {"type": "flow.assign", "params": {"key": "n"}}}), "neither `expr` nor `value`"),
        ({**flat(a={}), "contextTypes": {"n": "i8"}, "context": {"n": 500}}, "cannot hold 500"),
        ({**flat(a={}), "contextTypes": {"not a name": "i8"}}, "cannot be a name"),
    ],
)
def test_what_cannot_be_is_refused_when_registered(flows, document, named):
    with pytest.raises(FlowDefinitionError, match=named):
        flows.register(document)
    assert flows.definitions() == []


# -- choosing ------------------------------------------------------------------------------------------------------


def test_wildcards_stand_behind_names_and_longer_ones_before_shorter(flows):
    it = started(flows, flat(a={"on": {"*": "any", "key.*": "key", "key.up.*": "up", "key.up": "exact"}},
                             any={}, key={}, up={}, exact={}))  # fmt: skip
    answers = {}
    for action in ("key.up", "key.up.long", "key.down", "key", "other"):
        one = flows.start("f")
        answers[action] = flows.send(one, action).new_state
    assert list(answers.values()) == ["exact", "up", "key", "key", "any"]
    assert flows.send(it, "done.state.a") == InvalidAction("done.state.a", "a")


def test_wildcards_work_in_bulk(flows):
    flows.register(flat(a={"on": {"*": "b", "go": "c"}}, b={}, c={}))
    ids = flows.start_batch("f", 3)
    ticket = flows.send_batch(ids, ["go", "other", "more"])
    flows.advance()
    assert [ticket.result(i) for i in range(3)] == [Success("c"), Success("b"), Success("b")]


def test_actions_lists_what_active_states_know(flows):
    it = started(flows, {"id": "p", "type": "parallel", "states": {
        "l": {"initial": "a", "states": {"a": {"on": {"x": "b"}}, "b": {"type": "final"}}}, "r": {"on": {"y": "l"}}}})  # fmt: skip
    assert flows.actions(it) == ("x", "y")


# -- built-in actions and delayed sends ----------------------------------------------------------------------------


def test_a_flow_of_data_alone_counts_raises_and_waits(app, flows):
    assign = {"type": "flow.assign", "params": {"key": "n", "expr": "n + event.by"}}
    document = {
        **flat(
            a={"on": {"add": {"actions": [assign, {"type": "flow.raise", "params": {"action": "check"}}]},
                      "check": {"target": "b", "guard": {"expr": "n > 2"}}}},
            b={"enter": {"type": "flow.send", "params": {"action": "end", "delay_s": 0.025}},
               "on": {"end": "c", "stay": {"actions": {"type": "flow.cancel", "params": {"id": "end"}}}}},
            c={},
        ),
        "context": {"n": 0},
    }  # fmt: skip
    one, two = started(flows, document), flows.start("f")
    for it in (one, two):
        assert flows.send(it, "add", {"by": 1}) == Success("a")
        assert flows.send(it, "add", {"by": 2}) == Success("b")
        assert flows.get(it).timers == ((1025, "end"),)
    flows.send(two, "stay")
    for _ in range(4):
        app.update()
    assert [flows.get(it).current_state for it in (one, two)] == ["c", "b"]
    assert flows.history(one)[-1].timestamp == 1025


def test_a_flow_cannot_forge_the_engines_events(flows):
    document = flat(a={"on": {"go": {"actions": "forge"}}})
    it = started(flows, document, handlers={"forge": lambda ctx, event: ctx.emit("flow:finished", {})})
    with pytest.raises(FlowError, match="flow:finished"):
        flows.send(it, "go")


# -- queues --------------------------------------------------------------------------------------------------------


def test_queued_and_batched_actions_keep_the_order_given(app, flows):
    it = started(flows, flat(a={"on": {str(i): {"actions": []} for i in range(6)}}))
    flows.enqueue(it, "0")
    flows.send_batch([it, it], ["1", "2"])
    flows.enqueue(it, "3")
    ticket = flows.send_batch([it], "4")
    flows.send(it, "5")
    assert [each.action for each in flows.history(it)] == ["0", "1", "2", "3", "4", "5"]
    app.update()
    assert (ticket.result(0), len(flows.history(it))) == (Success("a"), 6)


def test_many_queued_actions_are_stepped_together_and_come_to_the_same(app, flows):
    flows.register(flat(a={"on": {"go": "b"}}, b={"on": {"go": "a", "stop": "c"}}, c={"type": "final"}))
    ids = flows.start_batch("f", 100)
    for instance in ids:
        flows.enqueue(instance, "go")
    for instance in ids[:70]:
        flows.enqueue(instance, "stop")
    app.update()
    assert len(flows.query(FlowFilter(state="c"))) == 70
    assert [each.action for each in flows.history(ids[0])] == ["go", "stop"]


def test_actions_may_be_numbers(flows):
    flows.register({**flat(a={"on": {"go": "b", "end": "c"}, "after": {"5": "c"}}, b={}, c={})})
    codes = flows.action_codes("f")
    ids = flows.start_batch("f", 4)
    ticket = flows.send_batch(ids, np.array([codes["go"], codes["end"], -1, 2], np.int32))
    flows.advance()
    assert ticket.columns["status"].tolist() == [0, 0, 2, 2]
    assert ticket.result(2) == InvalidAction("-1", "a")


@pytest.mark.parametrize("way", ["tick", "drain", "snapshot"])
def test_actions_by_number_work_where_the_scalar_step_takes_them(app, flows, way):
    inner = {"initial": "x", "states": {"x": {}}, "on": {"go": "b", "end": "c"}}
    flows.register(flat(a=inner, b={"on": {"end": "a"}}, c={}))
    it = flows.start("f")
    ticket = flows.send_batch([it], np.array([flows.action_codes("f")["go"]], np.int32))
    if way == "drain":
        assert flows.send(it, "end") == Success("a.x")
    elif way == "snapshot":
        app.restore(app.snapshot())
    app.update()
    assert [each.action for each in flows.history(it)] == {"drain": ["go", "end"]}.get(way, ["go"])
    assert way == "snapshot" or ticket.result(0) == Success("b")


def test_a_batch_of_strangers_harms_nobody(app, flows):
    it = started(flows, flat(a={"on": {"go": "b"}}, b={}))
    ticket = flows.send_batch([it, 0, -1, 10**12, it], "go")
    app.update()
    assert ticket.columns["status"].tolist() == [0, 4, 4, 4, 2]
    with pytest.raises(FlowError, match="are no ids"):
        flows.send_batch(["x"], "go")
    with pytest.raises(FlowError, match="2 actions for 1 ids"):
        flows.send_batch([it], ["a", "b"])


def test_rejections_are_in_the_audit_stream_one_by_one_or_many(app):
    flows = FlowManager(app.world, audit=3000)
    flows.register(
        {**flat(a={"on": {"go": {"target": "b", "guard": {"expr": "n > 0"}}}}, b={}), "contextTypes": {"n": "i32"}}
    )
    ids = flows.start_batch("f", 4000, n=0)
    flows.send(ids[0], "what", user="ann")
    flows.send_batch(ids, "go", user="bob")
    flows.advance()
    assert len(flows.audit) == 3000
    last = flows.audit[-1]
    assert (last.instance, last.action, last.user, last.timestamp) == (ids[-1], "go", "bob", 1000)
    assert last.result == GuardFailed(
        "n > 0", "guard `n > 0` returned false", (("n > 0", "guard `n > 0` returned false"),)
    )
    assert flows.get(ids[0]).history == ()


# -- starting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "given_", "named"),
    [
        (-1, {}, "number of instances"),
        (2, {"m": 1}, "no typed field 'm'"),
        (2, {"n": [1, 2, 3]}, "does not fit"),
        (2, {"n": [1.5, 2]}, "cannot"),
        (2, {"n": 2**40}, "cannot"),
        (2, {"x": [float("nan"), 1]}, "cannot"),
        (2, {"subject": ["a"]}, "1 subjects"),
    ],
)
def test_a_batch_starts_as_a_whole_or_not_at_all(flows, n, given_, named):
    flows.register({**flat(a={}), "contextTypes": {"n": "i32", "x": "f64"}})
    with pytest.raises(FlowError, match=named):
        flows.start_batch("f", n, **given_)
    assert len(flows.query()) == 0


def test_a_batch_whose_handler_fails_leaves_no_instance(flows):
    def enter(ctx, event):
        if ctx.context()["n"] == 2:
            raise ValueError("two")

    flows.register({**flat(a={"enter": "enter"}), "contextTypes": {"n": "i32"}}, handlers={"enter": enter})
    with pytest.raises(FlowError):
        flows.start_batch("f", 3, n=[1, 2, 3])
    assert len(flows.query()) == 0


# -- timers --------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(1, 100))
def test_splitting_a_tick_changes_nothing(steps, n):
    """Invariant I19, for single timers and for groups."""
    document = flat(a={"after": {"7": "b"}}, b={"after": {"3": "a", "5": "c"}}, c={})
    outcomes = []
    for ticks in (steps, [sum(steps)]):
        with App(clock=ManualClock(start_ms=0, step_ms=1)).add_plugins(FlowsPlugin()) as app:
            flows = app.world.resource(FlowManager)
            flows.register(document)
            ids = flows.start_batch("f", n)
            app.update(0.0)
            for step in ticks:
                app.update(step / 1000)
            outcomes.append([flows.get(each) for each in (ids[0], ids[-1])])
    assert outcomes[0] == outcomes[1]


def test_a_timer_that_is_late_goes_on_from_what_happened_meanwhile(app, flows):
    flows.register(flat(a={"after": {"15": "b"}, "on": {"note": {"actions": []}}}, b={}))
    ids = flows.start_batch("f", 100)
    app.update(0.0)
    app.world.set_now(lambda: 1018)
    flows.send(ids[5], "note")
    flows.advance()
    assert [flows.history(ids[i])[-1].timestamp for i in (4, 5)] == [1015, 1018]


def test_timers_that_nobody_waits_for_are_swept(app, flows):
    flows.register(flat(a={"after": {"100000": "b"}, "on": {"again": "a"}}, b={}))
    ids = flows.start_batch("f", 100)
    for _ in range(200):
        flows.send_batch(ids, "again")
        app.update()
    assert flows._store.calendar.entries <= 8192
    assert flows.get(ids[0]).timers == ((flows.get(ids[0]).updated_at + 100000, "after.0.a"),)


# -- history, replay, migration ------------------------------------------------------------------------------------


def test_a_history_replays_to_state_and_context(app, flows):
    def add(ctx, event):
        ctx.set_context("n", ctx.context()["n"] + event["by"])

    document = {
        **flat(a={"on": {"add": {"target": "b", "actions": "add"}}}, b={"after": {"5": "a"}, "on": {"add": "a"}}),
        "context": {"n": 1},
        "contextTypes": {"n": "i32"},
    }
    it = started(flows, document, handlers={"add": add}, initial_context={"n": 5}, user="ann")
    flows.send(it, "add", {"by": 2})
    for _ in range(2):
        app.update()
    flows.send(it, "add", {"by": 3})
    found = flows.get(it)
    again = replay(document, found.started_with, found.history, handlers={"add": add})
    assert (again.current_state, again.context, again.context["n"]) == (found.current_state, found.context, 10)
    assert flows.replay(it) == again
    with pytest.raises(FlowError, match="came to"):
        replay({**document, "states": {**document["states"], "c": {}, "a": {"on": {"add": "c"}}}},
               found.started_with, found.history)  # fmt: skip


def test_a_definition_migrates_as_a_whole_or_not_at_all(flows):
    ids = [
        started(flows, {**flat(a={"on": {"go": "b"}}, b={}), "context": {"n": 1}}),
        flows.start("f"),
        flows.start("f"),
    ]
    flows.send(ids[0], "go")
    flows.send(ids[1], "go")
    flows.register({**flat(a={}, c={"after": {"10": "a"}}), "context": {"n": 1}})
    with pytest.raises(FlowError, match="no state for 'b'"):
        flows.migrate_all("f", {})
    assert flows.migrate_all("f", {"b": "c"}, dry_run=True) == {ids[0]: "c", ids[1]: "c"}
    assert flows.send(ids[0], "go") == InvalidState("b")
    with pytest.raises(FlowError):
        flows.migrate_all("f", {"b": "c"}, lambda context: {"n": object()})
    assert flows.send(ids[1], "go") == InvalidState("b")
    assert flows.migrate_all("f", {"b": "c"}, lambda context: {"n": context["n"] + 1}) == {ids[0]: "c", ids[1]: "c"}
    found = flows.get(ids[0])
    assert (found.current_state, found.context["n"], found.revision, found.timers) == (
        "c",
        2,
        2,
        ((1010, "after.0.c"),),
    )
    assert [(each.from_, each.to, each.action) for each in found.history[-1:]] == [("b", "c", "flow.migrate")]
    with pytest.raises(FlowConflictError):
        flows.send(ids[0], "go", expected_revision=1)


def test_queries_by_age_and_done(app, flows):
    flows.register(flat(a={"on": {"end": "z"}}, z={"type": "final"}))
    ids = flows.start_batch("f", 4)
    app.update()
    app.update()
    flows.send(ids[1], "end")
    assert list(flows.query(FlowFilter(done=True))) == [ids[1]]
    assert list(flows.query(FlowFilter(updated_after=1000))) == [ids[1]]
    assert list(flows.query(FlowFilter(updated_before=1010, done=False))) == [ids[0], ids[2], ids[3]]


def test_a_guard_over_columns_cannot_write(flows):
    @guard(columns=("n",))
    def greedy(n):
        n -= 1
        return n >= 0

    document = {**flat(a={"on": {"go": {"target": "b", "guard": "greedy"}}}, b={}), "contextTypes": {"n": "i32"}}
    flows.register(document, handlers={"greedy": greedy})
    ids = flows.start_batch("f", 3, n=5)
    flows.send_batch(ids, "go")
    flows.advance()
    assert [flows.get(each).context["n"] for each in ids] == [5, 5, 5]


def test_an_xstate_machine_and_a_flow_of_the_same_text_hash_alike():
    machine = {"id": "m", "initial": "a", "states": {"a": {"on": {"x": {"target": "b", "reenter": True}}}, "b": {}}}
    assert from_xstate(machine).content_hash == read_definition(machine).content_hash
