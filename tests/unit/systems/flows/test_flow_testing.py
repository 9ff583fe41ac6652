"""The testing kit from outside: reports, shrinking, fixtures, paths, machines, stand-ins."""

import json
import subprocess
import sys

import anyio
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tickwright.systems.flows import FlowDefinitionError
from tickwright.systems.flows.testing import (
    ALL,
    FlowRun,
    Step,
    Subject,
    actions_for,
    check_flow,
    fault_sweep,
    flow_machine,
    invariant,
    load_flow_file,
    named,
    never_before,
    quiet_settings,
    replay_failure,
    shortest_paths,
    simple_paths,
    transition_cover,
)

REVIEW = {
    "id": "review",
    "initial": "draft",
    "context": {"submitter": "", "approver": ""},
    "states": {
        "draft": {"on": {"submit": "pending", "discard": "discarded"}},
        "pending": {"on": {"approve": "approved", "reject": "draft"}, "guards": {"approve": "notTheAuthor"}},
        "approved": {"type": "final", "enter": "onApproved"},
        "discarded": {"type": "final"},
    },
}
HANDLERS = {
    "notTheAuthor": lambda ctx, event: (ctx.context()["submitter"] != event.user, "nobody approves their own"),
    "onApproved": lambda ctx, event: ctx.set_context("approver", event.user),
}
OPTIONS = {"contexts": [{"submitter": "ann"}], "settings": quiet_settings(30)}


@invariant("I26 four eyes")
def four_eyes(seen):
    for each in seen.instances:
        if each.current_state == "approved":
            assert each.context["approver"] != each.context["submitter"], "the author approved"


FORGETFUL = HANDLERS | {"notTheAuthor": lambda ctx, event: True}


def test_a_sound_flow_passes_and_its_coverage_is_told():
    report = check_flow(REVIEW, HANDLERS, invariants=(*ALL, four_eyes, never_before("approved", "pending")), **OPTIONS)
    assert report.ok, report
    assert report.examples >= 30
    assert (report.untaken, report.one_sided, report.unreachable, report.dead_ends) == ((), {}, (), ())
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True


def test_a_failure_is_shrunk_drawn_and_can_be_replayed():
    report = check_flow(REVIEW, FORGETFUL, invariants=(*ALL, four_eyes), **OPTIONS)
    failure = report.failure
    assert failure.invariant == "I26 four eyes"
    assert failure.problem.startswith("the author approved")
    assert failure.actions == ["submit", "approve"]
    assert "pending --> approved : 3. approve by ann" in failure.mermaid
    assert "2. send 0 submit by ann" in str(report)
    again = replay_failure(failure.fixture, FORGETFUL, invariants=[four_eyes])
    assert again == failure
    assert replay_failure(failure.fixture, HANDLERS, invariants=(*ALL, four_eyes)) is None
    assert json.loads(failure.fixture)["script"] == report.to_dict()["failure"]["script"]


def test_a_guard_that_never_refuses_is_told():
    report = check_flow(REVIEW, FORGETFUL, **OPTIONS)
    assert report.ok
    assert report.one_sided == {"pending|on.approve|0": "never refused"}
    assert "guard of pending|on.approve|0: never refused" in str(report)


def test_a_flow_without_handlers_is_checked_with_stand_ins():
    report = check_flow(REVIEW, settings=quiet_settings(30))
    assert report.ok, report
    assert (report.one_sided, report.untaken) == ({}, ())


def test_async_handlers_are_run_to_their_end():
    async def approved(ctx, event):
        await anyio.sleep(0)
        ctx.set_context("approver", event.user)

    report = check_flow(
        REVIEW, HANDLERS | {"onApproved": approved}, invariants=(*named("I2", "I6"), four_eyes), **OPTIONS
    )
    assert report.ok, report
    assert report.states["approved"] > 0


def test_missing_handlers_and_wrong_definitions_are_refused_before_anything_runs():
    with pytest.raises(FlowDefinitionError, match="no handler 'onApproved'"):
        check_flow(REVIEW, {"notTheAuthor": HANDLERS["notTheAuthor"]})
    with pytest.raises(FlowDefinitionError):
        check_flow({"id": "x", "states": {}})
    wrong = {"id": "x", "initial": "a", "states": {"a": {"on": {"go": "nowhere"}}}}
    for look in (check_flow, shortest_paths, simple_paths, transition_cover, actions_for):
        with pytest.raises(FlowDefinitionError, match="no state 'nowhere'"):
            look(wrong)


def test_states_nobody_reaches_and_states_nobody_leaves_are_told():
    flow = {"id": "f", "initial": "a", "states": {"a": {"on": {"go": "b"}}, "b": {}, "island": {"on": {"go": "a"}}}}
    report = check_flow(flow, settings=quiet_settings(5))
    assert (report.unreachable, report.dead_ends) == (("island",), ("b",))


def test_never_before_notices_a_short_cut():
    short = {**REVIEW, "states": {**REVIEW["states"], "draft": {"on": {"submit": "pending", "rush": "approved"}}}}
    report = check_flow(short, HANDLERS, invariants=[never_before("approved", "pending")], **OPTIONS)
    assert report.failure.actions == ["rush"]
    assert report.failure.invariant == "never `approved` before `pending`"


