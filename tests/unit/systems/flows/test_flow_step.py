"""The definitions and the one step function, rule by rule."""

# ruff: noqa: E501 - a definition reads best on one line

import pytest

from tickwright.systems.contracts.json import FrozenDict, JsonValueError
from tickwright.systems.flows.compiled import CompiledFlow
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.definition import (
    FlowDefinition,
    StateDefinition,
    json_schema,
    read_definition,
    to_document,
)
from tickwright.systems.flows.errors import FlowDefinitionError, FlowError
from tickwright.systems.flows.expr import compile_expr
from tickwright.systems.flows.results import GuardFailed, InvalidAction
from tickwright.systems.flows.step import begin, step


def functions(handlers):
    def find(name, path):
        if name not in handlers:
            raise FlowDefinitionError(f"no handler {name!r}", where=path, path=path)
        return handlers[name]

    return find


def started(document, user="ann", **handlers):
    flow = CompiledFlow(read_definition(document), functions(handlers))
    context = FrozenDict(flow.definition.context)
    return flow, begin(flow, context, FlowEvent.of("", user, 0, None)).image()


def send(flow, image, action, user="ann", now=1, data=None):
    return step(flow, image, FlowEvent.of(action, user, now, data), subject="s")


DOOR = {"id": "door", "initial": "closed", "states": {"closed": {"on": {"open": "open"}}, "open": {"type": "final"}}}
REGIONS = {
    "id": "p",
    "type": "parallel",
    "states": {
        "a": {"initial": "one", "states": {"one": {"on": {"go": "two"}}, "two": {"type": "final"}}},
        "b": {"initial": "one", "states": {"one": {"on": {"go": "two", "b": "two"}}, "two": {"type": "final"}}},
    },
}


def logger(seen, name):
    return lambda ctx, event: seen.append(name)


def test_a_flat_flow_moves_and_ends():
    flow, image = started(DOOR)
    assert send(flow, image, "shut") == InvalidAction("shut", "closed")
    after = send(flow, image, "open").image()
    assert (after.config.current_state, after.config.done) == ("open", True)


def test_a_done_flow_is_absorbing():
    flow, image = started(DOOR)
    after = send(flow, image, "open").image()
    assert send(flow, after, "open") == InvalidAction("open", "open")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"initial": "nowhere"}, "initial"),
        ({"initial": ""}, "initial"),
        ({"states": {"closed": {"on": {"open": "nowhere"}}}}, "states.closed.on.open"),
        ({"states": {"closed": {"type": "parallel"}}}, "states.closed.type"),
        ({"states": {"closed": {"type": "final", "on": {"open": "closed"}}}}, "states.closed.on"),
        ({"states": {"closed": {"typ": "final"}}}, "states.closed.typ"),
        ({"states": {"closed": {"onDone": "closed", "on_done": "closed"}}}, "states.closed.on_done"),
        ({"states": {"closed": {"guards": {"open": "g"}}}}, "states.closed.guards.open"),
        ({"context": {"a": object()}}, "context.a"),
        ({"context_types": {"a": "f16"}}, "context_types.a"),
    ],
)
def test_a_wrong_definition_names_the_path(change, path):
    with pytest.raises((FlowDefinitionError, JsonValueError)) as error:
        started({**DOOR, **change})
    assert error.value.path == path


def test_a_missing_handler_is_refused():
    with pytest.raises(FlowDefinitionError, match="no handler 'h'"):
        started({**DOOR, "enter": "h"})


def test_a_definition_nested_200_deep_is_refused():
    state = {}
    for _ in range(200):
        state = {"initial": "a", "states": {"a": state}}
    with pytest.raises(FlowDefinitionError, match="deep"):
        started({"id": "deep", **state})


def test_a_definition_of_10000_states_is_refused():
    with pytest.raises(FlowDefinitionError, match="more than"):
        started({"id": "wide", "initial": "s0", "states": {f"s{i}": {} for i in range(10_000)}})


@pytest.mark.parametrize(
    "text", ["__import__('os')", "context.__class__", "[x for x in y]", "f()", "2 ** 9", "lambda: 1"]
)
def test_an_expression_outside_the_allow_list_is_refused(text):
    document = {**DOOR, "states": {"closed": {"on": {"open": {"target": "closed", "guard": {"expr": text}}}}}}
    with pytest.raises(FlowDefinitionError):
        started(document)


