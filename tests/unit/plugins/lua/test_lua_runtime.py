"""The sandboxed runtime: calls, errors, budgets, order and numbers, on both engines."""

import pytest

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.errors import PluginLimitError, PluginRuntimeError
from tickwright.plugins.lua.limits import Limits

ENGINES = ["lua54", "luajit"]
SMALL = Limits(fuel=200_000, memory_mb=8, strikes=1_000)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def module(body: str, engine: str, **options: object) -> BareModule:
    options.setdefault("limits", SMALL)
    return BareModule(f"--!strict\nlocal M = {{}}\n{body}\nreturn M\n", engine=engine, **options)


def value_of(expression: str, engine: str) -> object:
    return module(f"function M.f() return {expression} end", engine).call("f")


def test_a_call_returns_plain_data(engine: str) -> None:
    plugin = module("function M.add(a: number, b: number) return { sum = a + b, parts = { a, b } } end", engine)
    assert plugin.call("add", 2, 3.5) == {"sum": 5.5, "parts": [2, 3.5]}
    assert plugin.functions == ("add",)


def test_an_error_names_plugin_file_line_and_hook(engine: str) -> None:
    plugin = module("function M.boom()\n  local x: any = nil\n  return x.field\nend", engine, name="boomer.luau")
    with pytest.raises(
        PluginRuntimeError, match=r"attempt to index .* \(plugin 'boomer', boomer.luau:5, in boom\)"
    ) as caught:
        plugin.call("boom")
    error = caught.value
    assert (error.plugin, error.file, error.line, error.hook) == ("boomer", "boomer.luau", 5, "boom")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("'plain'", "plain"),
        ("{ message = 'in a table' }", "in a table"),
        ("{}", "(an error object of type table)"),
        ("setmetatable({}, { __tostring = function() while true do end end })", "(an error object of type table)"),
        ("nil", "(an error object of type nil)"),
    ],
)
def test_error_objects_become_text_without_running_plugin_code(raised: str, told: str, engine: str) -> None:
    plugin = module(f"function M.f() error({raised}, 0) end", engine)
    with pytest.raises(PluginRuntimeError) as caught:
        plugin.call("f")
    assert caught.value.what == told


def test_a_runaway_loop_ends_at_its_line_and_the_next_call_works(engine: str) -> None:
    plugin = module("function M.spin()\n  while true do end\nend\nfunction M.ok() return 1 end", engine)
    with pytest.raises(
        PluginLimitError, match=r"ran out of fuel: more than 200000 steps in one call .*plugin.luau:4"
    ) as caught:
        plugin.call("spin")
    assert caught.value.kind == "fuel"
    assert plugin.call("ok") == 1


def test_fuel_is_the_same_on_both_engines() -> None:
    body = "function M.work() local s = 0 for i = 1, 1000 do s += #tostring(i) end return s end"
    spent = []
    for engine in ENGINES:
        plugin = module(body, engine)
        plugin.call("work")
        spent.append(plugin.runtime.measure().fuel)
    assert spent[0] == spent[1] > 1_000


def test_the_third_strike_disposes_of_the_runtime(engine: str) -> None:
    plugin = module(
        "function M.spin() while true do end end function M.ok() return 1 end",
        engine,
        limits=Limits(fuel=10_000, strikes=3),
    )
    for _ in range(3):
        with pytest.raises(PluginLimitError):
            plugin.call("spin")
    with pytest.raises(PluginRuntimeError, match="the plugin has failed: 3 calls were stopped by a limit"):
        plugin.runtime.call("call_export", b"ok")


def test_memory_that_is_let_go_is_no_failure_and_memory_that_is_kept_is(engine: str) -> None:
    body = (
        "local kept = {}\n"
        "function M.churn() for i = 1, 20000 do local t = { i, i, i } end return 'done' end\n"
        "function M.hoard() local i = 0 while true do i += 1 kept[i] = { i } end end\n"
    )
    plugin = module(body, engine, limits=Limits(fuel=50_000_000, memory_mb=4, call_ms=20_000))
    assert plugin.call("churn") == "done"
    with pytest.raises(PluginLimitError) as caught:
        plugin.call("hoard")
    assert caught.value.kind == "memory"
    assert "holds more than 4 MB" in plugin.runtime.failed


def test_iteration_order_is_fixed(engine: str) -> None:
    body = (
        "function M.keys()\n"
        "  local t: any = { z = 1, a = 2, m = 3, [10] = 4, [2] = 5, [1] = 6, [true] = 7 }\n"
        "  local out = {}\n"
        "  for k in pairs(t) do table.insert(out, tostring(k)) end\n"
        "  for k in next, t do table.insert(out, tostring(k)) end\n"
        "  for k in t do table.insert(out, tostring(k)) end\n"
        "  return out\n"
        "end"
    )
    once = ["1", "2", "10", "a", "m", "z", "true"]
    assert module(body, engine).call("keys") == once * 3


def test_a_table_may_change_while_it_is_iterated(engine: str) -> None:
    body = (
        "function M.f()\n"
        "  local t: any = { a = 1, b = 2, c = 3, d = 4 }\n"
        "  for k in pairs(t) do t[k] = nil; if k == 'a' then t.c = nil end end\n"
        "  return next(t) == nil\n"
        "end"
    )
    assert module(body, engine).call("f") is True


