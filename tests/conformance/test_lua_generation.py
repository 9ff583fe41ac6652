# ruff: noqa: E501 (Lua bodies on one line)
"""`ctx.generation` over the real generation manager, on both engines: run, complete, sources, chunks, judges, reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import Limits, LuaPlugins, PluginHost, PluginLoadError, PluginRuntimeError
from tickwright.plugins.providers.scripted import Answer, Scripted
from tickwright.systems.generation import GenerationManager, GenerationPlugin, RunFailedError
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.tools import Tools, ToolsPlugin

Load = Callable[..., App]


def echo(request: Any) -> Answer:
    return Answer(request.prompt.upper(), chunk_size=4)


@pytest.fixture(params=["lua54", "luajit"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Load]:
    apps: list[App] = []

    def make(body: str, *, script: Any = echo, manifest: str = "", limits: Limits | None = None) -> App:
        app = App(clock=ManualClock())
        apps.append(app)
        write(body)
        (tmp_path / "plugin.toml").write_text(f"[plugin]\nname = 'p'\nmain = 'p.luau'\n{manifest}")
        models = {"default": Scripted(script)}
        app.add_plugins(
            HooksPlugin(), ToolsPlugin(), GenerationPlugin(models=models), LuaPlugins(tmp_path, limits=limits)
        )
        return app

    def write(body: str) -> None:
        (tmp_path / "p.luau").write_text(f"--!engine {request.param}\nlocal M = {{}}\n{body}\nreturn M\n")

    make.write = write  # type: ignore[attr-defined]
    yield make
    for app in apps:
        app.close()


def call(app: App, function: str, *args: Any) -> Any:
    return app.world.resource(PluginHost).call("p", function, *args)


def heard(app: App, event: str) -> list[Any]:
    payloads: list[Any] = []
    app.world.resource(Hooks).on(event, lambda event, ctx: payloads.append(event.payload))
    return payloads


KEEP = "function M.init(ctx) M.ctx = ctx end\n"
PIPELINE = """
function M.init(ctx)
  M.ctx = ctx
  ctx.generation:register({
    id = "notes",
    context = { sources = {
      { type = "custom", handler = "facts", config = { about = "${topic}" } },
      { type = "custom", handler = function(config) return { "inline " .. config.n } end, config = { n = 2 } },
    } },
    strategy = { type = "sequential", steps = {
      { id = "first", prompt = "one ${topic}" },
      { id = "second", prompt = "two ${first.result}" },
    } },
    streaming = { enabled = true, chunkHandler = "onChunk" },
  })
end
function M.facts(config, ctx)
  return { "fact about " .. config.about, { text = "with a place", path = "a.md" } }
end
function M.onChunk(chunk, ctx)
  ctx:set("pieces", (ctx:get("pieces") or 0) + 1)
  ctx:emit("notes:chunk", { step = ctx:currentStep(), text = chunk, pieces = ctx:get("pieces"), tokens = ctx:countTokens(chunk) > 0 })
end
function M.run(topic) return M.ctx.generation:run("notes", { topic = topic }) end
"""


def test_a_pipeline_runs_with_sources_and_a_chunk_handler_in_lua(load: Load) -> None:
    asked: list[Any] = []

    def script(request: Any) -> Answer:
        asked.append(request)
        return echo(request)

    app = load(PIPELINE, script=script)
    chunks = heard(app, "notes:chunk")
    result = call(app, "run", "cats")
    app.run(ticks=2)
    assert (result["pipelineId"], result["finalResult"]) == ("notes", "TWO ONE CATS")
    assert result["steps"]["first"]["result"] == "ONE CATS"
    assert set(result["steps"]) == {"first", "second"}
    assert result["totalTokensUsed"] == sum(step["tokensUsed"] for step in result["steps"].values()) > 0
    assert [chunk["text"] for chunk in chunks] == ["ONE ", "CATS", "TWO ", "ONE ", "CATS"]
    assert [(chunk["step"], chunk["pieces"]) for chunk in chunks] == [
        ("first", 1), ("first", 2), ("second", 3), ("second", 4), ("second", 5),
    ]  # fmt: skip
    assert all(chunk["tokens"] for chunk in chunks)
    said = "\n".join(message.content for message in asked[0].messages)
    assert [text in said for text in ("fact about cats", "with a place", "inline 2")] == [True] * 3


def test_tasks_and_after_handlers_wait_for_runs_and_completions(load: Load) -> None:
    app = load(
        PIPELINE
        + """