def test_a_flow_of_data_alone_cannot_square_for_ever():
    square = compile_expr("n * n", "")[0]
    assert square(({"n": 2**2000}, {})) == 2**4000
    with pytest.raises(OverflowError, match="4096 bits"):
        square(({"n": 2**4000}, {}))


def test_an_expression_reads_context_and_event():
    guard = {"expr": "context.n + 1 >= 3 and event.user in ('bob', 'eve')"}
    flow, image = started(
        {
            "id": "e",
            "initial": "a",
            "context": {"n": 2},
            "states": {"a": {"on": {"go": {"target": "a", "guard": guard}}}},
        }
    )
    assert isinstance(send(flow, image, "go"), GuardFailed)
    assert send(flow, image, "go", user="bob").image().config.current_state == "a"


def test_one_action_goes_to_all_regions():
    flow, image = started(REGIONS)
    after = send(flow, image, "go").image()
    assert after.config.done
    assert [flow.nodes[each].path for each in after.config.leaves] == ["a.two", "b.two"]


def test_a_parallel_is_done_when_all_regions_are():
    flow, image = started(REGIONS)
    half = send(flow, image, "b").image()
    assert not half.config.done
    assert send(flow, half, "go").image().config.done


def test_on_done_follows_the_final_child():
    document = {
        "id": "d", "initial": "w",
        "states": {"w": {"initial": "x", "states": {"x": {"on": {"go": "y"}}, "y": {"type": "final"}}, "onDone": "z"}, "z": {}},
    }  # fmt: skip
    flow, image = started(document)
    assert send(flow, image, "go").image().config.current_state == "z"


def test_exit_is_deepest_first_and_entry_parents_first():
    seen = []
    handlers = {name: logger(seen, name) for name in ("xa", "xb", "t", "ec", "ed")}
    document = {
        "id": "o", "initial": "a",
        "states": {
            "a": {"exit": "xa", "initial": "b", "states": {"b": {"exit": "xb", "on": {"go": {"target": "c.d", "actions": "t"}}}}},
            "c": {"enter": "ec", "initial": "d", "states": {"d": {"enter": "ed"}}},
        },
    }  # fmt: skip
    flow, image = started(document, **handlers)
    send(flow, image, "go")
    assert seen == ["xb", "xa", "t", "ec", "ed"]


@pytest.mark.parametrize(("reenter", "expected"), [(True, ["x", "e"]), (False, [])])
def test_a_self_target_reenters_unless_told_not_to(reenter, expected):
    seen = []
    state = {"enter": "e", "exit": "x", "on": {"go": {"target": "a", "reenter": reenter}}}
    flow, image = started({"id": "s", "initial": "a", "states": {"a": state}}, e=logger(seen, "e"), x=logger(seen, "x"))
    seen.clear()
    send(flow, image, "go")
    assert seen == expected


def test_a_transition_without_target_never_exits():
    seen = []
    state = {"exit": "x", "on": {"go": {"actions": ["act"]}}}
    handlers = {"x": logger(seen, "x"), "act": logger(seen, "act")}
    flow, image = started({"id": "s", "initial": "a", "states": {"a": state}}, **handlers)
    send(flow, image, "go")
    assert seen == ["act"]


@pytest.mark.parametrize(("kind", "expected"), [("shallow", "w.p.one"), ("deep", "w.p.two")])
def test_history_restores_what_it_recorded(kind, expected):
    inner = {"initial": "one", "states": {"one": {"on": {"go": "two"}}, "two": {}}}
    states = {
        "w": {"initial": "q", "on": {"out": "o"}, "states": {"q": {"on": {"p": "p"}}, "p": inner, "h": {"type": "history", "history": kind}}},
        "o": {"on": {"back": "w.h"}},
    }  # fmt: skip
    flow, image = started({"id": "h", "initial": "w", "states": states})
    for action in ("p", "go", "out", "back"):
        image = send(flow, image, action).image()
    assert image.config.current_state == expected


def test_always_runs_until_stable_and_a_cycle_is_rolled_back():
    flow, image = started(
        {
            "id": "c",
            "initial": "a",
            "states": {
                "a": {"on": {"go": "b"}},
                "b": {"always": {"target": "c", "guard": "yes"}},
                "c": {"always": "b"},
            },
        },
        yes=lambda c, e: True,
    )
    with pytest.raises(FlowError, match="come to rest"):
        send(flow, image, "go")
    assert image.config.current_state == "a"


