"""The design's rules of flows, one test each, named after the rule: meaning, order and atomicity, refusals."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tickwright.ecs_core import App, ManualClock, ResMut, Update
from tickwright.systems.contracts.events import CustomEvent, Emitted
from tickwright.systems.contracts.json import FrozenDict
from tickwright.systems.flows import (
    FlowConflictError,
    FlowDefinitionError,
    FlowError,
    FlowManager,
    FlowsPlugin,
    GuardFailed,
    InvalidAction,
    InvalidState,
    ReentrantSendError,
    Success,
    UnknownInstanceError,
    from_xstate,
    read_definition,
    replay,
)
from tickwright.systems.flows.testing import ALL

REGION = {"initial": "open", "states": {"open": {"on": {"sign": "signed"}}, "signed": {"type": "final"}}}


@pytest.fixture
def app():
    with App(clock=ManualClock(start_ms=1000, step_ms=10)) as made:
        yield made.add_plugins(FlowsPlugin())


def flat(**states):
    return {"id": "f", "initial": next(iter(states)), "states": states}


def begin(flows, document, *, context=None, **handlers):
    """Register a definition and start one instance."""
    flows.register(document, handlers=handlers)
    return flows.start(document["id"], context)


def writes(seen, name):
    return lambda ctx, event: seen.append(name)


class TestMeaning:
    def test_parallel_enters_and_leaves_all_regions(self, flows):
        both = {"type": "parallel", "states": {"a": REGION, "b": REGION}, "on": {"out": "end"}}
        it = begin(flows, flat(p=both, end={}))
        assert set(flows.get(it).configuration) == {"p", "p.a", "p.a.open", "p.b", "p.b.open"}
        flows.send(it, "out")
        assert flows.get(it).configuration == ("end",)

    def test_every_child_of_a_parallel_is_a_region_but_history(self, flows):
        both = {"type": "parallel", "states": {"a": REGION, "h": {"type": "history"}, "b": REGION}}
        it = begin(flows, flat(p=both))
        assert "p.h" not in flows.get(it).configuration

    @pytest.mark.parametrize("wrong", [{"type": "parallel"}, {"type": "parallel", "states": {}}])
    def test_a_flat_parallel_is_a_registration_error_never_silently_normal(self, flows, wrong):
        with pytest.raises(FlowDefinitionError) as error:
            flows.register(flat(p=wrong))
        assert error.value.path == "states.p.type"

    def test_a_parallel_with_an_initial_is_refused(self, flows):
        with pytest.raises(FlowDefinitionError):
            flows.register(flat(p={"type": "parallel", "initial": "a", "states": {"a": {}, "b": {}}}))

    def test_current_state_is_the_leaf_or_the_leaves_common_ancestor(self, flows):
        both = {"type": "parallel", "states": {"a": REGION, "b": REGION}}
        it = begin(flows, flat(d={"on": {"go": "c"}}, c={"initial": "p", "states": {"p": both}}))
        assert flows.get(it).current_state == "d"
        flows.send(it, "go")
        assert flows.get(it).current_state == "c.p"
        assert flows.get(it).value == {"c": {"p": {"a": "open", "b": "open"}}}
        assert flows.get(it).matches("c.p.b.open")
        assert not flows.get(it).matches("d")

    def test_one_action_goes_to_all_regions_and_one_taken_is_a_success(self, flows):
        closed = {"initial": "x", "states": {"x": {}}}
        it = begin(flows, flat(p={"type": "parallel", "states": {"a": REGION, "b": REGION, "c": closed}}))
        assert flows.send(it, "sign") == Success("p")
        assert flows.get(it).leaves == ("p.a.signed", "p.b.signed", "p.c.x")

    def test_per_leaf_the_innermost_ancestor_whose_guard_holds(self, flows):
        inner = {"on": {"go": {"target": "#one", "guard": {"expr": "n > 0"}}}}
        outer = {"initial": "x", "states": {"x": inner}, "on": {"go": "two"}}
        it = begin(flows, flat(o=outer, one={"id": "one"}, two={}) | {"context": {"n": 0}})
        other = flows.start("f", {"n": 1})
        assert (flows.send(it, "go"), flows.send(other, "go")) == (Success("two"), Success("one"))

    def test_conflicting_transitions_are_resolved_as_in_scxml(self, flows):
        # Both leave p; the one whose leaf comes first in the document is taken.
        a = {"initial": "x", "states": {"x": {"on": {"go": "#one"}}}}
        b = {"initial": "x", "states": {"x": {"on": {"go": "#two"}}}}
        it = begin(
            flows, flat(p={"type": "parallel", "states": {"a": a, "b": b}}, one={"id": "one"}, two={"id": "two"})
        )
        assert flows.send(it, "go") == Success("one")

    def test_none_taken_is_guard_failed_with_the_first_guard_and_all_failures(self, flows):
        ways = [{"target": "b", "guard": "first"}, {"target": "b", "guard": "second"}]
        no = {"first": lambda c, e: (False, "too early"), "second": lambda c, e: False}
        it = begin(flows, flat(a={"on": {"go": ways}}, b={}), **no)
        assert flows.send(it, "go") == GuardFailed(
            "first", "too early", (("first", "too early"), ("second", "guard `second` returned false"))
        )

    def test_none_matching_is_invalid_action(self, flows):
        it = begin(flows, flat(a={"on": {"go": "b"}}, b={}))
        assert flows.send(it, "fly") == InvalidAction("fly", "a")

    def test_invalid_state_leaves_the_instance_untouched_and_migrate_is_the_remedy(self, flows):
        it = begin(flows, flat(a={"on": {"go": "b"}}, b={}))
        flows.register(flat(c={"on": {"go": "c"}}))
        before = flows.get(it)
        assert flows.send(it, "go") == InvalidState("a")
        assert flows.get(it) == before
        flows.migrate(it, {"a": "c"}, lambda context: {**context, "moved": 1})
        assert flows.get(it).context == {"moved": 1}
        assert flows.send(it, "go") == Success("c")

    def test_a_compound_is_done_when_its_child_is_final_and_a_parallel_when_all_regions_are(self, flows):
        compound = {**REGION, "on_done": "p"}
        both = {
            "type": "parallel",
            "states": {
                "a": REGION,
                "b": {**REGION, "states": {**REGION["states"], "open": {"on": {"other": "signed"}}}},
            },
            "on_done": "end",
        }
        it = begin(flows, flat(c=compound, p=both, end={"type": "final"}))
        assert flows.send(it, "sign") == Success("p")
        assert flows.send(it, "sign") == Success("p")
        assert flows.send(it, "other") == Success("end")

    def test_on_done_is_sugar_for_the_internal_event(self, flows):
        long_form = flat(c={**REGION, "on": {"done.state.c": "end"}}, end={})
        it = begin(flows, long_form)
        assert flows.send(it, "sign") == Success("end")
        assert flows.send(it, "done.state.c") == InvalidAction("done.state.c", "end")

    def test_a_done_flow_is_absorbing(self, flows):
        it = begin(flows, flat(a={"on": {"go": "b"}}, b={"type": "final"}) | {"on": {"again": "a"}})
        flows.send(it, "go")
        before = flows.get(it)
        assert flows.send(it, "again") == InvalidAction("again", "b")
        assert flows.get(it) == before

    def test_on_inside_a_final_state_is_a_registration_error(self, flows):
        with pytest.raises(FlowDefinitionError) as error:
            flows.register(flat(a={"type": "final", "on": {"go": "a"}}))
        assert error.value.path == "states.a.on"

    @pytest.mark.parametrize(
        ("way", "seen"),
        [({"target": "a"}, ["out", "do", "in"]), ({"target": "a", "reenter": False}, ["do"]), ({}, ["do"])],
    )
    def test_a_self_target_exits_and_reenters_unless_told_not_to(self, flows, way, seen):
        calls = []
        a = {"enter": "in_", "exit": "out", "on": {"go": {**way, "actions": "do"}}}
        handlers = {"in_": writes(calls, "in"), "out": writes(calls, "out"), "do": writes(calls, "do")}
        it = begin(flows, flat(a=a), **handlers)
        calls.clear()
        flows.send(it, "go")
        assert calls == seen

    def test_a_parallel_that_stays_keeps_all_of_its_regions(self, flows):
        region = {"initial": "x", "states": {"x": {"on": {"on": "y"}}, "y": {}}}
        both = {"type": "parallel", "states": {"a": region, "b": region}}
        it = begin(flows, flat(p=both | {"on": {"go": {"target": ".a.y", "reenter": False}}}))
        flows.send(it, "on")
        assert flows.send(it, "go") == Success("p")
        assert flows.get(it).value == {"p": {"a": "y", "b": "x"}}  # its inside was left, and entered anew

    def test_what_does_not_leave_its_leaf_enters_nothing_where_another_takes_the_leaf_away(self, flows):
        stays = {"initial": "x", "states": {"x": {"on": {"go": {"target": "x", "reenter": False}}}}}
        leaves = {"initial": "x", "states": {"x": {"on": {"go": "#out"}}}}
        it = begin(flows, flat(p={"type": "parallel", "states": {"a": stays, "b": leaves}}, out={"id": "out"}))
        assert flows.send(it, "go") == Success("out")
        assert flows.get(it).configuration == ("out",)

    def test_a_parallel_is_done_once_though_its_regions_end_together(self, flows):
        done = []
        ends = {"initial": "x", "states": {"x": {"on": {"go": "z"}}, "z": {"type": "final"}}}
        both = {"type": "parallel", "states": {"a": ends, "b": ends}, "on_done": {"actions": "count"}}
        it = begin(flows, flat(p=both), count=lambda c, e: done.append(e.action))
        flows.send(it, "go")
        assert done == ["done.state.p"]

    def test_a_done_event_carries_the_output_of_the_final_state(self, flows):
        told = []
        ends = {"initial": "x", "states": {"x": {"on": {"go": "z"}}, "z": {"type": "final", "output": {"n": [1]}}}}
        ways = {"on_done": {"target": "end", "guard": {"expr": "event.output.n != 0"}, "actions": "tell"}}
        it = begin(flows, flat(c=ends | ways, end={}), tell=lambda c, e: told.append((e.output, e.data)))
        assert flows.send(it, "go") == Success("end")
        assert told == [({"n": (1,)}, {"output": {"n": (1,)}})]

    def test_the_xstate_importer_does_not_reenter_by_default(self):
        config = {
            "id": "x",
            "initial": "a",
            "states": {"a": {"initial": "i", "states": {"i": {}, "j": {}}, "on": {"go": ".j"}}},
        }
        (way,) = from_xstate(config).states["a"].on["go"]
        assert way.reenter is False

    def test_guards_return_a_bool_or_a_bool_and_a_reason(self, flows):
        no = {"plain": lambda c, e: False, "told": lambda c, e: (False, "not today")}
        ways = {"plain": {"target": "a", "guard": "plain"}, "told": {"target": "a", "guard": "told"}}
        it = begin(flows, flat(a={"on": ways}), **no)
        assert flows.send(it, "plain").reason == "guard `plain` returned false"
        assert flows.send(it, "told").reason == "not today"


class TestOrderAndAtomicity:
    def test_rule_1_one_send_is_one_macrostep_in_scxml_order(self, flows):
        calls = []
        names = ("out_x", "out_a", "act", "in_b", "in_y", "in_z")
        a = {
            "exit": "out_a",
            "initial": "x",
            "states": {"x": {"exit": "out_x"}},
            "on": {"go": {"target": "b", "actions": "act"}},
        }
        b = {"enter": "in_b", "initial": "y", "states": {"y": {"enter": "in_y", "always": "z"}, "z": {"enter": "in_z"}}}
        it = begin(flows, flat(a=a, b=b), **{name: writes(calls, name) for name in names})
        flows.send(it, "go")
        assert calls == list(names)
        assert flows.get(it).revision == 1

    def test_rule_1_regions_are_left_against_the_order_of_the_document_each_whole(self, flows):
        calls = []
        names = ("out_p", "out_a", "out_ax", "out_b", "out_bx")
        a, b = ({"exit": f"out_{n}", "initial": "x", "states": {"x": {"exit": f"out_{n}x"}}} for n in "ab")
        both = {"type": "parallel", "exit": "out_p", "states": {"a": a, "b": b}, "on": {"go": "q"}}
        it = begin(flows, flat(p=both, q={}), **{name: writes(calls, name) for name in names})
        flows.send(it, "go")
        assert calls == ["out_bx", "out_b", "out_ax", "out_a", "out_p"]

    def test_rule_1_done_events_come_before_always_and_always_before_what_was_raised(self, flows):
        calls = []
        raises = {"in_": lambda c, e: c.raise_("ping")}
        inner = {
            "initial": "s",
            "states": {"s": {"type": "final", "enter": "in_"}},
            "on_done": {"actions": "done"},
            "always": {"target": "c", "guard": "late", "actions": "always"},
            "on": {"ping": {"actions": "too_early"}},
        }
        after = {"on": {"ping": {"actions": "raised"}}}
        handlers = {name: writes(calls, name) for name in ("done", "always", "raised", "too_early")}
        it = begin(
            flows,
            flat(a={"on": {"go": "b"}}, b=inner, c=after),
            **handlers,
            **raises,
            late=lambda c, e: "done" in calls,
        )
        flows.send(it, "go")
        assert calls == ["done", "always", "raised"]

    def test_rule_1_beyond_max_microsteps_is_a_failure_rolled_back(self, flows):
        document = flat(a={"on": {"go": {"actions": "again"}, "again": {"actions": "again"}}}) | {
            "options": {"max_microsteps": 7}
        }
        it = begin(flows, document, again=lambda c, e: (c.set_context("n", 1), c.raise_("again")))
        before = flows.get(it)
        with pytest.raises(FlowError, match="within 7 microsteps"):
            flows.send(it, "go")
        assert flows.get(it) == before

    @pytest.mark.parametrize("phase", ["exit", "action", "enter", "always", "done"])
    def test_rule_2_all_or_nothing_in_every_phase(self, app, flows, phase):
        def boom(ctx, event):
            ctx.set_context("n", 1)
            ctx.emit("x:y")
            ctx.send(ctx.instance(), "go")
            raise ValueError("no")

        calls = {"exit": boom} if phase == "exit" else {}
        a = {
            "after": {"50": "b"},
            "on": {"go": {"target": "b", "actions": "boom" if phase == "action" else []}},
        } | dict.fromkeys(calls, "boom")
        b = {"exit": {}, "enter": {"enter": "boom"}, "always": {"always": {"actions": "boom", "target": "c"}}}.get(
            phase, {}
        )
        if phase == "done":
            b = {"initial": "s", "states": {"s": {"type": "final"}}, "on_done": {"target": "c", "actions": "boom"}}
        it = begin(flows, flat(a=a, b=b, c={}), boom=boom)
        reader = app.world.events.register(Emitted).reader("test")
        before = flows.get(it)
        with pytest.raises(FlowError) as error:
            flows.send(it, "go")
        assert flows.get(it) == before
        assert (error.value.handler, type(error.value.cause)) == ("boom", ValueError)
        assert error.value.phase == {"always": "action", "done": "action"}.get(phase, phase)
        assert [each for each in reader.read() if isinstance(each.event, CustomEvent)] == []
        app.update()
        assert flows.get(it).current_state == "a"  # what it sent is gone too

    def test_rule_3_effects_leave_after_the_commit_in_order_once(self, app, flows):
        seen = []

        def enter(ctx, event):
            ctx.emit("x:first", {"n": 1})
            ctx.command(lambda world: seen.append(flows.get(it).current_state))
            ctx.emit("x:second")
            assert seen == []

        it = begin(flows, flat(a={"on": {"go": "b"}}, b={"enter": "enter"}), enter=enter)
        reader = app.world.events.register(Emitted).reader("test")
        flows.send(it, "go")
        assert seen == ["b"]
        assert [e.event.name for e in reader.read() if isinstance(e.event, CustomEvent)] == ["x:first", "x:second"]

    def test_rule_4_guards_see_a_read_only_context_and_a_raising_guard_fails_closed(self, flows):
        def writes_(ctx, event):
            ctx.set_context("n", 1)
            return True

        ways = {"w": {"target": "b", "guard": "writes_"}, "r": {"target": "b", "guard": {"not": "raises"}}}
        it = begin(flows, flat(a={"on": ways}, b={}), writes_=writes_, raises=lambda c, e: 1 / 0)
        assert "a guard only looks" in flows.send(it, "w").reason
        assert flows.send(it, "r") == GuardFailed(
            "raises", "ZeroDivisionError: division by zero", (("raises", "ZeroDivisionError: division by zero"),)
        )
        assert flows.get(it).context == {}

    def test_rule_5_rejections_go_to_the_audit_stream_and_never_to_the_history(self, flows):
        it = begin(flows, flat(a={"on": {"go": {"target": "a", "guard": {"expr": "1 > 2"}}}}))
        flows.send(it, "go", user="ann")
        flows.send(it, "fly")
        assert flows.history(it) == ()
        assert [(each.action, each.user, type(each.result)) for each in flows.audit] == [
            ("go", "ann", GuardFailed),
            ("fly", "", InvalidAction),
        ]

    def test_rule_6_raise_is_inside_the_macrostep_and_send_after_it(self, app, flows):
        def enter(ctx, event):
            ctx.send(ctx.instance(), "last")
            ctx.raise_("next")

        it = begin(
            flows,
            flat(a={"on": {"go": "b"}}, b={"enter": "enter", "on": {"next": "c"}}, c={"on": {"last": "d"}}, d={}),
            enter=enter,
        )
        assert flows.send(it, "go") == Success("c")
        assert flows.get(it).revision == 1
        app.update()
        assert (flows.get(it).current_state, flows.get(it).revision) == ("d", 2)

    def test_rule_6_send_of_the_manager_is_refused_inside_a_handler(self, flows):
        def enter(ctx, event):
            flows.send(it, "go")

        it = begin(flows, flat(a={"on": {"go": "b"}}, b={"enter": "enter"}), enter=enter)
        with pytest.raises(FlowError) as error:
            flows.send(it, "go")
        assert isinstance(error.value.cause, ReentrantSendError)

    @pytest.mark.parametrize("door", ["enqueue", "send_batch", "start", "start_batch", "migrate", "register"])
    def test_rule_3_the_manager_is_no_way_out_of_a_step_that_may_be_rolled_back(self, app, flows, door):
        ways = {
            "enqueue": lambda: flows.enqueue(it, "go"),
            "send_batch": lambda: flows.send_batch([it], "go"),
            "start": lambda: flows.start("f"),
            "start_batch": lambda: flows.start_batch("f", 2),
            "migrate": lambda: flows.migrate(it, {"a": "b"}),
            "register": lambda: flows.register(flat(a={}, b={})),
        }

        def enter(ctx, event):
            ways[door]()

        it = begin(flows, flat(a={"on": {"go": "b"}}, b={"enter": "enter"}), enter=enter)
        with pytest.raises(FlowError) as error:
            flows.send(it, "go")
        assert isinstance(error.value.cause, ReentrantSendError)
        app.update()
        assert (flows.get(it).current_state, len(flows.query()), len(flows.definitions())) == ("a", 1, 1)

    def test_rule_6_what_is_sent_to_nobody_is_in_the_audit_stream(self, app, flows):
        it = begin(flows, flat(a={"on": {"go": {"actions": "tell"}}}), tell=lambda c, e: c.send(999_999, "hear"))
        flows.send(it, "go", user="ann")
        ((whom, action, user, result),) = [(e.instance, e.action, e.user, e.result) for e in flows.audit]
        assert (whom, action, user, type(result)) == (999_999, "hear", "ann", UnknownInstanceError)

    def test_rule_7_a_tick_takes_timers_then_queued_actions_then_always(self, app, flows):
        a = {
            "after": {"10": {"actions": "timer"}},
            "on": {"act": {"actions": "act"}},
            "always": {"target": "b", "guard": {"expr": "event.timestamp >= 1010"}, "actions": "always"},
        }
        calls = []
        it = begin(flows, flat(a=a, b={}), **{name: writes(calls, name) for name in ("timer", "act", "always")})
        flows.enqueue(it, "act")
        app.update()
        # The timer's own macrostep settles `always` as every macrostep does; then `act` finds another state.
        assert calls == ["timer", "always"]
        assert [each.result for each in flows.audit] == [InvalidAction("act", "b")]

    def test_rule_7_timers_go_by_deadline_instance_and_order_in_the_definition(self, app, flows):
        calls = []
        a = {"after": {"7": {"actions": "seven"}, "5": {"actions": "five"}, "late": {"actions": "seven_too"}}}
        handlers = {
            name: (lambda ctx, event, name=name: calls.append((name, ctx.subject())))
            for name in ("seven", "five", "seven_too")
        }
        flows.register(flat(a=a), handlers=handlers | {"late": lambda c, e: 7})
        for subject in ("first", "second"):
            flows.start("f", subject=subject)
        app.update()
        assert calls == [
            ("five", "first"),
            ("five", "second"),
            ("seven", "first"),
            ("seven_too", "first"),
            ("seven", "second"),
            ("seven_too", "second"),
        ]

    def test_rule_7_one_instances_failure_never_stops_others(self, app, flows):
        def enter(ctx, event):
            if ctx.subject() == "bad":
                raise ValueError("no")

        flows.register(flat(a={"on": {"go": "b"}}, b={"enter": "enter"}), handlers={"enter": enter})
        ids = [flows.start("f", subject=subject) for subject in ("bad", "good", "bad", "good")]
        for each in ids:
            flows.enqueue(each, "go")
        app.update()
        assert [flows.get(each).current_state for each in ids] == ["a", "b", "a", "b"]

    def test_rule_7_always_is_asked_in_a_tick_also_where_something_else_changed_the_answer(self, app, flows):
        waits = {"always": {"target": "b", "guard": {"expr": "n > 3"}}}
        document = flat(a=waits, b={}) | {"context_types": {"n": "i32"}}
        it, other = begin(flows, document), flows.start("f", {"n": 1})
        kind = app.world.component_named("FlowOf_f")
        app.world.insert(it, replace(app.world.get(it, kind), n=7))  # as a system may write a typed field
        app.update()
        assert [flows.get(each).current_state for each in (it, other)] == ["b", "a"]
        flows.register(document | {"states": {"a": {"always": "b"}, "b": {}}})
        app.update()
        assert flows.get(other).current_state == "b"

    def test_rule_7_what_instances_send_to_others_arrives_in_the_next_sub_phase(self, app, flows):
        heard = []
        ways = {"tell": {"actions": "tell"}, "hear": {"actions": "hear"}}
        handlers = {
            "tell": lambda c, e: c.send(e["to"], "hear"),
            "hear": lambda c, e: heard.append((c.subject(), c.context()["n"])),
        }
        flows.register(
            flat(
                a={
                    "on": {
                        **ways,
                        "count": {"actions": {"type": "flow.assign", "params": {"key": "n", "expr": "n + 1"}}},
                    }
                }
            )
            | {"context": {"n": 0}},
            handlers=handlers,
        )
        one, two = flows.start("f", subject="one"), flows.start("f", subject="two")
        flows.enqueue(one, "tell", {"to": two})
        flows.enqueue(two, "count")  # queued later than the send is made, and taken before it arrives
        app.update()
        assert heard == [("two", 1)]

    def test_rule_8_a_repeated_key_returns_the_stored_result_and_a_wrong_revision_conflicts(self, flows):
        it = begin(flows, flat(a={"on": {"go": "b"}}, b={"on": {"go": "a"}}))
        assert flows.send(it, "go", key="k") == flows.send(it, "go", key="k") == Success("b")
        assert flows.get(it).revision == 1
        with pytest.raises(FlowConflictError):
            flows.send(it, "go", expected_revision=0)
        assert flows.send(it, "go", expected_revision=1) == Success("a")

    def test_rule_9_a_record_says_all_and_replay_rebuilds(self, app, flows):
        b = {"initial": "x", "states": {"x": {"enter": "note"}}, "after": {"5": "c"}}
        handlers = {"note": lambda c, e: c.set_context("by", [*c.context()["by"], e.user])}
        document = flat(a={"on": {"go": "b"}}, b=b, c={"enter": "note"}) | {"context": {"by": []}}
        it = begin(flows, document, context={"k": 1}, **handlers)
        flows.send(it, "go", {"why": "because"}, user="ann")
        app.update()
        found = flows.get(it)
        first = found.history[0]
        assert (first.from_, first.to, first.action, first.timestamp, first.data, first.revision) == (
            "a",
            "b.x",
            "go",
            1000,
            {"why": "because"},
            1,
        )
        assert (first.exited, first.entered) == (("a",), ("b", "b.x"))
        assert found.started_with == {"context": {"by": (), "k": 1}, "user": "", "timestamp": 1000}
        again = replay(document, found.started_with, found.history, handlers=handlers)
        assert (again.current_state, again.context) == ("c", found.context)

    def test_rule_9_a_migration_in_the_middle_of_regions_replays(self, flows):
        region = {"initial": "x", "states": {"x": {"on": {"go": "y"}}, "y": {}}}
        it = begin(flows, flat(p={"type": "parallel", "states": {"a": region, "b": region}}))
        flows.send(it, "go")
        flows.migrate(it, {}, lambda context: {**context, "k": 1})
        again = flows.replay(it)
        assert (again.configuration, again.context) == (flows.get(it).configuration, {"k": 1})

    def test_rule_9_an_instance_pins_its_version(self, flows):
        it = begin(flows, flat(a={"on": {"go": "b"}}, b={}) | {"version": "1"})
        flows.register(flat(a={"on": {"go": "a"}}) | {"version": "2"})
        new = flows.start("f")
        assert (flows.send(it, "go"), flows.send(new, "go")) == (Success("b"), Success("a"))
        assert (flows.get(it).definition_version, flows.get(new).definition_version) == ("1", "2")

    def test_rule_10_an_initial_entry_handler_that_raises_leaves_no_instance(self, app, flows):
        flows.register(
            flat(a={"initial": "x", "states": {"x": {"enter": "boom"}}}), handlers={"boom": lambda c, e: 1 / 0}
        )
        reader = app.world.events.register(Emitted).reader("test")
        with pytest.raises(FlowError):
            flows.start("f")
        assert len(flows.query()) == 0
        assert reader.read() == []


class TestContracts:
    def test_data_can_never_forge_the_user(self, flows):
        seen = []

        def enter(ctx, event):
            seen.append((event["user"], event.user, ctx.current_user(), event.action, event["user_of_data"]))

        it = begin(flows, flat(a={"on": {"go": "b"}}, b={"enter": "enter"}), enter=enter)
        flows.send(it, "go", {"user": "root", "action": "x", "timestamp": 0, "user_of_data": 1}, user="ann")
        assert seen == [("ann", "ann", "ann", "go", 1)]

    def test_context_values_are_deep_frozen_and_only_set_context_writes(self, flows):
        given = {"items": [1, {"k": [2]}]}
        caught = []

        def enter(ctx, event):
            for change in (lambda: ctx.context()["items"].append(3), lambda: ctx.context().update(n=1)):
                with pytest.raises((AttributeError, TypeError)):
                    change()
            caught.append(1)
            value = [1]
            ctx.set_context("mine", value)
            value.append(2)

        it = begin(flows, flat(a={"on": {"go": "b"}}, b={"enter": "enter"}), context=given, enter=enter)
        given["items"].append("later")
        flows.send(it, "go")
        found = flows.get(it).context
        assert (caught, found["items"], found["mine"]) == ([1], (1, {"k": (2,)}), (1,))
        assert isinstance(found, FrozenDict)

    def test_start_merges_the_initial_context_shallowly(self, flows):
        it = begin(flows, flat(a={}) | {"context": {"a": {"x": 1}, "b": 2}}, context={"a": {"y": 3}})
        assert flows.get(it).context == {"a": {"y": 3}, "b": 2}

    def test_send_takes_the_queued_actions_first(self, flows):
        it = begin(flows, flat(a={"on": {"one": "b"}}, b={"on": {"two": "c"}}, c={}))
        flows.enqueue(it, "one")
        assert flows.send(it, "two") == Success("c")

    def test_send_and_the_tick_come_to_the_same(self, app, flows):
        it = begin(flows, flat(a={"on": {"go": "b"}}, b={"on": {"go": "a"}}))
        other = flows.start("f")

        def sends(manager: ResMut[FlowManager]) -> None:
            manager.send(other, "go", {"n": 1}, user="ann")

        app.add_systems(Update, sends)
        flows.enqueue(it, "go", {"n": 1}, user="ann")
        app.update()
        assert flows.history(it) == flows.history(other)


REFUSED = [
    (flat(a={"on": {"go": "nowhere"}}), "states.a.on.go"),
    ({"id": "f", "states": {"a": {}}}, "initial"),
    ({"id": "f", "initial": "b", "states": {"a": {}}}, "initial"),
    (flat(a={"initial": "b", "states": {"c": {}}}), "states.a.initial"),
    (flat(a={"states": {"c": {}}}), "states.a.initial"),
    (flat(a={"enter": "missing"}), "states.a.enter"),
    (flat(a={"exit": "missing"}), "states.a.exit"),
    (flat(a={"on": {"go": {"target": "a", "guard": "missing"}}}), "states.a.on.go"),
    (flat(a={"on": {"go": "a"}, "guards": {"go": "missing"}}), "states.a.on.go"),
    (flat(a={"on": {"go": "a"}, "guards": {"fly": "missing"}}), "states.a.guards.fly"),
    (flat(a={"type": "parallel"}), "states.a.type"),
    (flat(a={"type": "final", "on": {"go": "a"}}), "states.a.on"),
    (flat(a={"type": "final", "states": {"b": {}}, "initial": "b"}), "states.a.states"),
    (flat(a={"always": "b"}, b={"always": "a"}), "states.a.always"),
    (flat(a={"on": {"go": {"target": "a", "guard": {"expr": "__import__('os')"}}}}), "states.a.on.go"),
    (
        flat(a={"on": {"go": {"target": ["b.x", "b.y"]}}}, b={"initial": "x", "states": {"x": {}, "y": {}}}),
        "states.a.on.go",
    ),
    (flat(a={"initial": "h", "states": {"h": {"type": "history"}, "b": {}}}), "states.a.states.h.target"),
    (flat(a={"type": "odd"}), "states.a.type"),
    (flat(a={"onn": {}}), "states.a.onn"),
    (flat(a={"onDone": "a", "on_done": "a"}), "states.a.on_done"),
    (flat(a={}) | {"context": {"x": {1, 2}}}, "context.x"),
    (flat(a={}) | {"context_types": {"x": "text"}}, "context_types.x"),
    (flat(a={}) | {"options": {"max_microsteps": 0}}, "options.max_microsteps"),
]


class TestSchemaRefusals:
    @pytest.mark.parametrize(("document", "path"), REFUSED, ids=[f"{i}-{path}" for i, (_, path) in enumerate(REFUSED)])
    def test_what_is_wrong_is_named_by_its_path_and_nothing_is_registered(self, flows, document, path):
        with pytest.raises(FlowDefinitionError) as error:
            flows.register(document)
        assert error.value.path.startswith(path)
        assert flows.definitions() == []

    @pytest.mark.parametrize("states", [200, 10_000])
    def test_a_definition_nested_200_deep_or_with_10000_states_is_a_typed_error(self, flows, states):
        if states == 200:
            deep: dict[str, object] = {}
            for _ in range(states):
                deep = {"initial": "a", "states": {"a": deep}}
            document = {"id": "f", **deep}
        else:
            document = flat(**{f"s{number}": {} for number in range(states)})
        with pytest.raises(FlowDefinitionError):
            flows.register(document)

    def test_every_sound_document_of_the_sketches_form_stays_valid(self):
        text = json.dumps(
            flat(a={"on": {"go": "b"}, "enter": "in", "exit": "out", "guards": {"go": "may"}}, b={"type": "final"})
            | {"context": {"k": None}}
        )
        definition = read_definition(text)
        assert definition.states["a"].guards == {"go": "may"}
        assert read_definition(definition) == definition


def test_every_invariant_of_the_design_is_a_named_check():
    assert {int(each.name.split(" ")[0][1:]) for each in ALL} == set(range(1, 26))