function M.listen()
  M.ctx:on("question:asked", function(event, ctx)
    ctx:emit("question:answered", ctx.generation:complete(event.payload, { maxTokens = 50, temperature = 0 }))
  end)
  M.ctx:task(function() M.ctx:emit("task:done", M.run("dogs").finalResult) end)
end"""
    )
    answered, done = heard(app, "question:answered"), heard(app, "task:done")
    call(app, "listen")
    app.world.resource(Hooks).emit("question:asked", "why ${not} filled in?")
    app.wait_until(lambda: bool(answered and done))
    assert answered == ["WHY ${NOT} FILLED IN?"]
    assert done == ["TWO ONE DOGS"]


def test_start_goes_on_at_once_and_its_events_say_how_it_ended(load: Load) -> None:
    app = load(PIPELINE + "function M.go() return M.ctx.generation:start('notes', { topic = 'x' }) end")
    ended: list[str] = []
    app.world.resource(Hooks).on("pipeline:finished", lambda event, ctx: ended.append(event.run))
    run = call(app, "go")
    assert isinstance(run, str)
    manager = app.world.resource(GenerationManager)
    app.wait_until(lambda: bool(ended))
    assert ended == [run]
    assert manager.result(run).final_result == "TWO ONE X"


def test_a_lua_handler_judges(load: Load) -> None:
    app = load(
        KEEP
        + """
function M.longest(text, ctx) return #text end
function M.define() return {
  id = "best", context = { sources = {} },
  strategy = { type = "parallel", branches = { { id = "a", prompt = "short" }, { id = "b", prompt = "the longest" } },
    merge = { type = "pick_best", criteria = "longest" } },
} end
function M.run() return M.ctx.generation:run("best").finalResult end"""
    )
    assert call(app, "run") == "THE LONGEST"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("M.ctx.generation:run('nope')", "no pipeline 'nope'"),
        ("M.ctx.generation:run('notes')", "missing variables: topic"),
        ("M.ctx.generation:complete('x', { model = 'nope' })", "unknown model 'nope'"),
        ("M.ctx.generation:complete('x', { maxTokns = 5 })", "complete() has no option 'maxTokns'"),
        ("M.ctx.generation:complete(5)", "the prompt of ctx.generation:complete must be a string, got number"),
        ("M.ctx.generation:register({ id = 'x' })", "strategy"),
        ("M.ctx.generation:handler('x', 5)", "the handler 'x' must be a function, got number"),
    ],
)
def test_what_cannot_run_is_an_error_that_lua_can_catch(body: str, told: str, load: Load) -> None:
    app = load(
        f"{PIPELINE}\nfunction M.go() {body} end\nfunction M.try() local ok, e = pcall(M.go) return {{ ok, type(e), e }} end"
    )
    with pytest.raises(PluginRuntimeError) as caught:
        call(app, "go")
    assert told in caught.value.what
    ok, kind, problem = call(app, "try")
    assert (ok, kind) == (False, "string")
    assert told in problem


def test_waiting_where_nobody_can_wait_says_so(load: Load) -> None:
    app = load(
        KEEP
        + """
function M.listen()
  M.ctx:on("note:before_save", function(event, ctx) return { type = "cancel", reason = ctx.generation:complete("x") } end)
