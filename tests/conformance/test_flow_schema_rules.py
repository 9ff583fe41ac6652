"""The design's rules on the schema of flows, on bulk stepping and on the kit's ways, one test each."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from tests.conformance.test_flow_rules import REFUSED, begin, flat, writes
from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import (
    FlowDefinitionError,
    FlowsPlugin,
    GuardFailed,
    InvalidAction,
    Success,
    guard,
    read_definition,
)
from tickwright.systems.flows.testing import simple_paths

FLOWS = Path(__file__).parents[2] / "systems" / "flows"


@pytest.fixture
def app():
    with App(clock=ManualClock(start_ms=1000, step_ms=10)) as made:
        yield made.add_plugins(FlowsPlugin())


def same(one, two):
    return read_definition(flat(**one)) == read_definition(flat(**two))


class TestSchema:
    def test_atomic_and_compound_are_aliases_of_normal(self):
        inside = {"initial": "b", "states": {"b": {}}}
        assert same({"a": {"type": "compound", **inside}}, {"a": inside})
        assert same({"a": {"type": "atomic"}}, {"a": {"type": "normal"}})

    def test_the_plain_string_is_a_target(self):
        assert same({"a": {"on": {"go": "a"}}}, {"a": {"on": {"go": [{"target": ["a"]}]}}})

    def test_entry_is_enter_and_cond_is_guard_and_camel_case_is_snake_case(self):
        assert same({"a": {"entry": "f"}}, {"a": {"enter": ["f"]}})
        assert same({"a": {"on": {"go": {"cond": "g"}}}}, {"a": {"on": {"go": {"guard": "g"}}}})
        inside = {"initial": "b", "states": {"b": {"type": "final"}}}
        assert same({"a": {"onDone": "a", **inside}}, {"a": {"on_done": "a", **inside}})

    def test_key_order_is_document_order(self, flows):
        calls = []
        for order in (("a", "b"), ("b", "a")):
            both = {"type": "parallel", "states": {name: {"enter": name} for name in order}}
            flows.register(flat(p=both) | {"version": order[0]}, handlers={n: writes(calls, n) for n in order})
            flows.start("f")
        assert calls == ["a", "b", "b", "a"]

    def test_guards_are_anded_to_every_transition_of_that_action_in_this_state(self, flows):
        ways = [{"target": "b", "guard": {"expr": "n == 1"}}, {"target": "c", "guard": {"expr": "n == 2"}}]
        a = {"on": {"go": ways, "free": "b"}, "guards": {"go": "open"}}
        it = begin(flows, flat(a=a, b={}, c={}), context={"n": 2, "open": False}, open=lambda c, e: c.context()["open"])
        assert flows.send(it, "go").failures[-1] == ("open", "guard `open` returned false")
        assert flows.send(flows.start("f", {"n": 2, "open": True}), "go") == Success("c")
        assert flows.send(it, "free") == Success("b")

    @pytest.mark.parametrize(
        ("written", "holds"),
        [
            ("yes", True),
            ({"type": "least", "params": {"n": 2}}, True),
            ({"type": "least", "params": {"n": 9}}, False),
            ({"and": ["yes", "no"]}, False),
            ({"or": ["no", "yes"]}, True),
            ({"not": "no"}, True),
            ({"in": "a"}, True),
            ({"in": "b"}, False),
            ({"expr": "n >= 2 and event.user in ['ann', 'bob'] and context.n + 1 != 4"}, True),
        ],
    )
    def test_a_guard_is_a_name_or_composed_or_an_expression(self, flows, written, holds):
        asked = {"yes": lambda c, e: True, "no": lambda c, e: False, "least": lambda c, e: c.params()["n"] <= 2}
        it = begin(flows, flat(a={"on": {"go": {"target": "b", "guard": written}}}, b={}), context={"n": 2}, **asked)
        assert isinstance(flows.send(it, "go", user="ann"), Success if holds else GuardFailed)

    def test_after_takes_milliseconds_or_the_name_of_a_handler(self, app, flows):
        named = flat(a={"after": {"20": "b"}}, b={"after": {"some-delay": "c"}}, c={})
        it = begin(flows, named, **{"some-delay": lambda c, e: 10})
        for _ in range(4):
            app.update()
        assert [(each.to, each.timestamp) for each in flows.history(it)] == [("b", 1020), ("c", 1030)]

    def test_a_history_state_has_a_kind_and_a_default(self, flows):
        inner = {"x": {"on": {"on": "y"}}, "y": {}, "z": {}, "h": {"type": "history", "target": "z"}}
        it = begin(flows, flat(a={"on": {"in": "b.h"}}, b={"initial": "x", "states": inner, "on": {"out": "a"}}))
        assert [flows.send(it, action) for action in ("in", "out", "in")][::2] == [Success("b.z"), Success("b.z")]

    def test_a_transition_without_a_target_runs_its_actions_alone(self, flows):
        calls = []
        a = {"enter": "in_", "exit": "out", "on": {"go": {"actions": ["one", {"type": "two", "params": {"n": 1}}]}}}
        names = ("in_", "out", "one")
        handlers = {n: writes(calls, n) for n in names} | {"two": lambda c, e: calls.append(c.params()["n"])}
        it = begin(flows, flat(a=a), **handlers)
        flows.send(it, "go")
        assert calls == ["in_", "one", 1]

    def test_output_tags_meta_and_description_are_kept_and_the_hash_follows(self):
        more = {"output": {"n": [1]}, "tags": ["t"], "meta": {"k": 1}, "description": "d"}
        definition = read_definition(flat(a={"type": "final", **more}, b={}))
        state = definition.states["a"]
        assert (state.output, state.tags, state.meta, state.description) == ({"n": (1,)}, ("t",), {"k": 1}, "d")
        assert definition.content_hash != read_definition(flat(a={"type": "final"}, b={})).content_hash

    def test_typed_fields_live_in_columns_and_are_read_and_written_through_ctx(self, app, flows):
        add = {"type": "flow.assign", "params": {"key": "n", "expr": "n + 1"}}
        it = begin(flows, flat(a={"on": {"go": {"actions": add}}}) | {"context_types": {"n": "i16"}}, context={"n": 7})
        flows.send(it, "go")
        assert flows.get(it).context == {"n": 8}
        assert app.world.get(it, app.world.component_named("FlowOf_f")).n == 8

    @pytest.mark.parametrize(("document", "path"), REFUSED)
    def test_every_error_names_the_path_what_was_expected_and_what_to_do(self, flows, document, path):
        with pytest.raises(FlowDefinitionError) as error:
            flows.register(document)
        assert error.value.path.startswith(path)
        assert error.value.where
        assert error.value.expected or error.value.todo

    def test_nothing_is_ever_given_to_eval_or_exec(self):
        for file in FLOWS.rglob("*.py"):
            called = {node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)}
            names = {each.id for each in called if isinstance(each, ast.Name)}
            assert not names & {"eval", "exec", "compile", "__import__"}, file


@guard(columns=("n",))
def positive(n):
    return n > 0


class TestBulk:
    @pytest.mark.parametrize("written", ["positive", {"expr": "n > 0"}, {"not": {"expr": "n <= 0"}}])
    def test_guards_over_columns_and_expressions_are_stepped_by_columns(self, app, flows, written):
        states = {"a": {"on": {"go": {"target": "b", "guard": written}}}, "b": {}}
        flows.register(flat(**states) | {"context_types": {"n": "i32"}}, handlers={"positive": positive})
        ids = flows.start_batch("f", 100, n=np.arange(100) % 3)
        ticket = flows.send_batch(ids, "go")
        app.update()
        assert ticket.reasons == {}  # nothing took the scalar step
        assert ticket.columns["status"].tolist() == [int(n % 3 == 0) for n in range(100)]

    def test_what_has_handlers_takes_the_scalar_step_in_the_same_tick_with_the_same_results(self, app, flows):
        calls = []
        document = flat(a={"on": {"go": "b", "call": "c"}}, b={}, c={"enter": "note"})
        flows.register(document, handlers={"note": writes(calls, "note")})
        ids = flows.start_batch("f", 4)
        ticket = flows.send_batch(ids, ["go", "call", "fly", "call"])
        app.update()
        told = [ticket.result(at) for at in range(4)]
        assert told == [Success("b"), Success("c"), InvalidAction("fly", "a"), Success("c")]
        assert calls == ["note", "note"]

    def test_history_is_columnar_and_made_per_instance_on_request(self, app, flows):
        flows.register(flat(a={"on": {"go": "b"}}, b={"on": {"go": "a"}}))
        ids = flows.start_batch("f", 1000)
        for _ in range(3):
            flows.send_batch(ids, "go", user="ann")
            app.update()
        (table,) = flows._store.tables
        assert (len(table.chunks), table.records) == (3, {})
        last = flows.history(int(ids[500]))[-1]
        assert (last.from_, last.to, last.action, last.revision, last.user) == ("a", "b", "go", 3, "ann")


class TestKit:
    def test_simple_paths_always_take_a_limit(self):
        names = [f"s{number}" for number in range(10)]
        complete = {name: {"on": {other: other for other in names if other != name}} for name in names}
        found = simple_paths(flat(**complete), limit=50)
        assert (len(found), found.complete) == (50, False)
