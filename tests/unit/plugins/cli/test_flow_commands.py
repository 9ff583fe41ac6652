"""`tickwright flow check|graph`."""

import json

import pytest
from typer.testing import CliRunner

from tickwright.plugins.cli.flow import flow_app

DOOR = {
    "id": "door",
    "initial": "closed",
    "states": {"closed": {"on": {"open": {"target": "open", "guard": "hasKey"}}}, "open": {"on": {"close": "closed"}}},
}
LUA = """
local M = {}
function M.hasKey(ctx, event) return event.key == 7 end
function M.define()
    return { id = "lua_door", initial = "closed", states = {
        closed = { on = { open = "open" }, guards = { open = "hasKey" } }, open = { type = "final" } } }
end
return M
"""


@pytest.fixture
def call(tmp_path):
    def run(name, text, *words):
        file = tmp_path / name
        file.write_text(text if isinstance(text, str) else json.dumps(text))
        return CliRunner().invoke(flow_app, [words[0], str(file), *words[1:]])

    return run


def test_a_sound_flow_is_described(call):
    result = call("door.json", DOOR, "check", "--no-kit")
    assert result.exit_code == 0, result.output
    assert "door: 2 states, 2 transitions" in result.output
    assert "handlers: hasKey" in result.output


def test_unreachable_states_and_dead_ends_are_problems(call):
    document = {**DOOR, "states": {**DOOR["states"], "cellar": {"on": {"up": "closed"}}, "open": {}}}
    result = call("door.json", document, "check", "--no-kit", "--json")
    assert result.exit_code == 1
    (row,) = json.loads(result.output)["flows"]
    assert row["problems"] == [
        "state cellar is unreachable",
        "state open is a dead end: nothing leads out, and it is not final",
    ]


@pytest.mark.parametrize(
    ("name", "text", "words", "named"),
    [
        ("door.json", "{", (), "no JSON"),
        ("door.json", {"id": "x"}, (), "no states"),
        ("door.txt", "", (), "--as"),
        ("door.json", {"initial": "a", "states": {"a": {"invoke": {}}}}, ("--as", "xstate"), "invoke"),
        ("door.scxml", "<scxml><state><onentry><script/></onentry></state></scxml>", (), "script"),
        ("none.luau", "return {}", (), "registers no flow"),
    ],
)
def test_what_is_wrong_is_one_message_and_status_2(call, name, text, words, named):
    result = call(name, text, "check", "--no-kit", *words)
    assert result.exit_code == 2
    assert named in result.output


def test_a_missing_file_is_status_2():
    assert CliRunner().invoke(flow_app, ["check", "nowhere.json"]).exit_code == 2


def test_flows_of_a_plugin_are_checked(call):
    result = call("door.luau", LUA, "check", "--no-kit")
    assert result.exit_code == 0, result.output
    assert "lua_door: 2 states" in result.output


def test_the_testing_kit_runs_with_stand_ins_or_with_a_plugins_handlers(call):
    assert "property tests: passed" in call("door.json", DOOR, "check").output
    assert "property tests: passed" in call("door.luau", LUA, "check").output


def test_what_the_kit_never_saw_is_told(call):
    island = {"id": "i", "initial": "a", "states": {"a": {"on": {"go": "a"}}, "b": {"on": {"go": "a"}}}}
    told = call("island.json", island, "check").output
    assert "property tests: passed, 1 of 2 transitions taken\n  never taken: b|on.go|0" in told
    always = LUA.replace("return event.key == 7", "return true")
    assert "guard of closed|on.open|0: never refused" in call("door.luau", always, "check").output
    broken = LUA.replace("local M", "local calls = 0\nlocal M").replace(
        "return event.key == 7", "calls = calls + 1; return calls % 2 == 0"
    )
    assert call("door.luau", broken, "check").exit_code == 1


def test_graphs(call):
    assert "closed --> open : open [hasKey]" in call("door.json", DOOR, "graph").output
    assert call("door.json", DOOR, "graph", "--format", "dot").output.startswith('digraph "door"')
    machine = {"id": "m", "initial": "a", "states": {"a": {"on": {"x": "b"}}, "b": {"type": "final"}}}
    assert "a --> b : x" in call("m.json", machine, "graph", "--as", "xstate").output
    text = "<scxml name='s'><state id='a'><transition event='x' target='b'/></state><final id='b'/></scxml>"
    assert "a --> b : x" in call("m.scxml", text, "graph").output