end"""
    )
    call(app, "listen")
    outcome = app.world.resource(Hooks).dispatch("note:before_save", {"path": "a.md", "content": ""})
    assert "ctx.generation:complete waits for an answer; call it inside ctx:task" in outcome.errors[0]
    assert outcome.reason.startswith("handler failed")


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("facts = function(config, ctx) return { { 5 } } end", "returned list at 0"),
        ("facts = function(config, ctx) error('no facts') end", "no facts (plugin 'p', p.luau:28, in facts)"),
        ("facts = function(config, ctx) return print end", "is a function; only plain data leaves a plugin"),
        ("facts = function(config, ctx) ctx:set('a', 1) end", "cannot set variables"),
        ("facts = function(config, ctx) ctx:emit('note:saved') end", "'note:saved' is no custom event"),
        ("facts = function(config, ctx) while true do end end", "ran out of fuel"),
    ],
)
def test_a_source_that_fails_ends_its_run_and_says_where(handler: str, told: str, load: Load) -> None:
    app = load(f"{PIPELINE}\nM.{handler}", limits=Limits(fuel=20_000))
    with pytest.raises(RunFailedError) as caught:
        anyio.run(app.world.resource(GenerationManager).run, "notes", {"topic": "x"})
    assert told in str(caught.value)
    assert app.world.resource(PluginHost).list()[0].status == "active"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("error('bad chunk')", "bad chunk"),
        ("while true do end", "ran out of fuel"),
        ("ctx:wait(1)", "no method 'wait'"),
    ],
)
def test_a_chunk_handler_that_fails_is_reported_and_the_run_goes_on(
    body: str, told: str, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(fuel=20_000, strikes=100)
    app = load(f"{PIPELINE}\nfunction M.onChunk(chunk, ctx) {body} end", limits=limits)
    assert call(app, "run", "cats")["finalResult"] == "TWO ONE CATS"
    assert told in caplog.text


def test_a_step_ctx_ends_with_its_call(load: Load) -> None:
    app = load(
        PIPELINE
        + "function M.facts(config, ctx) M.kept = ctx return {} end\nfunction M.later() return M.kept:get('topic') end"
    )
    call(app, "run", "cats")
    with pytest.raises(PluginRuntimeError, match="used after its handler returned"):
        call(app, "later")


def test_unloading_takes_pipelines_out_and_reloading_swaps_their_handlers(load: Load) -> None:
    app = load(PIPELINE)
    host, manager = app.world.resource(PluginHost), app.world.resource(GenerationManager)
    call(app, "run", "cats")
    load.write(PIPELINE.replace("two", "three"))  # type: ignore[attr-defined]
    host.reload("p")
    assert call(app, "run", "cats")["finalResult"] == "THREE ONE CATS"
    load.write(PIPELINE.replace('type = "sequential"', 'type = "sequentail"'))  # type: ignore[attr-defined]
    with pytest.raises(PluginLoadError):
        host.reload("p")
    assert call(app, "run", "cats")["finalResult"] == "THREE ONE CATS"
    host.unload("p")
    assert manager.registered() == []


def test_another_plugins_pipeline_is_not_taken(load: Load) -> None:
    app = load(PIPELINE)
    manager, host = app.world.resource(GenerationManager), app.world.resource(PluginHost)
    mine = {"id": "mine", "context": {"sources": []}, "strategy": {"type": "single", "prompt": "hello"}}
    manager.register(mine)
    load.write(PIPELINE.replace('id = "notes"', 'id = "mine"'))  # type: ignore[attr-defined]
    with pytest.raises(PluginLoadError, match="belongs to"):
        host.reload("p")
    host.unload("p")
    assert manager.registered() == ["mine"]
    assert anyio.run(manager.run, "mine").final_result == "HELLO"


def test_without_permission_no_model_is_asked(load: Load) -> None:
    app = load(
        KEEP
        + "function M.run() return M.ctx.generation:complete('x') end\nfunction M.start() return M.ctx.generation:start('x') end\n"
        "function M.runs() return M.ctx:query({ components = { 'PipelineRun' } }) end",
        manifest="[permissions]\nnotes = 'read'",
    )
    for function in ("run", "start"):
        with pytest.raises(PluginRuntimeError, match=r"no permission for generation \(permissions.generation\)"):
            call(app, function)


def test_a_lua_hook_changes_a_prompt_and_cancels_a_run(load: Load) -> None:
    app = load(
        PIPELINE
        + """
