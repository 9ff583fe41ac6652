"""The three published plugin sketches, verbatim, compiled and run on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tickwright.plugins.lua.compiler import compile_luau

SKETCHES = Path(__file__).parents[3] / "data" / "plugins"
CONTEXT = """
local log, emits, subs, store = {}, {}, {}, { submitter = "bob" }
local ctx = {
    on = function(self, e, h, c) subs[#subs + 1] = `{e} {c.priority} {c.pattern}` return `sub_{#subs}` end,
    emit = function(self, e, p) emits[#emits + 1] = e end, now = function() return 1234 end,
    log = function(self, l, m) log[#log + 1] = m end, subject = function() return "n.md" end,
    context = function() return store end, setContext = function(self, k, v) store[k] = v end,
    currentUser = function() return "bob" end, currentStep = function() return "s1" end,
    get = function(self, k) return store[k] end, set = function(self, k, v) store[k] = v end,
}
"""


def sketch(name: str) -> str:
    return (SKETCHES / f"{name}.luau").read_text()


def with_module(name: str, code: str) -> str:
    return f"{CONTEXT}\nlocal M = (function() {sketch(name)}\nend)()\n{code}"


@pytest.mark.parametrize("fuel", [True, False])
def test_hooks_run_verbatim(run: Any, fuel: bool) -> None:
    result = run(
        with_module(
            "event_hooks",
            """M.init(ctx)
            local refused = M.onBeforeSave({ type = "note:before_save", path = "a", content = "" }, ctx)
            local changed = M.onBeforeSave({ type = "note:before_save", path = "a", content = "hi" }, ctx)
            M.onSaved({ type = "note:saved", path = "a" }, ctx)
            M.onToolResult({ type = "tool:after", name = "search_x", result = { results = { 1, 2 } } }, ctx)
            return table.concat(subs, "; "), refused.reason, changed.payload.content, log[1], emits[1]""",
        ),
        fuel=fuel,
    )
    assert result == (
        "note:before_save -50 nil; note:saved 0 nil; tool:after nil search_*",
        "Empty note not allowed",
        "hi\n<!-- modified: 1234 -->",
        "Saved: a",
        "custom:search_completed",
    )


def test_the_flow_runs_verbatim(run: Any) -> None:
    result = run(
        with_module(
            "review_flow",
            """local d = M.define()
            M.onEnterPending(ctx, {})
            M.onApproved(ctx, { user = "al" })
            return d.states.pending_review.guards.approve, M.canApprove(ctx, {}), store.approver, emits[2]""",
        )
    )
    assert result == ("canApprove", False, "al", "workflow:completed")


def test_the_pipeline_runs_verbatim(run: Any) -> None:
    result = run(
        with_module(
            "research_pipeline",
            """M.onChunk("a ``` b", ctx)
            local manager = { complete = function(self, prompt, options) return options end }
            local function include(options)
                return tostring(M.simpleGenerate("p", options, manager).includeContext)
            end
            return store.in_code_block, include(nil), include({ includeContext = false }),
                M.simpleGenerate("p", nil, manager).maxTokens, M.define().streaming.chunkHandler""",
        )
    )
    assert result == (True, "true", "false", 1000, "onChunk")


@pytest.mark.parametrize("name", ["event_hooks", "review_flow", "research_pipeline"])
@pytest.mark.parametrize("target", ["lua54", "luajit"])
def test_every_statement_keeps_its_line(name: str, target: Any) -> None:
    source = sketch(name)
    before, after = source.split("\n"), compile_luau(source, target=target).split("\n")
    assert len(after) == len(before)
    for number, line in enumerate(before):
        if line.startswith("function "):
            assert line.split("(")[0] in after[number]
