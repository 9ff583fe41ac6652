"""XState configs and SCXML documents as definitions, and what of them is refused by name."""

# ruff: noqa: E501 - a document reads best on one line

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import (
    FlowDefinitionError,
    FlowImportError,
    FlowsPlugin,
    InvalidAction,
    Success,
    from_scxml,
    from_xstate,
    read_definition,
    to_json,
)


@pytest.fixture
def app():
    with App(clock=ManualClock(start_ms=1000, step_ms=100)) as made:
        yield made.add_plugins(FlowsPlugin())


def started(flows, definition, **handlers):
    flows.register(definition, handlers=handlers)
    return flows.start(definition.id)


# -- XState ------------------------------------------------------------------------------------------------------

CHECKOUT = {
    "id": "checkout",
    "initial": "cart",
    "context": {"items": 0},
    "states": {
        "cart": {
            "on": {
                "add": {"actions": {"type": "count", "params": {"by": 2}}},
                "pay": {"target": "paying", "guard": "hasItems"},
                "item.*": {"actions": ["seen"]},
                "*": {"actions": "seen"},
            }
        },
        "paying": {
            "type": "parallel",
            "onDone": "#checkout.paid",
            "states": {
                "money": {
                    "initial": "open",
                    "states": {"open": {"on": {"money": "done"}}, "done": {"type": "final"}},
                },
                "stock": {
                    "initial": "open",
                    "states": {"open": {"after": {"250": {"target": "done"}}}, "done": {"type": "final"}},
                },
            },
        },
        "paid": {"type": "final", "output": {"ok": True}},
    },
}


def test_an_xstate_config_runs(app, flows):
    seen = []
    handlers = {
        "count": lambda ctx, event: ctx.set_context("items", ctx.context()["items"] + ctx.params()["by"]),
        "hasItems": lambda ctx, event: ctx.context()["items"] > 0,
        "seen": lambda ctx, event: seen.append(event.action),
    }
    it = started(flows, from_xstate(CHECKOUT), **handlers)
    assert flows.send(it, "pay") == Success("cart")  # a guard that fails leaves it to the wildcard
    flows.send(it, "add")
    flows.send(it, "item.removed")
    flows.send(it, "whatever")
    assert seen == ["pay", "item.removed", "whatever"]
    flows.send(it, "pay")
    assert flows.get(it).value == {"paying": {"money": "open", "stock": "open"}}
    flows.send(it, "money")
    for _ in range(3):
        app.update()
    assert (flows.get(it).current_state, flows.get(it).done) == ("paid", True)


@pytest.mark.parametrize(
    ("transition", "entries"),
    [
        ("a", 1),
        ({"target": "a", "reenter": True}, 2),
        ({"target": ".two"}, 1),
        ({"target": ".two", "reenter": True}, 2),
        ({}, 1),
    ],
)
def test_v5_stays_inside_unless_told_to_reenter(flows, transition, entries):
    entered = []
    config = {
        "id": "m",
        "initial": "a",
        "states": {
            "a": {"entry": "enter", "initial": "one", "on": {"go": transition}, "states": {"one": {}, "two": {}}}
        },
    }
    it = started(flows, from_xstate(config), enter=lambda ctx, event: entered.append(1))
    flows.send(it, "go")
    assert len(entered) == entries


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"invoke": {"src": "fetch"}}, "states.a.invoke"),
        ({"route": {}}, "states.a.route"),
        ({"spawn": "x"}, "states.a.spawn"),
        ({"entry": {"type": "xstate.spawnChild"}}, "states.a.entry"),
        ({"on": {"go": {"target": "a", "cond": "x"}}}, "states.a.on.go.cond"),
        ({"on": {"go": {"target": "a", "internal": True}}}, "states.a.on.go.internal"),
        ({"initial": {"target": "b", "cond": "x"}, "states": {"b": {}}}, "states.a.initial.cond"),
        ({"entry": [lambda: 1]}, "states.a.entry"),
        ({"entry": {"type": "xstate.assign", "assignment": {}}}, "states.a.entry"),
        ({"entry": "xstate.sendTo"}, "states.a.entry"),
        ({"entry": {"type": "xstate.raise", "event": {"type": "e"}, "delay": "soon"}}, "states.a.entry.delay"),
        ({"unheard": 1}, "states.a.unheard"),
    ],
)
def test_what_xstate_has_and_flows_do_not_is_refused_by_name(change, path):
    with pytest.raises(FlowImportError) as error:
        from_xstate({"initial": "a", "states": {"a": change}})
    assert error.value.path == path