function M.listen() M.ctx:on("pipeline:before_step", function(event)
  if event.step == "second" and event.prompt == "two ONE STOP" then return { type = "cancel", reason = "enough" } end
  return { type = "continue_modified", payload = { prompt = event.prompt .. "!" } }
end) end"""
    )
    call(app, "listen")
    assert call(app, "run", "cats")["finalResult"] == "TWO ONE CATS!!"
    app.world.resource(Hooks).on(
        "pipeline:before_step",
        lambda event, ctx: HookResult(payload={"prompt": "one stop"}) if event.step == "first" else None,
        priority=50,
    )
    with pytest.raises(PluginRuntimeError, match="enough"):
        call(app, "run", "cats")


def test_a_reload_that_cannot_be_registered_leaves_the_old_version_as_it_was(load: Load) -> None:
    life = """
function M.define() return { id = "mine", context = { sources = {} }, strategy = { type = "single", prompt = "hello" } } end
function M.cleanup(ctx) ctx:emit("p:cleaned", 1) end
function M.wait() M.ctx:task(function() M.ctx:waitTicks(4) M.ctx:emit("p:waited", 1) end) end
function M.reload() M.ctx.tools:call("reload", {}) end"""
    app = load(KEEP + life)
    host = app.world.resource(PluginHost)
    app.world.resource(Tools).register("reload", lambda: host.reload("p"), {"type": "object"})
    cleaned, waited = heard(app, "p:cleaned"), heard(app, "p:waited")
    call(app, "wait")
    load.write((KEEP + life).replace('"single"', '"singel"'))  # type: ignore[attr-defined]
    with pytest.raises(PluginLoadError, match="singel"):
        host.reload("p")
    call(app, "reload")  # from inside a call: put off to the next tick, which goes on whatever comes of it
    app.run(ticks=8)
    assert (cleaned, waited) == ([], [1])
    assert "singel" in host.list()[0].error
    assert any("singel" in error.what for error in host.errors)
    load.write(KEEP + life)  # type: ignore[attr-defined]
    host.reload("p")
    app.run(ticks=2)
    assert cleaned == [1]


def test_runs_and_steps_are_rows_that_a_plugin_may_query(load: Load) -> None:
    app = load(
        PIPELINE
        + """
function M.rows(name) return M.ctx:query({ components = { name } }) end
function M.watch() M.ctx:system("ended", { changed = { "PipelineRun" }, reads = { "PipelineRun.ended_ms" }, each = function(row)
  if row.PipelineRun.ended_ms >= 0 then M.ctx:emit("run:ended", row.entity) end
end }) end"""
    )
    assert call(app, "rows", "StepState") == []
    call(app, "watch")
    ended = heard(app, "run:ended")
    call(app, "run", "cats")
    app.run(ticks=3)
    (run,) = call(app, "rows", "PipelineRun")
    steps = call(app, "rows", "StepState")
    assert (run["PipelineRun"]["pipeline"], run["PipelineRun"]["left"]) == ("notes", 0)
    assert [row["StepState"]["step"] for row in steps] == ["first", "second"]
    assert {row["StepState"]["run"] for row in steps} == {run["entity"]}
    assert run["PipelineRun"]["tokens"] == sum(row["StepState"]["tokens"] for row in steps)
    assert set(ended) == {run["entity"]}
