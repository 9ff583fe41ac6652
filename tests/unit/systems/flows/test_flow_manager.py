"""The manager: results, all or nothing, timers, queues, bulk equal to scalar, and the review workflow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import (
    FlowConflictError,
    FlowError,
    FlowFilter,
    FlowManager,
    FlowsPlugin,
    GuardFailed,
    InvalidAction,
    InvalidState,
    ReentrantSendError,
    Success,
    UnknownFlowError,
    UnknownInstanceError,
    guard,
)

REVIEW = {
    "id": "review_workflow",
    "initial": "draft",
    "states": {
        "draft": {"on": {"submit": "pending_review", "discard": "discarded"}, "enter": "onEnterDraft"},
        "pending_review": {
            "on": {"approve": "approved", "reject": "draft", "request_changes": "needs_changes"},
            "enter": "onEnterPending",
            "guards": {"approve": "canApprove"},
        },
        "needs_changes": {"on": {"resubmit": "pending_review", "discard": "discarded"}},
        "approved": {"type": "final", "enter": "onApproved"},
        "discarded": {"type": "final"},
    },
    "context": {"reviewer": None, "comments": [], "history": []},
}


def on_approved(ctx, event):
    ctx.set_context("approved_at", ctx.now())
    ctx.set_context("approver", event["user"])
    ctx.emit("workflow:completed", {"workflow": "review", "result": "approved", "note": ctx.subject()})


REVIEW_HANDLERS = {
    "canApprove": lambda ctx, event: ctx.context().get("submitter") != ctx.current_user(),
    "onEnterDraft": lambda ctx, event: ctx.set_context("comments", []),
    "onEnterPending": lambda ctx, event: ctx.set_context("submitted_at", ctx.now()),
    "onApproved": on_approved,
}


@pytest.fixture
def app():
    with App(clock=ManualClock(start_ms=1000, step_ms=10)) as made:
        yield made.add_plugins(FlowsPlugin())


def test_the_review_workflow_works(flows):
    flows.register(REVIEW, handlers=REVIEW_HANDLERS)
    it = flows.start("review_workflow", {"submitter": "ann"}, subject="n.md", user="ann")
    assert flows.send(it, "submit", user="ann") == Success("pending_review")
    refused = flows.send(it, "approve", user="ann")
    assert (refused.guard, refused.reason) == ("canApprove", "guard `canApprove` returned false")
    assert flows.send(str(it), "approve", user="bob") == Success("approved")
    assert flows.send(it, "approve", user="bob") == InvalidAction("approve", "approved")
    found = flows.get(it)
    assert (found.done, found.revision, found.context["approver"], found.subject) == (True, 2, "bob", "n.md")
    assert [(each.from_, each.to, each.action) for each in found.history] == [
        ("draft", "pending_review", "submit"),
        ("pending_review", "approved", "approve"),
    ]
    assert len(flows.audit) == 2


def simple(**more):
    return {
        "id": "s",
        "initial": "a",
        "context": {"n": 0},
        "states": {"a": {"on": {"go": "b"}}, "b": {"on": {"go": "a"}}, **more},
    }


def test_unknown_ids_are_typed_errors(flows):
    flows.register(simple())
    with pytest.raises(UnknownFlowError):
        flows.start("nope")
    for wrong in (5, "x", -1, 1 << 40):
        with pytest.raises(UnknownInstanceError):
            flows.send(wrong, "go")
    it = flows.start("s")
    flows.despawn(it)
    with pytest.raises(UnknownInstanceError):
        flows.send(it, "go")


def test_an_initial_handler_that_raises_leaves_no_instance(flows):
    flows.register({**simple(), "enter": "boom"}, handlers={"boom": lambda c, e: 1 / 0})
    with pytest.raises(FlowError):
        flows.start("s")
    assert len(flows.query()) == 0


def test_a_failed_step_leaves_the_instance_bit_identical(flows):
    def boom(ctx, event):
        ctx.set_context("n", 5)
        ctx.emit("x:y", 1)
        raise ValueError("no")

    document = simple()
    document["states"]["b"]["enter"] = "boom"
    flows.register(document, handlers={"boom": boom})
    it = flows.start("s")
    before = flows.get(it)
    with pytest.raises(FlowError) as error:
        flows.send(it, "go")
    assert error.value.phase == "enter"
    assert flows.get(it) == before


@given(st.lists(st.sampled_from(["go", "act", "back"]), min_size=1, max_size=6), st.integers(0, 12))
def test_a_fault_at_every_kth_handler_call_rolls_back_and_a_retry_succeeds(actions, k):
    calls = [0, -1]

    def handler(ctx, event):
        calls[0] += 1
        if calls[0] == calls[1]:
            raise RuntimeError("planted")
        ctx.set_context("n", ctx.context()["n"] + 1)

    document = simple()
    document["states"]["a"] |= {
        "exit": "h",
        "on": {"go": {"target": "b", "actions": ["h", "h"]}, "act": {"actions": "h"}},
    }
    document["states"]["b"] = {"enter": "h", "on": {"back": "a"}}
    outcomes = []
    for fault in (-1, k):
        calls[:] = [0, fault]
        with App(clock=ManualClock(start_ms=0, step_ms=1)).add_plugins(FlowsPlugin()) as app:
            flows = app.world.resource(FlowManager)
            flows.register(document, handlers={"h": handler})
            it = flows.start("s")
            for action in actions:
                before = flows.get(it)
                try:
                    flows.send(it, action)
                except FlowError:
                    assert flows.get(it) == before
                    flows.send(it, action)
            outcomes.append(flows.get(it))
    assert outcomes[0] == outcomes[1]


def test_send_from_a_handler_is_refused_and_ctx_send_arrives_later(app, flows):
    caught = []

    def enter(ctx, event):
        with pytest.raises(ReentrantSendError):
            flows.send(it, "go")
        ctx.send(it, "go")
        caught.append(1)

    document = simple()
    document["states"]["b"]["enter"] = "enter"
    flows.register(document, handlers={"enter": enter})
    it = flows.start("s")
    flows.send(it, "go")
    assert caught == [1]
    assert flows.get(it).current_state == "b"
    app.update()
    assert flows.get(it).current_state == "a"


def test_queued_actions_are_fifo_and_come_before_a_send(flows):
    flows.register(simple())
    it = flows.start("s")
    flows.enqueue(it, "go", {"i": 1})
    flows.enqueue(it, "go", {"i": 2})
    flows.send(it, "go", {"i": 3})
    assert [each.data["i"] for each in flows.history(it)] == [1, 2, 3]


def test_a_repeated_key_returns_the_stored_result_and_a_wrong_revision_conflicts(flows):
    flows.register(simple())
    it = flows.start("s")
    assert flows.send(it, "go", key="k") == flows.send(it, "go", key="k") == Success("b")
    assert flows.get(it).revision == 1
    with pytest.raises(FlowConflictError):
        flows.send(it, "go", expected_revision=0)


def test_timers_are_never_early_and_fire_once(app, flows):
    flows.register(simple(a={"after": {"25": "b"}, "on": {"go": "a"}}, b={}))
    it = flows.start("s")
    app.update()
    app.update()
    early = app.world.now() < flows.get(it).created_at + 25
    assert early == (flows.get(it).current_state == "a")
    for _ in range(3):
        app.update()
    assert flows.get(it).current_state == "b"
    assert flows.get(it).revision == 1


def test_a_changed_definition_keeps_what_it_can_and_migrate_moves_the_rest(flows):
    flows.register(simple())
    stays, lost = flows.start("s"), flows.start("s")
    flows.send(lost, "go")
    flows.register({"id": "s", "initial": "a", "states": {"a": {"on": {"go": "c"}}, "c": {}}})
    assert flows.send(lost, "go") == InvalidState("b")
    assert flows.history(lost)[0].to == "b"
    with pytest.raises(FlowError):
        flows.migrate(lost, {})
    assert flows.migrate(lost, {"b": "c"}, dry_run=True) == "c"
    assert flows.get(lost).current_state == "b"
    flows.migrate(lost, {"b": "c"})
    assert flows.get(lost).current_state == "c"
    assert flows.send(stays, "go") == Success("c")


def test_can_agrees_with_send(flows):
    flows.register(REVIEW, handlers=REVIEW_HANDLERS)
    it = flows.start("review_workflow", {"submitter": "ann"})
    flows.send(it, "submit")
    assert not flows.can(it, "approve", user="ann")
    assert flows.can(it, "approve", user="bob")
    assert not flows.can(it, "submit")


@guard(columns=("stock",))
def in_stock(stock):
    return stock > 0


ORDER = {
    "id": "order",
    "initial": "s0",
    "context_types": {"stock": "i32"},
    "states": {
        "s0": {
            "on": {
                "go": {"target": "s1", "guard": "in_stock"},
                "skip": "s2",
                "slow": {"target": "s1", "actions": "note"},
            }
        },
        "s1": {"on": {"go": "s0", "end": "s2"}},
        "s2": {"type": "final"},
    },
}


@given(
    st.lists(st.lists(st.sampled_from(["go", "skip", "slow", "end", "what"]), min_size=4, max_size=4), max_size=5),
    st.lists(st.integers(-1, 1), min_size=4, max_size=4),
)
def test_a_batch_equals_a_loop_of_sends(schedule, stock):
    with App(clock=ManualClock(start_ms=0, step_ms=0)).add_plugins(FlowsPlugin()) as app:
        flows = app.world.resource(FlowManager)
        flows.register(
            ORDER, handlers={"in_stock": in_stock, "note": lambda ctx, event: ctx.set_context("noted", True)}
        )
        bulk = flows.start_batch("order", 4, stock=np.array(stock))
        single = [flows.start("order", {"stock": each}) for each in stock]
        kinds = (Success, GuardFailed, InvalidAction, InvalidState)
        for actions in schedule:
            ticket = flows.send_batch(bulk, actions)
            app.update()
            results = [flows.send(it, action) for it, action in zip(single, actions, strict=True)]
            assert [kinds[code] for code in ticket.columns["status"]] == [type(each) for each in results]
        for a, b in zip(bulk, single, strict=True):
            one, two = flows.get(a), flows.get(b)
            assert (one.current_state, one.revision, one.context, one.history) == (
                two.current_state,
                two.revision,
                two.context,
                two.history,
            )


def test_query_selects_by_every_field(flows):
    flows.register(ORDER, handlers={"in_stock": in_stock, "note": lambda c, e: None})
    ids = flows.start_batch("order", 10, stock=np.arange(10) % 2, subject=[f"n{i}" for i in range(10)])
    flows.send_batch(ids, "go")
    flows.advance()
    assert len(flows.query(FlowFilter(state="s1"))) == 5
    assert list(flows.query(FlowFilter(subject="n3"))) == [ids[3]]
    assert len(flows.query(FlowFilter(definition="other"))) == 0
    assert len(flows.query(FlowFilter(done=False, updated_before=10**15))) == 10


def test_a_column_guard_that_raises_fails_closed_and_stops_nobody(flows):
    @guard(columns=("stock",))
    def broken(stock):
        raise ValueError("no")

    flows.register(ORDER, handlers={"in_stock": broken, "note": lambda c, e: None})
    ids = flows.start_batch("order", 2, stock=1)
    ticket = flows.send_batch(ids, "go")
    flows.advance()
    assert [each.reason for each in ticket.reasons.values()] == ["ValueError: no"] * 2
    assert flows.get(ids[0]).current_state == "s0"


def test_an_unknown_action_never_reads_its_neighbours_cell(flows):
    document = {
        "id": "n",
        "initial": "b",
        "context_types": {"stock": "i32"},
        "states": {
            "a": {"on": {"go": {"target": "b", "guard": "ok"}}},
            "b": {"on": {"go": {"target": "a", "guard": "ok"}}},
        },
    }
    flows.register(document, handlers={"ok": in_stock})
    ids = flows.start_batch("n", 3, stock=1)
    ticket = flows.send_batch(ids, "what")
    flows.advance()
    assert ticket.columns["status"].tolist() == [2, 2, 2]
    assert len(flows.query(FlowFilter(state="b"))) == 3
    assert {flows.get(each).revision for each in ids} == {0}


def test_the_empty_action_is_no_door_to_eventless_transitions(flows):
    flows.register(simple(a={"always": {"target": "b", "guard": {"expr": "n > 0"}}, "on": {"go": "b"}}, b={}))
    it = flows.start("s")
    assert flows.send(it, "") == InvalidAction("", "a")


def test_timers_that_start_each_other_at_once_do_not_hang_a_tick(app, flows):
    flows.register(simple(a={"after": {"0": "a"}}))
    it = flows.start("s")
    app.update()
    assert flows.get(it).revision == 1000


def test_a_batch_that_stays_where_it_is_does_not_wind_its_timers_anew(app, flows):
    stays = {"target": "a", "reenter": False}
    flows.register({"id": "f", "initial": "a", "states": {"a": {"on": {"go": stays}, "after": {"50": "b"}}, "b": {}}})
    ids = flows.start_batch("f", 100)
    before = flows.get(int(ids[0])).timers
    flows.send_batch(ids, "go")
    app.update()
    found = flows.get(int(ids[0]))
    assert (found.revision, found.timers) == (1, before)


def test_a_timer_fires_at_its_own_deadline_however_long_the_tick(app, flows):
    flows.register(simple(a={"after": {"7": "b"}}, b={"after": {"8": "c"}}, c={}))
    it = flows.start("s")
    app.update(0.1)
    assert [each.timestamp - 1000 for each in flows.history(it)] == [7, 15]


def test_a_timer_whose_handler_raises_is_tried_again_in_the_next_tick(app, flows):
    broken = [True]

    def enter(ctx, event):
        if broken[0]:
            raise ValueError("no")

    flows.register(simple(a={"after": {"5": "b"}}, b={"enter": "enter"}), handlers={"enter": enter})
    it = flows.start("s")
    before = flows.get(it)
    app.update()
    assert flows.get(it) == before
    assert len(flows.audit) == 1
    broken.clear()
    broken.append(False)
    app.update()
    assert flows.get(it).current_state == "b"


def test_an_eventless_transition_that_waits_for_a_time_is_taken_in_a_tick(app, flows):
    later = {"always": {"target": "b", "guard": {"expr": "event.timestamp >= 1015"}}}
    flows.register(simple(a=later, b={}))
    it = flows.start("s")
    app.update()
    assert flows.get(it).current_state == "a"
    assert len(flows.audit) == 0
    app.update()
    assert [each.action for each in flows.history(it)] == [""]


def test_what_instances_send_to_one_arrives_by_sender_whoever_stepped_first(app, flows):
    def tell(ctx, event):
        ctx.send(target, "hear", {"from": ctx.subject()})

    document = simple(
        a={"on": {"tell": {"actions": "tell"}, "hear": {"actions": "note"}}},
    )

    def note(ctx, event):
        ctx.set_context("heard", [*ctx.context().get("heard", ()), event["from"]])

    flows.register(document, handlers={"tell": tell, "note": note})
    target, one, two = flows.start("s"), flows.start("s", subject="one"), flows.start("s", subject="two")
    flows.enqueue(two, "tell")
    flows.enqueue(one, "tell")
    app.update()
    assert flows.get(target).context["heard"] == ("one", "two")


def test_a_command_that_fails_neither_undoes_the_step_nor_stops_others(app, flows):
    seen = []

    def go(ctx, event):
        ctx.command(lambda world: 1 / 0)
        ctx.command(lambda world: seen.append(1))

    flows.register(simple(b={"enter": "go"}), handlers={"go": go})
    one, two = flows.start("s"), flows.start("s")
    flows.enqueue(one, "go")
    flows.enqueue(two, "go")
    app.update()
    assert [flows.get(each).current_state for each in (one, two)] == ["b", "b"]
    assert seen == [1, 1]
    assert [type(each.result) for each in flows.audit] == [ZeroDivisionError] * 2


def test_a_changed_definition_carries_timers_memories_and_typed_fields(app, flows):
    first = {
        "id": "s",
        "initial": "a",
        "context": {"n": 3},
        "states": {
            "a": {"after": {"25": "b"}},
            "b": {"on": {"out": "c"}, "initial": "x", "states": {"x": {"on": {"go": "y"}}, "y": {}, "h": HISTORY}},
            "c": {"on": {"back": "b.h"}},
        },
    }
    flows.register(first)
    waits, remembers = flows.start("s"), flows.start("s")
    for _ in range(3):
        app.update()
    flows.send(remembers, "go")
    flows.send(remembers, "out")
    late = flows.start("s")
    second = {**first, "context_types": {"n": "i16"}, "states": {"new": {"on": {"go": "a"}}, **first["states"]}}
    flows.register(second)
    assert (flows.get(waits).current_state, flows.get(late).context["n"]) == ("b.x", 3)
    flows.send(remembers, "back")
    assert flows.get(remembers).current_state == "b.y"
    for _ in range(3):
        app.update()
    assert flows.get(late).current_state == "b.x"


def test_a_type_that_an_instance_does_not_fit_is_refused_and_changes_nothing(flows):
    flows.register(simple())
    it = flows.start("s", {"n": "many"})
    before = flows.get(it)
    with pytest.raises(FlowError, match="cannot become int16"):
        flows.register({**simple(), "context_types": {"n": "i16"}})
    assert flows.get(it) == before
    assert flows.send(it, "go") == Success("b")


def test_a_history_state_remembers_what_was_left_while_starting(flows):
    inner = {"x": {"always": {"target": "#c", "guard": {"expr": "n > 0"}}}, "y": {}, "h": HISTORY | {"target": "y"}}
    b = {"initial": "x", "states": inner, "on": {"stop": "c"}}
    flows.register(
        {"id": "s", "initial": "b", "context": {"n": 1}, "states": {"b": b, "c": {"id": "c", "on": {"back": "b.h"}}}},
    )
    it = flows.start("s")
    assert flows.get(it).current_state == "c"
    flows.send(it, "back")
    assert flows.get(it).current_state == "c"  # through b.x, which was left, and not b.y


def test_a_record_names_the_action_that_was_sent_and_not_one_raised_in_it(flows):
    document = simple(b={"enter": "again"})
    flows.register(document, handlers={"again": lambda ctx, event: ctx.raise_("nothing", {"n": 1})})
    it = flows.start("s")
    flows.send(it, "go", {"n": 2})
    assert [(each.action, each.data) for each in flows.history(it)] == [("go", {"n": 2})]


def test_a_typed_field_may_have_any_name(flows):
    flows.register({**simple(), "context_types": {"n": "i32"}})
    ids = flows.start_batch("s", 2, n=[3, 4])
    assert [flows.get(int(each)).context["n"] for each in ids] == [3, 4]


def test_the_default_of_a_history_state_is_found_beside_it(flows):
    b = {"initial": "x", "states": {"x": {}, "y": {}, "h": HISTORY | {"target": "y"}}}
    flows.register({"id": "s", "initial": "a", "states": {"a": {"on": {"go": "b.h"}}, "b": b}})
    it = flows.start("s")
    assert flows.send(it, "go") == Success("b.y")


HISTORY = {"type": "history"}


def test_a_context_is_open_and_a_field_that_nobody_wrote_is_none(flows):
    flows.register(
        {
            "id": "open",
            "initial": "a",
            "context_types": {"n": "i32"},
            "states": {"a": {"on": {"go": {"target": "b", "guard": {"expr": "n > 0 and extra > 1"}}}}, "b": {}},
        }
    )
    bare, more = flows.start("open", {"n": 1}), flows.start("open", {"n": 1, "extra": 2})
    refused = flows.send(bare, "go")
    assert isinstance(refused, GuardFailed)
    assert "NoneType" in refused.reason
    assert flows.send(more, "go") == Success("b")
    with pytest.raises(FlowError):
        flows.start_batch("open", 2, extra=2)