@pytest.mark.parametrize("target", ["b", ".b", "#bee"])
def test_actions_of_an_initial_transition_run_between_the_entries_of_the_state_and_of_what_is_inside(flows, target):
    seen = []
    inside = {"a": {}, "b": {"id": "bee", "entry": "two"}}
    outer = {"initial": {"target": target, "actions": ["on_the_way"]}, "states": inside, "entry": "one"}
    names = ("one", "on_the_way", "two")
    handlers = {name: (lambda ctx, event, name=name: seen.append(name)) for name in names}
    it = started(flows, from_xstate({"id": "m", "initial": "outer", "states": {"outer": outer}}), **handlers)
    assert (seen, flows.get(it).current_state) == (list(names), "outer.b")


def test_what_xstate_raises_later_comes_later_and_can_be_cancelled(app, flows):
    later = [
        {"type": "xstate.raise", "event": {"type": name, "n": 1}, "delay": 150, "id": name} for name in ("one", "two")
    ]
    config = {
        "id": "m",
        "initial": "a",
        "states": {
            "a": {"entry": [*later, {"type": "xstate.cancel", "sendId": "one"}], "on": {"one": "b", "two": "c"}},
            "b": {},
            "c": {},
        },
    }
    it = started(flows, from_xstate(config))
    app.update()
    assert flows.get(it).current_state == "a"
    app.update()
    assert [(each.to, each.timestamp, each.data) for each in flows.history(it)] == [("c", 1150, {"n": 1})]


def test_xstate_guards_and_built_in_actions(flows):
    config = {
        "id": "m",
        "initial": "a",
        "states": {
            "a": {
                "on": {
                    "go": {
                        "guard": {"type": "xstate.and", "guards": ["yes", {"type": "not", "guards": ["no"]}]},
                        "actions": [{"type": "xstate.raise", "event": {"type": "next", "n": 1}}],
                    },
                    "next": "b",
                }
            },
            "b": {},
        },
    }
    it = started(flows, from_xstate(config), yes=lambda c, e: True, no=lambda c, e: False)
    assert flows.send(it, "go") == Success("b")


# -- SCXML -------------------------------------------------------------------------------------------------------

OVEN = """
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="oven" initial="off" datamodel="ecmascript">
  <datamodel><data id="time" expr="0"/><data id="door" expr="'closed'"/><data id="list" expr="[1, 2]"/></datamodel>
  <state id="off"><transition event="turn.on" target="on"/></state>
  <parallel id="on">
    <transition event="turn.off" target="off"/>
    <state id="engine" initial="idle">
      <state id="idle"><transition cond="In('closed') &amp;&amp; time &lt; 3" target="cooking"/></state>
      <state id="cooking">
        <onentry><log label="cooking" expr="time"/></onentry>
        <transition event="time" cond="time === 2" target="ready"><assign location="time" expr="time + 1"/></transition>
        <transition event="time"><assign location="time" expr="time + 1"/></transition>
      </state>
      <final id="ready"/>
    </state>
    <state id="plate">
      <initial><transition target="closed"/></initial>
      <state id="closed"><transition event="door.open" target="opened"/></state>
      <state id="opened"><transition event="door" target="closed"/></state>
    </state>
  </parallel>
</scxml>
"""


def test_an_scxml_document_runs(flows):
    definition = from_scxml(OVEN)
    assert dict(definition.context) == {"time": 0, "door": "closed", "list": (1, 2)}
    it = started(flows, definition)
    flows.send(it, "turn.on")
    assert flows.get(it).value == {"on": {"engine": "cooking", "plate": "closed"}}
    for _ in range(3):
        flows.send(it, "time")
    assert flows.get(it).value["on"]["engine"] == "ready"
    assert flows.get(it).context["time"] == 3
    flows.send(it, "door.open")
    flows.send(it, "door.close")  # the descriptor `door` takes it
    assert flows.get(it).value["on"]["plate"] == "closed"


def test_document_order_decides_between_overlapping_descriptors(flows):
    text = """<scxml name="d"><state id="a">
      <transition event="x" cond="false" target="b"/><transition event="*" target="c"/>
      <transition event="x" target="b"/></state><state id="b"/><state id="c"/></scxml>"""
    it = started(flows, from_scxml(text))
    assert flows.send(it, "x") == Success("c")


def test_history_and_done_events(flows):
    text = """<scxml name="h"><state id="w"><initial><transition target="p"/></initial>
      <history id="back" type="deep"><transition target="p"/></history>
      <state id="p" initial="one"><state id="one"><transition event="go" target="two"/></state>
        <state id="two"><transition event="end" target="z"/></state><final id="z"/></state>
      <transition event="out" target="o"/><transition event="done.state.p" target="over"/></state>
      <state id="o"><transition event="in" target="back"/></state><final id="over"/></scxml>"""
    it = started(flows, from_scxml(text))
    for action in ("go", "out", "in"):
        flows.send(it, action)
    assert flows.get(it).current_state == "w.p.two"
    assert flows.send(it, "end") == Success("over")