def test_random_numbers_agree_on_both_engines_and_follow_the_seed() -> None:
    body = "function M.f() local t = {} for i = 1, 20 do t[i] = math.random(1, 1000) end return t end"
    runs = []
    for engine in ENGINES:
        plugin = module(body, engine)
        plugin.runtime.seed(123, 456)
        runs.append(plugin.call("f"))
        plugin.runtime.seed(123, 456)
        assert plugin.call("f") == runs[-1]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 10
    assert all(1 <= n <= 1000 for n in runs[0])


def test_objects_print_without_addresses(engine: str) -> None:
    plugin = module("function M.f() return tostring({}) .. tostring(print) .. tostring({}) end", engine)
    text = plugin.call("f")
    assert text == "table: 0x0001function: 0x0002table: 0x0003"


def test_ctx_names_an_unknown_method(engine: str) -> None:
    plugin = module(
        "function M.init(ctx)\n  ctx:emitt('x')\nend",
        engine,
        doors={"suggest": lambda path, key: b"; did you mean 'emit'?"},
    )
    with pytest.raises(PluginRuntimeError, match=r"ctx has no method 'emitt'; did you mean 'emit'\? .*plugin.luau:4"):
        plugin.init()


def test_arguments_are_checked_at_the_plugins_line(engine: str) -> None:
    for wrong, told in [
        ("ctx:on(1, M.h)", "the event of ctx:on must be a string, got number"),
        ("ctx:on('note:saved', 'h')", "the handler of ctx:on('note:saved') must be a function, got string"),
        ("ctx:on('note:saved', M.h, { priority = 'high' })", "config.priority must be a number, got string"),
        ("ctx:emit('a:b', { f = print })", "the value at payload.f is a function; only plain data leaves a plugin"),
        ("ctx:emit('a:b', { 1, nil, 3, x = 1 })", "the value at payload mixes list items and named fields"),
    ]:
        plugin = module(f"function M.h() end\nfunction M.init(ctx)\n  {wrong}\nend", engine)
        with pytest.raises(PluginRuntimeError) as caught:
            plugin.init()
        assert caught.value.what == told
        assert caught.value.line in (0, 5)


def test_a_door_that_raises_is_a_string_in_lua_and_never_an_object(engine: str) -> None:
    def refuse(*_: object) -> None:
        raise KeyError("secret")

    body = (
        "function M.init(ctx)\nlocal ok, e = pcall(function() ctx:off('x') end)\n"
        "M.seen = type(e) .. tostring(e) end\nfunction M.f() return M.seen end"
    )
    plugin = module(body, engine, doors={"off": refuse})
    plugin.init()
    assert plugin.call("f") == "string" + "plugin.luau:4: 'secret'"


def test_an_interrupt_in_a_door_cannot_be_swallowed_by_the_plugin(engine: str) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    plugin = module("function M.init(ctx) pcall(function() ctx:off('x') end) end", engine, doors={"off": interrupt})
    with pytest.raises(KeyboardInterrupt):
        plugin.init()


def test_calls_between_lua_and_the_host_are_capped_in_depth(engine: str) -> None:
    plugin = module("function M.again() end\nfunction M.init(ctx) ctx:off('x') end", engine)
    depth = 0

    def again(*_: object) -> None:
        nonlocal depth
        depth += 1
        plugin.runtime.call("init")

    plugin = module("function M.init(ctx) ctx:off('x') end", engine, doors={"off": again})
    with pytest.raises(PluginRuntimeError, match="nested more than 12 deep"):
        plugin.init()
    assert depth == 12


@pytest.mark.parametrize(
    "expression",
    [
        "string.match('  padded text  ', '^%s*(.-)%s*$')",
        "(string.gsub('hello world', '(%w+)', '<%1>'))",
        "(string.gsub('abc', '', '-'))",
        "(string.gsub('a,b,c', ',', { [','] = ';' }))",
        "string.find('key = value', '^(%w+)%s*=%s*(%w+)$')",
        "string.match('f(a(b)c)d', '%b()')",
        "string.match('THE (quick) fox', '%f[%a]%a+%f[%A]')",
        "string.match('2024-01-02', '(%d+)-(%d+)-(%d+)')",
        "string.match('aXbXc', '^(.-)X(.*)$')",
        "string.find('a.b', '.', 2, true)",
        "string.match('[]x', '[]]')",
        "string.match('x-y', '[a%-z]+')",
        "string.match('abab', '(ab)%1')",
        "string.match('abc', '()b()')",
    ],
)
def test_the_metered_matcher_agrees_with_the_engine(expression: str, engine: str) -> None:
    name, _, rest = expression.removeprefix("(").partition("string.")[2].partition("(")
    plugin = module(f"function M.f() return {{ {expression} }} end", engine)
    expected = plugin.call("f")
    # The same call with a subject so long that the C matcher is not used: the head is what counts.
    metered = plugin.runtime.trusted[b"env"][b"string"]
    metered[name.encode()] = plugin.runtime.trusted[b"use"](b"matcher")[name.encode()]
    again = BareModule.call(plugin, "f")
    assert again == expected
    assert rest


def test_an_expensive_pattern_is_paid_for(engine: str) -> None:
    body = "function M.f() return (string.rep('a', 30000)):find(string.rep('a-', 6) .. 'b') end"
    with pytest.raises(PluginLimitError) as caught:
        module(body, engine).call("f")
    assert caught.value.kind == "fuel"


def test_trimming_a_long_text_is_no_attack(engine: str) -> None:
    body = "function M.f(s: string) return string.match(s, '^%s*(.-)%s*$') end"
    text = "  " + "some words here " * 2_000
    assert module(body, engine, limits=Limits()).call("f", text) == text.strip()
