# ruff: noqa: E501 (Lua bodies on one line)
"""A Lua system over arrays: the same results as Python, on both engines, whatever the dtype."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tickwright.plugins.lua.errors import PluginLoadError
from tickwright.plugins.lua.host import PluginHost
from tickwright.plugins.lua.systems import LuaSystem
from tickwright.systems.contracts.events import CustomEvent


class World:
    def __init__(self) -> None:
        self.registered: dict[str, Any] = {}

    def now(self) -> int:
        return 0

    def register(self, name: str, schema: dict[str, Any]) -> type[Any]:
        self.registered[name] = schema
        return type(name, (), {"__annotations__": {field: spec["type"] for field, spec in schema.items()}})


class Host(PluginHost):
    """Keeps the systems instead of scheduling them."""

    def __init__(self) -> None:
        self.added: list[LuaSystem] = []
        super().__init__(SimpleNamespace(world=World()))

    def manager(self, name: str) -> Any:
        assert name == "hooks"
        return self

    def on(self, event: str, handler: Any, *, owner: str) -> Any:
        self.heard = handler
        return SimpleNamespace(off=lambda: None)


@pytest.fixture(params=["lua54", "luajit"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    def add(self: LuaSystem) -> Any:
        self._declare()
        self._subscribe()
        self.plugin.host.added.append(self)  # type: ignore[attr-defined]
        return lambda: None

    monkeypatch.setattr(LuaSystem, "add", add)
    return str(request.param)


def load(tmp_path: Path, engine: str, body: str) -> Host:
    host = Host()
    (tmp_path / "p.luau").write_text(f"--!engine {engine}\nlocal M = {{}}\n{body}\nreturn M\n")
    host.load(tmp_path / "p.luau")
    return host


MOVE = """
function M.init(ctx)
  ctx:component("Body", { x = "f64", v = { type = "f32", default = 1 }, hits = "i16", on = "bool", id = "u64" })
  ctx:system("move", {
    reads = { "Body.v" }, writes = { "Body.x", "Body.hits", "Body.on", "Body.id" },
    RUN
  })
end"""
BY_COLUMNS = """run = function(cols, n, dt)
      local b = cols.Body
      for i = 1, n do
        b.x[i] += b.v[i] * dt
        if b.x[i] > 1 then b.hits[i] += 1; b.on[i] = not b.on[i] end
        b.id[i] = cols.entity[i]
      end
    end"""
BY_ROWS = """each = function(row, dt)
      local b = row.Body
      b.x += b.v * dt
      if b.x > 1 then b.hits += 1; b.on = not b.on end
      b.id = row.entity
    end"""


def tables(sizes: list[int]) -> list[Any]:
    rng = np.random.default_rng(7)
    found = []
    for size in sizes:
        body = SimpleNamespace(
            x=rng.random(size), v=rng.random(size).astype(np.float32), hits=np.zeros(size, np.int16),
            on=rng.random(size) > 0.5, id=np.zeros(size, np.uint64),
        )  # fmt: skip
        found.append((np.arange(size, dtype=np.uint64) + 2**40, body))
    return found


@pytest.mark.parametrize("run", [BY_COLUMNS, BY_ROWS], ids=["columns", "rows"])
def test_a_lua_system_does_what_numpy_does(run: str, engine: str, tmp_path: Path) -> None:
    host = load(tmp_path, engine, MOVE.replace("RUN", run))
    (system,) = host.added
    ours, theirs = tables([1, 3, 200, 0]), tables([1, 3, 200, 0])
    for _ in range(3):
        system.run(ours, None, 0.5)
        for ids, body in theirs:
            body.x += body.v * 0.5
            hit = body.x > 1
            body.hits += hit.astype(np.int16)
            body.on ^= hit
            body.id[:] = ids
    assert host.errors == []
    for (_, ours_body), (_, theirs_body) in zip(ours, theirs, strict=True):
        for field in ("x", "v", "hits", "on", "id"):
            assert np.array_equal(getattr(ours_body, field), getattr(theirs_body, field)), field


def test_every_and_conditions_decide_when_it_runs(engine: str, tmp_path: Path) -> None:
    host = load(
        tmp_path,
        engine,
        """