def test_send_with_delay_and_cancel(app, flows):
    text = """<scxml name="t"><state id="a">
      <onentry><send event="late" delay="250ms" id="one"/><send event="never" delay=".2s" id="two"/></onentry>
      <transition event="late" target="b"/><transition event="never" target="c"/>
      <transition event="stop"><cancel sendid="two"/></transition></state><state id="b"/><state id="c"/></scxml>"""
    it = started(flows, from_scxml(text))
    flows.send(it, "stop")
    assert [action for _, action in flows.get(it).timers] == ["late"]
    app.update()
    app.update()
    assert flows.get(it).current_state == "a"
    app.update()
    assert flows.get(it).current_state == "b"
    assert flows.history(it)[-1].timestamp == 1250


def test_an_error_is_an_event_or_rolls_back(flows):
    text = """<scxml name="e"><datamodel><data id="x" expr="1"/></datamodel><state id="a">
      <transition event="go" target="b"/></state>
      <state id="b"><onentry><assign location="x" expr="missing + 1"/></onentry>
      <transition event="error.execution" target="c"/></state><state id="c"/></scxml>"""
    it = started(flows, from_scxml(text))
    assert flows.send(it, "go") == Success("c")
    strict = started(flows, from_scxml(text, on_handler_error="rollback", flow_id="strict"))
    with pytest.raises(Exception, match=r"flow\.assign"):
        flows.send(strict, "go")
    assert flows.get(strict).current_state == "a"


