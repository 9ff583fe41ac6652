# ruff: noqa: E501 (one plugin, one line)
"""The errors an author meets first, word for word: tests/data/lua_errors/NAME.txt.

After a change on purpose: UPDATE=1 pytest tests/faults/test_lua_golden_errors.py, and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.check import check_source
from tickwright.plugins.lua.dry import dry_doors, dry_run
from tickwright.plugins.lua.errors import PluginError
from tickwright.plugins.lua.limits import Limits
from tickwright.plugins.lua.manifest import Manifest

FOLDER = Path(__file__).parents[1] / "data" / "lua_errors"

CASES = {
    "event_typo": "function M.h(event, ctx) end\nfunction M.init(ctx)\n  ctx:on('note:befor_save', M.h)\nend",
    "unknown_method": "function M.init(ctx)\n  ctx:subscribe('note:saved', print)\nend",
    "unknown_result": "function M.h(event, ctx)\n  return { type = 'cancelled', reason = 'no' }\nend",
    "set_context_type": "function M.guard(ctx, event)\n  ctx:setContext('approver', ctx.currentUser)\n  return true\nend",
    "runaway_loop": "function M.attack()\n  local n = 0\n  while true do\n    n += 1\n  end\nend",
    "nil_index": "function M.attack()\n  local note: any = nil\n  return note.path\nend",
    "syntax": "function M.init(ctx)\n  if ctx then\nend",
    "no_such_handler": "function M.define()\n  return { id = 'f', initial = 'a', states = { a = { enter = 'onEntr' } } }\nend\nfunction M.onEnter() end",
    "function_in_payload": "function M.init(ctx)\n  ctx:emit('my:event', { items = { 1, print } })\nend",
    "not_a_module": "return 5",
    "component_type": "function M.init(ctx)\n  ctx:component('Decay', { rate = 'float' })\nend",
    "column_typo": "function M.init(ctx)\n  ctx:component('Decay', { rate = 'f32', left = 'f32' })\n  ctx:system('decay', { reads = { 'Decay.rat' }, run = print })\nend",
    "system_setting": "function M.init(ctx)\n  ctx:system('decay', { wites = { 'Decay.left' }, run = print })\nend",
    "spawn_value": "function M.init(ctx)\n  ctx:component('Decay', { rate = 'f32' })\n  ctx:spawn({ Decay = { rate = 'fast' } })\nend",
}  # fmt: skip


def run(source: str) -> list[str]:
    """What `plugin check` says, and what running says."""
    lines = ["check: " + str(problem) for problem in check_source(source, file="my_plugin.luau")]
    try:
        module = BareModule(source, name="my_plugin.luau", limits=Limits(fuel=100_000), doors=dry_doors())
        if "init" in module.functions:
            module.init()
        if "guard" in module.functions:
            handle = module.runtime.call("export_handle", b"guard")[0]
            module.runtime.call("call_guard", handle, 1, module.runtime.write({}), hook="guard of 'approve'")
        if "attack" in module.functions:
            module.call("attack")
    except Exception as error:
        lines.append(f"{type(error).__name__}: {error}")
    return lines


@pytest.mark.parametrize("name", list(CASES))
def test_the_message_is_the_golden_one(name: str) -> None:
    said = "\n".join(run(f"local M = {{}}\n{CASES[name]}\nreturn M\n")) + "\n"
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE"):
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")
    assert "my_plugin.luau:" in said or "plugin 'my_plugin'" in said


def test_a_dry_run_finds_what_only_running_shows(tmp_path: Path) -> None:
    path = tmp_path / "p.luau"
    path.write_text("local M = {}\nfunction M.init(ctx)\n  local t: any = {}\n  t.x.y = 1\nend\nreturn M")
    (problem,) = dry_run(Manifest("p", path))
    assert (problem.line, problem.fatal) == (4, True)
    assert isinstance(problem.message, str)
    with pytest.raises(PluginError):
        BareModule(path.read_text()).init()
