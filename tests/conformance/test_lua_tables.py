# ruff: noqa: E501 (Lua bodies on one line)
"""The table types that authors get have the fields of what really crosses: of live values, and of what is accepted."""

from __future__ import annotations

import re
import typing
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conformance.test_sketch_names import SKETCHES
from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins, PluginHost, PluginRuntimeError
from tickwright.plugins.lua.schema import objects, record, table_fields, table_types
from tickwright.plugins.providers.scripted import Answer, Scripted
from tickwright.systems import generation as gen
from tickwright.systems.agents import Agents, AgentsPlugin
from tickwright.systems.contracts.events import CORE_EVENTS
from tickwright.systems.contracts.names import camel
from tickwright.systems.flows import FlowsPlugin, json_schema
from tickwright.systems.generation.provider import Timeouts
from tickwright.systems.hooks import HookConfig, HooksPlugin
from tickwright.systems.notes import NotesPlugin
from tickwright.systems.tools import ToolsPlugin

OUT = (
    "CoreEvent", "ParsedBlock", "Row", "Time", "SaveOutcome", "Note", "NoteHit", "Transition", "TransitionResult",
    "FlowInstance", "StepResult", "PipelineResult",
)  # fmt: skip
"""Types of what a plugin is given; all the others say what it may give."""

# Fitting a value to a Luau type ----------------------------------------------------------------------------------

SCALARS: Mapping[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}


class Fitter:
    """Says where values differ from their types, and remembers which fields it met: type -> tag -> names."""

    def __init__(self) -> None:
        self.met: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def differences(self, value: Any, kind: str, place: str, name: str = "") -> list[str]:
        if kind == "any" or (value is None and kind.endswith("?")):
            return []
        kind = kind.removesuffix("?")
        if kind in SCALARS:
            is_bool = isinstance(value, bool)
            fits = isinstance(value, SCALARS[kind]) and (kind == "boolean" or not is_bool)
            return [] if fits else [f"{place} is {value!r}, no {kind}"]
        if kind in table_types():
            return self._variants(value, kind, place)
        fields = record(kind)
        if fields is None:
            return [
                each for i, item in enumerate(value) for each in self.differences(item, kind[1:-1], f"{place}[{i}]")
            ]
        if list(fields) == ["[string]"]:
            inner = fields["[string]"]
            return [each for key in value for each in self.differences(value[key], inner, f"{place}.{key}")]
        return self._record(value, fields, place, name)

    def _variants(self, value: Any, kind: str, place: str) -> list[str]:
        variants = table_types()[kind]
        if len(variants) == 1:
            return self.differences(value, variants[0], place, kind)
        tag = f'"{value["type"]}"'
        fitting = [each for each in variants if (record(each) or {}).get("type") == tag]
        if not fitting:
            return [f"{place}: {kind} has no variant {tag}"]
        return self._record(value, {**(record(fitting[0]) or {}), "type": "string"}, place, kind)

    def _record(self, value: dict[str, Any], fields: dict[str, str], place: str, name: str) -> list[str]:
        self.met[name][value["type"] if len(table_types()[name]) > 1 else ""] |= set(value) & set(fields)
        found = [f"{place} has {key!r}, {name} has not" for key in value if not {key, "[string]"} & set(fields)]
        for key, kind in fields.items():
            if key != "[string]" and key in value:
                found += self.differences(value[key], kind, f"{place}.{key}")
            elif key != "[string]" and kind != "any" and not kind.endswith("?"):
                found.append(f"{place} has no {key!r}")
        return found


def told(name: str) -> dict[str, set[str]]:
    """Return what types.luau says: tag of the variant, if there are several -> its fields."""
    found = [record(each) or {} for each in table_types()[name]]
    if len(found) == 1:
        return {"": {field for field in found[0] if field != "[string]"}}
    return {each["type"].strip('"'): set(each) for each in found}


# A plugin that meets everything ----------------------------------------------------------------------------------

