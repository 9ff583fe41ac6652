"""The testing kit catches every defect planted in the engine, and each kind of careless handler."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import Phase, settings

from tests.faults.flow_defects import DEFECTS
from tickwright.systems.flows.testing import DATA, KIT_HANDLERS, check_flow
from tickwright.systems.flows.testing.check import quiet_settings

ONCE = settings(quiet_settings(200), phases=[Phase.generate])
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


def check(document=FLOW, handlers=KIT_HANDLERS, chosen=ONCE):
    return check_flow(document, handlers, users=USERS, data={"*": DATA}, settings=chosen)


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