def test_never_before_knows_states_that_were_only_passed():
    passed = {"a": {"on": {"go": "b"}}, "b": {"always": "c"}, "c": {"type": "final"}}
    flow = {"id": "f", "initial": "a", "states": passed}
    report = check_flow(flow, invariants=[never_before("c", "b")], settings=quiet_settings(10))
    assert report.ok, report


def test_invariants_are_found_by_number_or_name():
    assert [each.name for each in named("I13", "I10 guards pure")] == ["I10 guards pure", "I13 faults roll back"]
    with pytest.raises(KeyError, match="no invariant 'I99'"):
        named("I99")
    numbers = {int(each.name.split(" ")[0][1:]) for each in ALL}
    assert numbers == set(range(1, 26))


@given(st.data())
@settings(max_examples=20)
def test_actions_are_drawn_from_the_definition(data):
    step = data.draw(actions_for(REVIEW, users=["eve"], data={"approve": [{"score": 3}]}, instance=2))
    assert (step.do, step.instance, step.user) == ("send", 2, "eve")
    assert step.action in {"submit", "discard", "approve", "reject", "no_such_action"}
    assert (step.data == {"score": 3}) == (step.action == "approve")


TestReviewMachine = flow_machine(
    REVIEW, HANDLERS, contexts=[{"submitter": "ann"}], invariants=(*ALL, four_eyes), settings=quiet_settings(10)
).TestCase


def test_a_machine_fails_where_the_flow_does():
    machine = flow_machine(
        REVIEW,
        FORGETFUL,
        contexts=[{"submitter": "ann"}],
        invariants=(*ALL, four_eyes),
        settings=settings(quiet_settings(40), phases=[Phase.generate]),
    )
    with pytest.raises(AssertionError, match="the author approved"):
        machine.TestCase().runTest()


def test_shortest_paths_lead_to_every_configuration():
    paths = shortest_paths(REVIEW)
    assert {state: path.actions for state, path in paths.items()} == {
        "draft": [],
        "pending": ["submit"],
        "discarded": ["discard"],
        "approved": ["submit", "approve"],
    }
    with FlowRun(Subject(REVIEW)) as run:
        for step in paths["approved"].script():
            run.call(step)
        assert run.flows.get(run.ids[0]).current_state == "approved"


def test_simple_paths_stop_at_their_limit():
    names = [f"s{number}" for number in range(10)]
    complete = {name: {"on": {f"to_{other}": other for other in names if other != name}} for name in names}
    flow = {"id": "k10", "initial": "s0", "states": complete}
    some = simple_paths(flow, limit=500)
    assert (len(some), some.complete) == (500, False)
    assert len({tuple(path.actions) for path in some}) == 500
    small = simple_paths(REVIEW)
    assert ([path.actions for path in small], small.complete) == (
        [[], ["discard"], ["submit"], ["submit", "approve"]], True,
    )  # fmt: skip


def test_a_cover_takes_every_transition_and_says_what_it_cannot():
    region = {"initial": "x", "states": {"x": {"on": {"go": "y"}}, "y": {"type": "final"}}}
    flow = {
        "id": "f",
        "initial": "a",
        "states": {
            "a": {"after": {"10": "p"}, "on": {"go": [{"target": "a", "guard": "g"}, "p"]}},
            "p": {"type": "parallel", "states": {"one": region, "two": region}, "on_done": "end"},
            "end": {"type": "final"},
            "island": {"on": {"go": "a"}},
        },
    }
    cover = transition_cover(flow)
    taken = {site for path in cover for site in path.taken}
    everything = {way.site for way in Subject(flow).structure.all_ways}
    assert everything - taken == {"island|on.go|0"}
    assert not cover.complete
    assert "after 10" in {action for path in cover for action in path.actions}


def test_a_json_file_is_a_definition(tmp_path):
    path = tmp_path / "review.json"
    path.write_text(json.dumps(REVIEW))
    assert load_flow_file(path).definition.id == "review"
    assert check_flow(path, HANDLERS, **OPTIONS).ok
    other = path.rename(tmp_path / "review.toml")
    with pytest.raises(FlowDefinitionError, match=r"nothing loads \.toml files"):
        load_flow_file(other)
    with pytest.raises(FlowDefinitionError, match="no file"):
        check_flow(tmp_path / "nothing.json")


def test_scripts_name_instances_in_data():
    flow = {"id": "f", "initial": "a", "states": {"a": {"on": {"tell": {"actions": "tell"}, "hear": "b"}}, "b": {}}}
    subject = Subject(flow, {"tell": lambda ctx, event: ctx.send(event["to"], "hear")})
    with FlowRun(subject) as run:
        run.play([Step("start"), Step("start"), Step("send", 0, "tell", {"to": "@1"}), Step("tick")])
        assert [each.instance.current_state for each in run.see().values()] == ["a", "b"]


def test_a_timer_and_a_delayed_action_that_are_due_together_are_no_fault():
    later = {"type": "flow.send", "params": {"action": "go", "delay_s": 0.01}}
    flow = {
        "id": "f",
        "initial": "a",
        "states": {"a": {"enter": later, "after": {"10": "a"}, "on": {"go": "b"}}, "b": {}},
    }
    with FlowRun(Subject(flow, {})) as run:
        run.play([Step("start"), Step("tick", wait_ms=10)])
        assert list(fault_sweep(run)) == []


def test_hypothesis_is_imported_only_when_something_is_drawn():
    code = "import sys; import tickwright.systems.flows.testing; print('hypothesis' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