def test_an_internal_transition_of_a_parallel_leaves_it_as_any_other(flows):
    text = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><datamodel><data id="left" expr="0"/></datamodel>
    <parallel id="p"><onexit><assign location="left" expr="left + 1"/></onexit>
    <transition event="go" type="internal" target="a"/><state id="a"/><state id="b"/></parallel></scxml>"""
    it = started(flows, from_scxml(text))
    flows.send(it, "go")
    assert flows.get(it).context == {"left": 1}


def scxml(inside, **attributes):
    named = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    return from_scxml(f'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" {named}>{inside}</scxml>')


def test_content_of_initial_runs_after_the_parents_entry_and_before_the_childs(flows):
    definition = scxml("""<datamodel><data id="n" expr="1"/></datamodel>
    <state id="outer"><onentry><assign location="n" expr="n * 10"/></onentry>
      <initial><transition target="inner"><assign location="n" expr="n + 1"/></transition></initial>
      <state id="other"/><state id="inner"><onentry><assign location="n" expr="n * 10"/></onentry></state></state>""")
    it = started(flows, definition)
    assert (flows.get(it).context["n"], flows.get(it).value) == (110, {"outer": "inner"})


@pytest.mark.parametrize("where", ["attribute", "element", "root"])
def test_several_initial_states_are_entered_in_their_regions(flows, where):
    names = "left_two right_two"
    regions = "".join(
        f'<state id="{side}"><state id="{side}_one"/><state id="{side}_two"/></state>' for side in ("left", "right")
    )
    both = f'<parallel id="both">{regions}</parallel>'
    inside = {
        "attribute": f'<state id="outer" initial="{names}">{both}</state>',
        "element": f'<state id="outer"><initial><transition target="{names}"/></initial>{both}</state>',
        "root": both,
    }[where]
    it = started(flows, scxml(inside, initial=names) if where == "root" else scxml(inside))
    value = {"both": {"left": "left_two", "right": "right_two"}}
    assert flows.get(it).value == (value if where == "root" else {"outer": value})


def test_what_goes_wrong_in_one_block_ends_that_block_alone(flows):
    definition = scxml("""<datamodel><data id="n" expr="0"/><data id="told" expr="0"/></datamodel>
    <state id="s"><transition event="error.execution"><assign location="told" expr="told + 1"/></transition>
      <onentry><assign location="n" expr="n + 1"/><assign location="n" expr="n / 0"/><assign location="n" expr="50"/></onentry>
      <onentry><assign location="n" expr="n + 2"/></onentry></state>""")
    it = started(flows, definition)
    assert flows.get(it).context == {"n": 3, "told": 1}
    again = started(flows, read_definition(to_json(definition)))
    assert flows.get(again).context == {"n": 3, "told": 1}


def test_regions_are_left_each_whole_against_the_order_of_the_document(flows):
    def region(name, outer, inner):
        note = '<onexit><assign location="order" expr="order * 10 + {}"/></onexit>'
        return f'<state id="{name}">{note.format(outer)}<state id="{name}_in">{note.format(inner)}</state></state>'

    definition = scxml(f"""<datamodel><data id="order" expr="0"/></datamodel>
    <parallel id="p">{region("a", 1, 2)}{region("b", 3, 4)}<transition event="out" target="q"/></parallel><state id="q"/>""")
    it = started(flows, definition)
    flows.send(it, "out")
    assert flows.get(it).context["order"] == 4321


def test_internal_transitions_stay_inside(flows):
    log = """<scxml name="i"><datamodel><data id="n" expr="0"/></datamodel>
      <state id="a"><onentry><assign location="n" expr="n + 1"/></onentry>
      <transition event="in" type="internal" target="two"/><transition event="out" target="two"/>
      <state id="one"/><state id="two"/></state></scxml>"""
    it = started(flows, from_scxml(log))
    flows.send(it, "in")
    assert (flows.get(it).context["n"], flows.get(it).current_state) == (1, "a.two")
    flows.send(it, "out")
    assert flows.get(it).context["n"] == 2


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ("<invoke type='x'/>", "invoke"),
        ("<onentry><script>x</script></onentry>", "script"),
        ("<onentry><if cond='x'/></onentry>", "if"),
        ("<onentry><foreach item='x' array='y'/></onentry>", "foreach"),
        ("<onentry><send event='e'><param name='a' expr='1'/></send></onentry>", "param"),
        ("<onentry><send event='e' target='#_other'/></onentry>", "send"),
        ("<onentry><send event='e' delay='soon'/></onentry>", "delay"),
        ("<onentry><send event='e' delayexpr='x'/></onentry>", "delayexpr"),
        ("<transition event='e' cond='f(1)'/>", "calls a function"),
        ("<transition event='e' cond='In(x)'/>", "calls a function"),
        ("<transition event='e' cond='a b'/>", "no expression"),
        ("<transition event='e' target='nowhere'/>", "nowhere"),
        ("<onentry><assign location='a.b' expr='1'/></onentry>", "a.b"),
        ("<transition event='e' type='sideways'/>", "sideways"),
        ("<parallel id='p' initial='q'><state id='q'/></parallel>", "initial"),
        ("<datamodel><data expr='1'/></datamodel>", "data"),
    ],
)
def test_what_scxml_has_and_flows_do_not_is_refused_by_name(inside, named):
    with pytest.raises(FlowImportError, match=named):
        from_scxml(f"<scxml><state id='a'>{inside}</state></scxml>")


@pytest.mark.parametrize(
    "text",
    [
        "no xml",
        "<other/>",
        "<!DOCTYPE scxml [<!ENTITY a 'x'>]><scxml>&a;</scxml>",
        "<scxml><state id='a'/><state id='a'/></scxml>",
        "<scxml initial='b'><state id='a'/></scxml>",
        "<scxml/>",
        "<scxml>" + "<state>" * 300 + "</state>" * 300 + "</scxml>",
    ],
)
def test_a_broken_document_is_a_typed_error(text):
    with pytest.raises(FlowDefinitionError):
        from_scxml(text)


def test_what_was_imported_is_a_definition_like_any_other(flows):
    definition = from_scxml(OVEN)
    flows.register(to_json(definition))
    assert flows.send(flows.start("oven"), "nothing") == InvalidAction("nothing", "off")


KEYS = ["id", "type", "initial", "states", "on", "always", "after", "target", "guard", "actions", "entry", "a", "b", "10",
        "history", "onDone", "reenter", "context", "version", "tags", "guards", "params", "*", "event"]  # fmt: skip
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["a", "b", "parallel", "history", "#a", ".b"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=20,
)
XML = st.recursive(
    st.sampled_from(["", "text", "<onentry/>", "<log expr='1'/>", "<raise event='e'/>", "<cancel sendid='x'/>"]),
    lambda inner: st.tuples(
        st.sampled_from(["state", "parallel", "final", "history", "transition", "onentry", "onexit", "initial", "datamodel",
                         "data", "assign", "send", "state id='s'", "state initial='s'", "transition event='* a.b'",
                         "transition target='s'", "transition cond='x &gt; 1'", "assign location='x' expr='1'",
                         "send event='e' delay='1s'", "data id='x' expr='[1'"]),
        st.lists(inner, max_size=3),
    ).map(lambda p: f"<{p[0]}>{''.join(p[1])}</{p[0].split()[0]}>"),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_config_is_taken_or_refused_by_a_typed_error(config):
    with suppress(FlowDefinitionError):
        assert from_xstate(config).states


@given(st.lists(XML, max_size=4))
def test_any_document_is_taken_or_refused_by_a_typed_error(inside):
    with suppress(FlowDefinitionError):
        assert from_scxml(f"<scxml>{''.join(inside)}</scxml>").states