local allowed = true
function M.init(ctx)
  ctx:component("C", { n = "i32", dt = "f64" })
  ctx:system("count", {
    writes = { "C.n", "C.dt" }, every = 0.1, runIf = function() return allowed end,
    run = function(cols, n, dt) for i = 1, n do cols.C.n[i] += 1; cols.C.dt[i] = dt end end,
  })
end
function M.stop() allowed = false end""",
    )
    (system,) = host.added
    values = SimpleNamespace(n=np.zeros(1, np.int32), dt=np.zeros(1))
    for _ in range(10):
        system.run([(np.zeros(1, np.uint64), values)], None, 0.04)
    assert values.n[0] == 3
    assert values.dt[0] == pytest.approx(0.12)
    host.call("p", "stop")
    for _ in range(10):
        system.run([(np.zeros(1, np.uint64), values)], None, 0.04)
    assert values.n[0] == 3


def test_an_error_is_reported_with_its_line_and_stops_nothing_else(engine: str, tmp_path: Path) -> None:
    host = load(
        tmp_path,
        engine,
        """
function M.init(ctx)
  ctx:component("C", { n = "i32" })
  ctx:system("bad", { writes = { "C.n" }, run = function(cols, n)
    cols.C.n[n + 1] = 1
  end })
end""",
    )
    (system,) = host.added
    system.run([(np.zeros(2, np.uint64), SimpleNamespace(n=np.zeros(2, np.int32)))], None, 0.1)
    assert "index 3 is outside column C.n (1 to 2) (plugin 'p', p.luau:7, in system p.bad)" in str(host.errors[0])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("reads = { 'C.m' }, run = print", "component 'C' has no field 'm'"),
        ("reads = { 'CC.n' }, run = print", "no component 'CC'; did you mean 'C'?"),
        ("reads = { 'C' }, run = print", "'C' in `reads` must be 'Component.field'"),
        ("reads = { 'C.n' }", "needs run = function(cols, n, dt) or each = function(row, dt)"),
        ("read = { 'C.n' }, run = print", "ctx:system has no setting 'read'; did you mean 'reads'?"),
        ("reads = { 'C.text' }, run = print", "column C.text is a string; systems take numbers and booleans"),
    ],
)
def test_wrong_settings_are_errors_at_load(settings: str, told: str, engine: str, tmp_path: Path) -> None:
    body = f"function M.init(ctx)\n  ctx:component('C', {{ n = 'i32', text = 'string' }})\n  ctx:system('s', {{ {settings} }})\nend"
    with pytest.raises(PluginLoadError) as caught:
        load(tmp_path, engine, body)
    assert told in caught.value.what
    assert caught.value.line == 5


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("ctx:component('__index', { n = 'i32' })", "'__index' is not a component name"),
        ("ctx:component('a b', { n = 'i32' })", "'a b' is not a component name"),
        ("ctx:component('C', { __index = 'i32' })", "'__index' of component 'C' is not a field name"),
        ("ctx:component('C', { n = 'int' })", "field 'n' of component 'C' has no type 'int'"),
        ("ctx:component('C', { n = print })", "the value at schema.n is a function"),
        ("ctx:component('C', 5)", "the schema of ctx:component('C') must be a table"),
    ],
)
def test_wrong_components_are_errors_at_load(call: str, told: str, engine: str, tmp_path: Path) -> None:
    with pytest.raises(PluginLoadError) as caught:
        load(tmp_path, engine, f"function M.init(ctx)\n  {call}\nend")
    assert told in caught.value.what
    assert caught.value.line == 4


def test_a_system_without_columns_runs_once_and_hears_its_events(engine: str, tmp_path: Path) -> None:
    host = load(
        tmp_path,
        engine,
        """
local seen = {}
function M.init(ctx)
  ctx:system("listen", { events = "my:event", run = function(cols, n, dt, events)
    for _, e in events do table.insert(seen, { e.name, e.payload, n }) end
  end })
end
function M.seen() return seen end""",
    )
    (system,) = host.added
    system.run(None, None, 0.1)
    host.heard(CustomEvent(name="my:event", payload={"a": 1}), None)
    host.heard(CustomEvent(name="my:event", payload=2), None)
    for _ in range(2):
        system.run(None, None, 0.1)
    assert host.errors == []
    assert host.call("p", "seen") == [["my:event", {"a": 1}, 0], ["my:event", 2, 0]]
