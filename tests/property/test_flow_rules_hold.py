"""Every invariant of flows over definitions that are made up: the engine against the kit's plain model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowManager, FlowsPlugin
from tickwright.systems.flows.checks import unreachable
from tickwright.systems.flows.replay import compile_flow
from tickwright.systems.flows.testing import (
    ACTIONS,
    ALL,
    DATA,
    KIT_HANDLERS,
    FlowRun,
    Step,
    Subject,
    explore,
    fault_sweep,
    flow_definitions,
    shortest_paths,
)

USERS = ("ann", "bob", "eve")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def subject(document) -> Subject:
    return Subject(document, KIT_HANDLERS, users=USERS, data={"*": DATA})


@settings(max_examples=100, suppress_health_check=SLOW, deadline=None)
@given(flow_definitions(), st.data())
def test_every_invariant_holds_for_made_up_definitions(document, data):
    explore(subject(document), data.draw, ALL)


@settings(max_examples=40, suppress_health_check=SLOW, deadline=None)
@given(flow_definitions(nested=False, typed=True, max_states=5), st.data())
def test_every_invariant_holds_for_made_up_flat_flows_with_typed_fields(document, data):
    explore(subject(document), data.draw, ALL)


scripts = st.lists(
    st.one_of(
        st.builds(
            lambda action, data, user: Step("send", 0, action, data, user),
            st.sampled_from(ACTIONS), st.sampled_from(DATA[:3]), st.sampled_from(USERS),
        ),
        st.builds(lambda wait: Step("tick", wait_ms=wait), st.sampled_from([5, 12])),
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=12, suppress_health_check=SLOW, deadline=None)
@given(flow_definitions(max_states=4), scripts)
def test_a_raise_at_any_handler_call_changes_nothing_and_a_retry_is_as_if_it_never_was(document, script):
    with FlowRun(subject(document)) as run:
        run.play([Step("start", user="ann"), *script])
        assert list(fault_sweep(run)) == []
        run.runs.close()


@st.composite
def schedules(draw) -> list[list[str]]:
    actions = st.sampled_from([*ACTIONS, "what"])
    return draw(st.lists(st.lists(actions, min_size=5, max_size=5), min_size=1, max_size=5))


@settings(max_examples=60, suppress_health_check=SLOW, deadline=None)
@given(
    st.one_of(
        flow_definitions(nested=False, typed=True, handlers=(), guards=["small", {"not": "small"}, {"expr": "n < 2"}]),
        flow_definitions(nested=False, typed=True, max_states=5),
        flow_definitions(typed=True, max_states=4),
    ),
    schedules(),
    st.lists(st.integers(-1, 5), min_size=5, max_size=5),
    st.lists(st.sampled_from([0, 5, 30]), min_size=5, max_size=5),
    st.booleans(),
)
def test_bulk_equals_scalar_over_made_up_definitions_and_schedules(document, schedule, numbers, waits, by_number):
    with app() as one, app() as two:
        bulk, loop = (each.world.resource(FlowManager) for each in (one, two))
        for flows in (bulk, loop):
            flows.register(document, handlers=KIT_HANDLERS)
        ids = bulk.start_batch("made_up", 5, n=np.array(numbers), user="ann")
        single = [loop.start("made_up", {"n": number}, user="ann") for number in numbers]
        for actions, wait in zip(schedule, waits, strict=False):
            codes = bulk.action_codes("made_up")
            coded = by_number and all(action in codes for action in actions)
            bulk.send_batch(ids, np.array([codes[each] for each in actions]) if coded else actions, user="ann")
            for instance, action in zip(single, actions, strict=True):
                loop.enqueue(instance, action, user="ann")
            one.update(wait / 1000)
            two.update(wait / 1000)
            assert list(told(bulk, ids)) == list(told(loop, single))
        assert len(bulk.audit) == len(loop.audit)


def app() -> App:
    return App(clock=ManualClock(start_ms=1000, step_ms=0)).add_plugins(FlowsPlugin())


def told(flows, ids) -> Iterator[dict[str, object]]:
    for instance in ids:
        found = flows.get(int(instance))
        yield {name: getattr(found, name) for name in found.__struct_fields__ if name != "id"}


@given(flow_definitions())
def test_the_document_leads_to_every_state_of_a_made_up_definition(document):
    flow = compile_flow(document, KIT_HANDLERS)
    real = {node.path for node in flow.nodes if node.kind.value != "history"}
    assert not real & set(unreachable(flow))
    assert Subject(document, KIT_HANDLERS).structure.reachable() >= real


@given(flow_definitions(nested=False))
def test_a_path_leads_to_every_state_of_a_made_up_flat_definition(document):
    assert set(shortest_paths(document)) >= set(document["states"])
