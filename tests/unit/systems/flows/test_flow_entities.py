"""Instances as entities: FlowState in queries, change detection, despawning, components beside it."""

import numpy as np
import pytest

from tickwright.ecs_core import App, Changed, Entity, ManualClock, Query, Update, component
from tickwright.systems.flows import (
    FlowFilter,
    FlowManager,
    FlowsPlugin,
    FlowState,
    Success,
    UnknownInstanceError,
)
from tickwright.systems.hooks import Hooks, HooksPlugin

DOOR = {
    "id": "door",
    "initial": "closed",
    "context_types": {"hits": "i32"},
    "states": {
        "closed": {"on": {"open": "open", "smash": "broken"}},
        "open": {"on": {"close": "closed"}, "after": {"50": "closed"}},
        "broken": {"type": "final"},
    },
}


@component
class Label:
    text: str


@pytest.fixture
def app():
    with App(clock=ManualClock(start_ms=0, step_ms=10)) as made:
        yield made.add_plugins(FlowsPlugin())


@pytest.fixture
def flows(app):
    manager = app.world.resource(FlowManager)
    manager.register(DOOR)
    return manager


def test_an_instance_is_an_entity_with_a_flow_state(app, flows):
    it = flows.start("door", subject="hall")
    flows.send(it, "open")
    state = app.world.get(it, FlowState)
    assert (state.definition, state.state, state.subject, state.revision) == ("door", "open", "hall", 1)
    assert not state.done
    flows.send(it, "close")
    flows.send(it, "smash")
    assert (app.world.get(it, FlowState).state, app.world.get(it, FlowState).done) == ("broken", True)


def test_typed_fields_are_a_component_of_their_own(app, flows):
    ids = flows.start_batch("door", 3, hits=[1, 2, 3])
    kind = app.world.component_named("FlowOf_door")
    assert app.world.get_batch(ids, kind).hits.tolist() == [1, 2, 3]


def test_changed_sees_every_transition_scalar_bulk_and_timed(app, flows):
    seen = []

    def look(changed: Query[tuple[Entity, FlowState], Changed[FlowState]]) -> None:
        seen.append(sorted(i for ids, _ in changed for i in ids.tolist()))

    app.add_systems(Update, look, after="advance_flows")
    ids = flows.start_batch("door", 200)
    app.update()
    app.update()
    assert seen == [ids.tolist(), []]
    flows.send(ids[1], "open")
    app.update()
    flows.send_batch(ids[10:150], "open")
    app.update()
    assert seen[2:] == [[ids[1]], ids[10:150].tolist()]
    for _ in range(6):
        app.update()
    assert [len(each) for each in seen[4:]] == [0, 0, 1, 0, 140, 0]


def test_despawning_ends_timers_and_queued_actions(app, flows):
    one, two = flows.start("door"), flows.start("door")
    flows.send(one, "open")
    flows.enqueue(one, "close")
    flows.enqueue(two, "open")
    app.world.despawn(one)
    for _ in range(8):
        app.update()
    assert list(flows.query()) == [two]
    assert len(flows.audit) == 0
    with pytest.raises(UnknownInstanceError):
        flows.send(one, "open")
    assert flows.get(one) is None
    again = flows.start("door")
    assert flows.history(again) == ()


def test_an_instance_may_have_components_of_others(app, flows):
    ids = flows.start_batch("door", 4)
    app.world.insert(ids[1], Label("front"))
    app.world.insert_batch(ids[2:], app.world.register("Paint", {"hue": "f32"})(hue=0.5))
    ticket = flows.send_batch(ids, "open")
    app.update()
    assert ticket.columns["status"].tolist() == [0, 0, 0, 0]
    assert [ticket.result(i) for i in range(4)] == [Success("open")] * 4
    assert list(flows.query(FlowFilter(state="open"))) == ids.tolist()
    assert flows.history(ids[3])[0].to == "open"
    for _ in range(6):
        app.update()
    assert list(flows.query(FlowFilter(state="closed"))) == ids.tolist()


def test_rows_that_move_keep_their_histories(app, flows):
    ids = flows.start_batch("door", 100)
    app.world.despawn_batch(ids[::3])
    left = np.delete(ids, np.arange(0, 100, 3))
    flows.send_batch(left, "open")
    app.update()
    assert [flows.history(each)[0].to for each in left[:5]] == ["open"] * 5
    assert list(flows.query(FlowFilter(state="open"))) == left.tolist()


def test_what_is_kept_of_the_dead_is_forgotten(app, flows):
    for _ in range(5):
        ids = [flows.start("door", {"note": "x"}) for _ in range(1500)]
        app.world.despawn_batch(ids)
        app.update()
    kept = flows._store.tables[0].contexts
    assert len(kept) <= 4096


def test_a_handler_that_despawns_others_does_not_write_to_their_rows(app, flows):
    def burn(ctx, event):
        app.world.despawn_batch(ids[:2])

    flows.register(
        {"id": "fire", "initial": "a", "states": {"a": {"on": {"go": "b"}}, "b": {"enter": "burn"}}},
        handlers={"burn": burn},
    )
    ids = [flows.start("fire") for _ in range(4)]
    assert flows.send(ids[3], "go") == Success("b")
    assert [flows.get(each).current_state for each in ids[2:]] == ["a", "b"]


def test_a_batch_tells_subscribers_what_single_sends_tell(app, flows):
    app.add_plugins(HooksPlugin())
    told = []
    hooks = app.world.resource(Hooks)
    for name in ("flow:started", "flow:transitioned", "flow:rejected", "flow:finished"):
        hooks.on(name, lambda event, ctx: told.append((event.name_of_event, event.instance)))
    app.update()
    bulk = flows.start_batch("door", 70)
    app.update()
    assert told == [("flow:started", str(each)) for each in bulk.tolist()]
    outcomes = []
    for ids, send in ((bulk, True), (flows.start_batch("door", 70), False)):
        app.update()
        told.clear()
        actions = ["smash", "close"] * 35
        if send:
            flows.send_batch(ids, actions)
        for one, action in () if send else zip(ids, actions, strict=True):
            flows.send(one, action)
        app.update()
        app.update()
        outcomes.append([(name, int(instance) - int(ids[0])) for name, instance in told])
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) == 105


def test_flow_finished_tells_the_output_wherever_a_flow_ends(app, flows):
    app.add_plugins(HooksPlugin())
    told = []
    app.world.resource(Hooks).on("flow:finished", lambda event, ctx: told.append((event.instance, event.output)))
    app.update()
    end = {"type": "final", "output": "over"}
    flows.register({"id": "ended", "initial": "end", "states": {"end": end}})
    flows.register({"id": "going", "initial": "a", "states": {"a": {"on": {"go": "end"}}, "end": end}})
    at_once = [flows.start("ended"), *flows.start_batch("ended", 2).tolist()]
    stepped = [flows.start("going"), *flows.start_batch("going", 2).tolist()]
    flows.send(stepped[0], "go")
    flows.send_batch(stepped[1:], "go")
    moved = flows.start("going")
    flows.migrate(moved, {"a": "end"})
    app.update()
    app.update()
    assert sorted(told) == sorted((str(each), "over") for each in (*at_once, *stepped, moved))