def test_a_raising_handler_leaves_the_image_alone_and_says_where():
    def boom(ctx, event):
        ctx.set_context("n", 9)
        raise ValueError("no")

    document = {
        "id": "f",
        "initial": "a",
        "context": {"n": 1},
        "states": {"a": {"on": {"go": "b"}}, "b": {"enter": "boom"}},
    }
    flow, image = started(document, boom=boom)
    with pytest.raises(FlowError) as error:
        send(flow, image, "go")
    assert (error.value.phase, error.value.handler, error.value.state) == ("enter", "boom", "b")
    assert isinstance(error.value.cause, ValueError)
    assert (image.config.current_state, image.context) == ("a", {"n": 1})


def test_a_guard_fails_with_its_reason_and_a_raising_guard_fails_closed():
    document = {
        "id": "g",
        "initial": "a",
        "states": {
            "a": {"on": {"go": "a", "no": "a", "err": "a"}, "guards": {"go": "plain", "no": "told", "err": "bad"}}
        },
    }
    flow, image = started(
        document,
        plain=lambda c, e: False,
        told=lambda c, e: (False, "too late"),
        bad=lambda c, e: c.set_context("a", 1),
    )
    assert send(flow, image, "go") == GuardFailed(
        "plain", "guard `plain` returned false", (("plain", "guard `plain` returned false"),)
    )
    assert send(flow, image, "no").reason == "too late"
    assert send(flow, image, "err").reason.startswith("FlowError")


def test_composed_guards():
    guard = {"and": [{"or": ["no", "yes"]}, {"not": "no"}, {"in": "a"}]}
    document = {"id": "g", "initial": "a", "states": {"a": {"on": {"go": {"target": "b", "guard": guard}}}, "b": {}}}
    flow, image = started(document, no=lambda c, e: False, yes=lambda c, e: True)
    assert send(flow, image, "go").image().config.current_state == "b"


def test_data_cannot_forge_the_user():
    users = []
    document = {"id": "u", "initial": "a", "states": {"a": {"on": {"go": {"actions": "see"}}}}}
    flow, image = started(document, see=lambda c, e: users.append((c.current_user(), e.user, e["x"])))
    send(flow, image, "go", user="bob", data={"user": "root", "x": 1})
    assert users == [("bob", "bob", 1)]


def test_raise_stays_inside_the_macrostep():
    document = {
        "id": "r",
        "initial": "a",
        "states": {"a": {"on": {"go": "b"}}, "b": {"enter": "r", "on": {"on": "c"}}, "c": {}},
    }
    flow, image = started(document, r=lambda c, e: c.raise_("on"))
    assert send(flow, image, "go").image().config.current_state == "c"


def test_a_definition_survives_its_document_and_hash():
    definition = read_definition(REGIONS)
    again = read_definition(to_document(definition))
    assert again == definition
    assert again.content_hash == definition.content_hash != read_definition(DOOR).content_hash
    built = FlowDefinition(
        id="door",
        initial="closed",
        states={"closed": StateDefinition(on={"open": "open"}), "open": StateDefinition(type="final")},
    )
    assert read_definition(built) == read_definition(DOOR)
    assert "$defs" in json_schema()


class OddlyNamed(Exception):
    pass


@pytest.mark.parametrize("guard", [{"not": "broken"}, {"not": {"or": ["no", "broken"]}}, {"or": ["broken", "no"]}])
def test_a_raising_guard_fails_closed_wherever_it_stands(guard):
    def broken(ctx, event):
        raise OddlyNamed("lost")

    document = {**DOOR, "states": {"closed": {"on": {"open": {"target": "closed", "guard": guard}}}}}
    flow, image = started(document, broken=broken, no=lambda ctx, event: False)
    refused = send(flow, image, "open")
    assert (refused.guard, refused.reason) == ("broken", "OddlyNamed: lost")


def test_a_raising_guard_beside_one_that_holds_does_not_matter():
    document = {
        **DOOR,
        "states": {"closed": {"on": {"open": {"target": "closed", "guard": {"or": ["broken", "yes"]}}}}},
    }
    flow, image = started(document, broken=lambda ctx, event: 1 / 0, yes=lambda ctx, event: True)
    assert send(flow, image, "open").image().config.current_state == "closed"