SOURCE = """
local M = {}
local c
local events = {}
function M.init(ctx)
  c = ctx
  for _, name in M.names do ctx:on(name, function(event) table.insert(events, event) end) end
  ctx:component("Place", { x = "f32" })
  ctx.tools:register("double", function(args) return { twice = args.n * 2 } end)
  ctx.tools:register("breaks", function(args) error("no") end)
end
function M.define()
  return {
    { id = "door", initial = "shut", context = { opened = 0 }, states = {
        shut = { on = { open = "open", smash = "gone" }, guards = { open = function(f, e) return e.key == 7, "wrong key" end } },
        open = { on = { close = "shut" } }, gone = { type = "final", output = { bits = 3 } } } },
    { id = "line", context = {}, strategy = { type = "sequential", steps = { { id = "first", prompt = "say ${what}" } } }, streaming = { enabled = true } },
  }
end
function M.spawned() c:spawn({ Place = { x = 2 } }) end
function M.go()
  local out = {}
  out.saved = c.notes:save("a.md", "# A violin\\n\\n[[b]]")
  c.notes:save("b.md", "words")
  out.note = c.notes:get("a.md")
  out.hits, out.recent, out.linked = c.notes:search("violin"), c.notes:recent(), c.notes:linked("a.md")
  out.renamed, out.deleted = c.notes:rename("b.md", "c.md"), c.notes:delete("c.md")
  out.row, out.time = c:query({ components = { "Place" } })[1], c:resource("Time")
  local door = c.flows:start("door", {}, { subject = "a.md", user = "ann" })
  out.results = { c.flows:send(door, "open", { key = 1 }), c.flows:send(door, "fly"), c.flows:send(door, "open", { key = 7 }, { user = "ann" }) }
  out.instance = c.flows:get(door)
  table.insert(out.results, c.flows:send(door, "close"))
  c.flows:send(door, "smash")
  out.run = c.generation:run("line", { what = "hello" })
  pcall(function() c.generation:run("line", { what = "fault" }) end)
  c.tools:call("double", { n = 2 })
  pcall(function() c.tools:call("breaks", {}) end)
  c.agents:complete(c.agents:start("ann"), { n = 1 })
  c.agents:start("bob", function() error("no") end)
  c:emit("own:event", { n = 1 })
  return out
end
function M.events() return events end
return M
"""


def answer(request: Any) -> Answer:
    return Answer("", fault="bad_request") if "fault" in request.prompt else Answer(request.prompt)


