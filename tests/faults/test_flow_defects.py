"""The testing kit catches every defect planted in the engine, and each kind of careless handler."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import Phase, settings

from tests.faults.flow_defects import DEFECTS
from tickwright.systems.flows.testing import ALL, DATA, KIT_HANDLERS, check_flow, invariant, named, never_before
from tickwright.systems.flows.testing.check import quiet_settings

ONCE = settings(quiet_settings(200), phases=[Phase.generate])
MANY = settings(quiet_settings(2000), phases=[Phase.generate])  # the way out of a state and back by its history is long
USERS = ("ann", "bob", "eve")

FLOW = {
    "id": "planted",
    "initial": "a",
    "context": {"n": 0, "seen": []},
    "context_types": {"n": "i32"},
    "states": {
        "a": {
            "enter": "count",
            "exit": "note",
            "on": {
                "a0": "b",
                "a1": {"target": "c", "guard": "small", "actions": ["count"]},
                "a2": {"actions": ["note", "tell"]},
                "a3": {"target": "d", "guard": "is_ann", "actions": ["fail"]},
            },
        },
        "b": {
            "initial": "x",
            "on": {"a2": {"target": "c", "actions": "tell"}},
            "after": {"10": "c"},
            "states": {
                "x": {"enter": "count", "exit": "tell", "on": {"a0": "y"}},
                "y": {"enter": "poke", "exit": "note", "on": {"a1": {"target": "x", "guard": "even"}}},
                "h": {"type": "history", "history": "deep"},
            },
        },
        "c": {"on": {"a0": "b.h", "a1": "p", "a3": "end"}, "after": {"5": "p"}},
        "p": {
            "type": "parallel",
            "exit": "tell",
            "on": {"a3": "a"},
            "on_done": "end",
            "states": {
                "left": {"initial": "s", "states": {"s": {"on": {"a0": "t"}, "exit": "note"}, "t": {"type": "final"}}},
                "right": {"initial": "s", "states": {"s": {"on": {"a0": "t", "a1": "t"}}, "t": {"type": "final"}}},
            },
        },
        "d": {"enter": "fail", "on": {"a0": "a"}, "always": {"target": "end", "guard": {"expr": "n > 12"}}},
        "end": {"type": "final", "enter": "tell"},
        "lost": {"on": {"a0": "a"}},  # where only a defect leads
    },
}
BULK = {
    "id": "bulk",
    "initial": "s0",
    "context": {"n": 4, "seen": []},
    "context_types": {"n": "i32"},
    "states": {
        "s0": {"on": {"a0": {"target": "s1", "guard": "small"}, "a1": "s2"}},
        "s1": {"on": {"a0": "s0"}},
        "s2": {"type": "final"},
    },
}


def check(document=FLOW, handlers=KIT_HANDLERS, chosen=ONCE, invariants=ALL):
    return check_flow(document, handlers, users=USERS, data={"*": DATA}, settings=chosen, invariants=invariants)


def test_the_sound_engine_passes():
    report = check(FLOW, chosen=quiet_settings(60))
    assert report.ok, report
    assert len(report.untaken) < len(report.transitions) / 4
    report = check(BULK, chosen=quiet_settings(30))
    assert report.ok, report


def test_there_are_enough_defects():
    assert len(DEFECTS) >= 25


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_a_planted_defect_is_caught(name, monkeypatch):
    plant, caught_by = DEFECTS[name]
    plant(monkeypatch)
    report = check(BULK if "batch" in name else FLOW)
    assert not report.ok, f"nothing noticed: {name}"
    assert report.failure.invariant.split(" ", 1)[0] in caught_by, report


COUNTER = itertools.count()
CARELESS = {
    "a guard that counts": ("small", lambda ctx, event: next(COUNTER) % 2 == 0, {"I10", "I9", "I2", "I16", "I4"}),
    "a guard that writes": ("small", lambda ctx, event: ctx.set_context("n", 1) or True, {"I10"}),
    "a handler that knows the future": ("count", lambda ctx, event: ctx.set_context("n", next(COUNTER)), {"I2", "I6"}),
    "a handler that goes round": ("note", lambda ctx, event: ctx.raise_("a2"), {"I20"}),
}


@pytest.mark.parametrize("careless", CARELESS)
def test_a_careless_function_is_caught(careless):
    name, function, caught_by = CARELESS[careless]
    document = FLOW | {"options": {"max_microsteps": 30}}
    report = check(document, KIT_HANDLERS | {name: function})
    assert not report.ok
    assert report.failure.invariant.split(" ", 1)[0] in caught_by, report


CATCHES = {
    "I1 configuration legal": "a_region_left_alone",
    "I2 result determined": "guard_ignored",
    "I2 the same again": "a_teleport",
    "I3 rejection changes nothing": "a_context_value_mutated_in_place",
    "I4 success appends its records": "history_edited",
    "I5 history continuous": "a_teleport",
    "I6 history replays": "a_start_that_is_not_written_down",
    "I7 final absorbs": "a_final_state_that_lets_go",
    "I8 no teleport": "a_wrong_turn",
    "I9 guards agree": "can_says_yes_to_everything",
    "I10 guards pure": "a guard that writes",
    "I11 invalid action iff unlisted": "a_state_that_absorbs_and_is_not_final",
    "I12 handlers in order": "wrong_exit_order",
    "I13 faults roll back": "missing_rollback_of_the_context",
    "I14 outbox once, in order": "a_duplicated_emit",
    "I15 order of instances": "sends_that_arrive_as_they_were_made",
    "I16 batch equals loop": "a_batch_without_guards",
    "I17 instances conserved": "an_instance_that_vanishes",
    "I17 queries partition": "a_query_that_counts_the_done_as_active",
    "I18 one result each, in order": "a_lost_action",
    "I19 timers on time": "an_early_timer",
    "I19 splitting a tick": "a_timer_stamped_with_the_tick",
    "I20 macrosteps terminate": "a handler that goes round",
    "I21 statically reachable": "a_wrong_turn",
    "I22 dump and restore": "a_snapshot_without_timers",
    "I23 migration total or refused": "a_migration_to_nowhere",
    "I24 time and revision monotone": "a_revision_that_skips",
    "I25 history restored": "a_history_state_that_ignores_its_memory",
    "I25 history remembered": "a_history_state_that_forgets",
}
"""Invariant -> a defect, or a careless function, that it has to catch when nothing else is checked."""


def test_every_invariant_is_named_here():
    assert set(CATCHES) == {each.name for each in ALL}


@pytest.mark.parametrize("name", CATCHES)
def test_the_invariant_alone_catches_a_defect(name, monkeypatch):
    defect, document, handlers = CATCHES[name], FLOW | {"options": {"max_microsteps": 30}}, KIT_HANDLERS
    if defect in CARELESS:
        guard_or_handler, function, _ = CARELESS[defect]
        handlers = handlers | {guard_or_handler: function}
    else:
        DEFECTS[defect][0](monkeypatch)
        document = BULK if "batch" in defect else FLOW
    report = check(document, handlers, MANY if name.startswith("I25") else ONCE, named(name))
    assert not report.ok, f"{name} did not notice: {defect}"
    assert report.failure.invariant == name


def test_i26_the_users_own_predicates_are_held_as_the_others():
    @invariant("n stays small")
    def small(seen):
        return all(each.context["n"] < 3 for each in seen.instances)

    report = check(invariants=(*ALL, small))
    assert report.failure.invariant == "n stays small"
    report = check(invariants=(never_before("end", "d"),))
    assert report.failure.invariant == "never `end` before `d`"
    assert check(invariants=(never_before("end", "a"),), chosen=quiet_settings(20)).ok
