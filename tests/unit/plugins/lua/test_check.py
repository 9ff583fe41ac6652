"""What the static checks know of variables: which ctx a name is, what a module has, what a table may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickwright.plugins.lua.check import check_source

SKETCHES = sorted((Path(__file__).parents[3] / "data" / "plugins").glob("*.luau"))

CASES = {
    "a typed ctx": (
        "function M.a(event, c: PluginContext) c:setContext('a', 1) end",
        ["ctx has no method 'setContext'"],
    ),
    "a flow's ctx": ("function M.a(c: FlowContext) c:on('note:saved', M.b) end", ["the flow's ctx has no method 'on'"]),
    "an untyped ctx may be any": ("function M.a(ctx) ctx:setContext('a', 1) ctx:countTokens('x') end", []),
    "a field of ctx": ("function M.a(ctx) ctx.flow:send('a', 'b') end", ["ctx has no 'flow'; did you mean 'flows'?"]),
    "a local for an object": (
        "function M.a(ctx) local flows = ctx.flows flows:sendd('a') end",
        ["ctx.flows has no method 'sendd'; did you mean 'send'?"],
    ),
    "a local that hides ctx": ("function M.a(ctx) local ctx = other() ctx:nope() end", []),
    "a parameter that hides ctx": ("function M.a(ctx: Canvas) ctx:nope() end", []),
    "state is the plugin's own": ("function M.a(ctx) ctx.state.anything = ctx.state.other end", []),
    "a handler nobody wrote": (
        "function M.onSaved() end\nfunction M.init(ctx) ctx:on('note:saved', M.onSavd) end",
        ["M has no function 'onSavd'; did you mean 'onSaved'?"],
    ),
    "a handler written later": (
        "function M.init(ctx) ctx:on('note:saved', M.onSaved) end\nfunction M.onSaved() end",
        [],
    ),
    "a handler set by a name": ("M[name] = f\nfunction M.init(ctx) ctx:on('note:saved', M.onSaved) end", []),
    "settings of on": (
        "function M.init(ctx) ctx:on('note:saved', M.init, { priorty = 1 }) end",
        ["ctx:on has no setting 'priorty'; did you mean 'priority'?"],
    ),
    "settings of a system": (
        "function M.init(ctx) ctx:system('s', { schdule = 'Update', run = M.init }) end",
        ["ctx:system has no setting 'schdule'; did you mean 'schedule'?"],
    ),
    "arguments from a call": ("function M.a(ctx, ...) ctx:log(pair()) ctx:log(...) end", []),
    "arguments from a call, too many": (
        "function M.a(ctx) ctx:off('a', 'b', pair()) end",
        ["ctx:off takes (id), not 3 arguments"],
    ),
    "a list of definitions": (
        "function M.define() return { { states = {}, initial = 'a' }, { id = 'f', states = {}, initial = 'a' } } end",
        ["a flow needs `id`"],
    ),
    "an event in a long string": (
        "function M.a(ctx) ctx:on([[note:savd]], M.a) end",
        ["no event 'note:savd'; expected 'note:saved' or 'note:parsed' or 'note:before_save'"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_checks(name: str) -> None:
    source, expected = CASES[name]
    found = [problem.message for problem in check_source(f"local M = {{}}\n{source}\nreturn M")]
    assert found == expected


@pytest.mark.parametrize("path", SKETCHES, ids=lambda path: path.stem)
def test_the_sketches_are_clean(path: Path) -> None:
    assert check_source(path.read_text()) == []


def test_a_tree_of_any_depth_is_read() -> None:
    assert check_source("return " + " + ".join(["x"] * 5000)) == []