@pytest.fixture(params=["lua54", "luajit"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    names = ", ".join(f'"{name}"' for name in [*CORE_EVENTS, "own:event"] if name != "custom")
    source = SOURCE.replace("local events = {}", f"local events = {{}}\nM.names = {{ {names} }}")
    (tmp_path / "p.luau").write_text(f"--!engine {request.param}\n{source}")
    with App(clock=ManualClock(start_ms=50)) as app:
        features = (HooksPlugin(), NotesPlugin(), ToolsPlugin(), AgentsPlugin(), FlowsPlugin())
        app.add_plugins(*features, gen.GenerationPlugin(models={"default": Scripted(answer)}), LuaPlugins(tmp_path))
        yield app


def end_agents(app: App) -> None:
    agents = app.world.resource(Agents)
    agents.cancel(agents.start("cat").id)
    agents.start("dan", timeout_s=0.001)
    for _ in range(4):
        app.clock.advance(1000)
        app.update()


def test_live_values_have_exactly_the_fields_of_their_types(app: App) -> None:
    host = app.world.resource(PluginHost)
    host.call("p", "spawned")
    app.update()
    live = host.call("p", "go")
    end_agents(app)
    fitter = Fitter()
    lives = {
        "saved": "SaveOutcome", "note": "Note", "hits": "{NoteHit}", "recent": "{NoteHit}", "linked": "{NoteHit}",
        "renamed": "SaveOutcome", "deleted": "SaveOutcome", "row": "Row", "time": "Time",
        "results": "{TransitionResult}", "instance": "FlowInstance", "run": "PipelineResult",
    }  # fmt: skip
    assert set(live) == set(lives)
    for name, kind in lives.items():
        assert live[name], name
        assert fitter.differences(live[name], kind, name) == []
    events = host.call("p", "events")
    assert [each for event in events for each in fitter.differences(event, "CoreEvent", event["type"])] == []
    assert {event["type"] for event in events} == set(CORE_EVENTS)
    fitter.met["TransitionResult"]["invalid_state"] = {"type", "state"}  # needs an instance of an older definition
    for name in OUT:
        assert fitter.met[name] == told(name), name


# What a plugin may give ------------------------------------------------------------------------------------------


def schema_keys(part: Mapping[str, Any]) -> set[str]:
    return {camel(name) for name in part["properties"]}


def struct_keys(kind: type[msgspec.Struct]) -> set[str]:
    return {camel(field.encode_name) for field in msgspec.structs.fields(kind)}


def tagged_keys(union: Any) -> dict[str, set[str]]:
    return {str(kind.__struct_config__.tag): {"type", *struct_keys(kind)} for kind in typing.get_args(union)}


FLOW = json_schema()
STRUCTS = {
    "ContextConfig": gen.ContextConfig, "Timeouts": Timeouts, "GenerationStep": gen.GenerationStep,
    "ChainStep": gen.ChainStep, "StreamingConfig": gen.StreamingConfig, "RunLimits": gen.RunLimits,
    "PipelineDefinition": gen.PipelineDefinition, "CompletionOptions": gen.CompletionOptions,
}  # fmt: skip
ACCEPTED = {
    "FlowDefinition": schema_keys(FLOW),
    "FlowOptions": schema_keys(FLOW["properties"]["options"]),
    "StateDefinition": schema_keys(FLOW["$defs"]["state"]),
    "TransitionDefinition": schema_keys(FLOW["$defs"]["transition"]["anyOf"][1]),
    "HandlerReference": schema_keys(FLOW["$defs"]["handler"]["anyOf"][1]),
    "HookConfig": struct_keys(HookConfig) - {"failClosed", "transient"},  # the host's own
    **{name: struct_keys(kind) for name, kind in STRUCTS.items()},
}
VARIANTS = {
    "HookResult": {"continue": {"type"}, "continue_modified": {"type", "payload"}, "cancel": {"type", "reason"}},
    "ContextSource": tagged_keys(gen.ContextSource),
    "MergeStrategy": tagged_keys(gen.MergeStrategy),
    "GenerationStrategy": tagged_keys(gen.GenerationStrategy),
}
REFUSED = {
    "QuerySettings": "ctx:query({ bogus = 1 })",
    "StartOptions": "ctx.flows:start('f', {}, { bogus = 1 })",
    "SendOptions": "ctx.flows:send('1', 'go', nil, { bogus = 1 })",
    "UserOptions": "ctx.flows:can('1', 'go', nil, { bogus = 1 })",
    "LaterOptions": "M.flow:send('1', 'go', nil, { bogus = 1 })",
    "FlowFilter": "ctx.flows:query({ bogus = 1 })",
}


@pytest.mark.parametrize("name", list(ACCEPTED))
def test_records_name_what_definitions_may_have(name: str) -> None:
    assert set(table_fields(name)) == ACCEPTED[name]


@pytest.mark.parametrize("name", list(VARIANTS))
def test_unions_name_the_variants_and_what_they_may_have(name: str) -> None:
    assert told(name) == VARIANTS[name]


@pytest.mark.parametrize(("name", "call"), REFUSED.items(), ids=list(REFUSED))
def test_settings_are_those_that_the_host_expects(name: str, call: str, tmp_path: Path) -> None:
    flow = "{ id = 'f', initial = 'a', states = { a = { enter = function(f) M.flow = f M.call() end } } }"
    body = f"function M.call() local ctx = M.ctx {call} end"
    init = f"function M.init(ctx) M.ctx = ctx ctx.flows:register({flow}) end function M.go() {{}} end"
    enters = name == "LaterOptions"
    init = init.replace("{}", "M.ctx.flows:start('f')" if enters else "M.call()")
    (tmp_path / "p.luau").write_text(f"local M = {{}}\n{body}\n{init}\nreturn M\n")
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(), FlowsPlugin(), LuaPlugins(tmp_path))
        with pytest.raises(PluginRuntimeError, match="has no 'bogus'") as caught:
            app.world.resource(PluginHost).call("p", "go")
    expected = re.search(r"expected (\w+(, \w+)*)", str(caught.value))
    assert expected is not None
    assert set(table_fields(name)) == set(expected[1].split(", "))


@pytest.mark.parametrize("function", ["run = print", "each = print"])
def test_a_system_may_have_every_setting(function: str, tmp_path: Path) -> None:
    values = {
        "schedule": "'Update'", "after": "'flows'", "before": "'last'", "reads": "{ 'P.x' }", "writes": "{ 'P.y' }",
        "with": "{ 'P' }", "without": "{ 'Q' }", "added": "{ 'P' }", "changed": "{ 'P' }", "events": "'own:event'",
        "every": "0.5", "runIf": "print", "desc": "'what it does'",
    }  # fmt: skip
    assert set(table_fields("SystemSettings")) == {*values, "run", "each"}
    settings = ", ".join(f"{name} = {value}" for name, value in values.items())
    init = f"ctx:component('P', {{ x = 'f32', y = 'f32' }}) ctx:component('Q', {{}}) ctx:system('last', {{ run = print }}) ctx:system('s', {{ {settings}, {function} }})"
    (tmp_path / "p.luau").write_text(f"local M = {{}}\nfunction M.init(ctx) {init} end\nreturn M\n")
    with App(clock=ManualClock()) as app:
        app.add_plugins(HooksPlugin(), FlowsPlugin(), LuaPlugins(tmp_path))
        app.run(ticks=2)
        (plugin,) = app.world.resource(PluginHost).list()
        assert (plugin.status, plugin.registered["system"]) == ("active", 2)


# The whole file --------------------------------------------------------------------------------------------------


def test_every_table_type_is_held_by_one_of_these_tests() -> None:
    tables = {name for name, variants in table_types().items() if any(record(each) for each in variants)}
    assert tables - {"Guard", "Transitions"} == {*OUT, *ACCEPTED, *VARIANTS, *REFUSED, "SystemSettings"}


def test_choices_are_those_of_the_definitions() -> None:
    assert table_types()["StateType"] == tuple(
        f'"{each}"' for each in FLOW["$defs"]["state"]["properties"]["type"]["enum"]
    )
    assert {each.strip('"') for each in table_types()["ContextSourceType"]} == set(told("ContextSource"))


def test_every_name_in_a_type_is_one_of_the_types() -> None:
    known = {*table_types(), *(each.type_name for each in objects()), *SCALARS, "any"}
    signatures = [
        f"{kind}; {method.returns}" for each in objects() for method in each.methods for _, kind, _ in method.params
    ]
    for text in [*signatures, *(each for variants in table_types().values() for each in variants)]:
        bare = re.sub(r'"[^"]*"|\b\w+: ', "", text)
        assert set(re.findall(r"\w+", bare)) <= known, text


@pytest.mark.skipif(SKETCHES is None, reason="shared/reference/plugin-api-sketches.md does not lie beside the checkout")
def test_every_type_that_the_sketches_export_is_there() -> None:
    assert SKETCHES is not None
    lua = SKETCHES.read_text().partition("## 4. Lua")[2]
    exported = set(re.findall(r"^export type (\w+)", lua, re.MULTILINE))
    assert len(exported) > 30
    # Nothing in Lua gets a StreamChunk: chunk handlers get its content, subscribers a pipeline:chunk event.
    assert exported - {*table_types(), *(each.type_name for each in objects())} == {"StreamChunk"}
