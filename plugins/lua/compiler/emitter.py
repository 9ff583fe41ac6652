"""From the syntax tree to text for Lua 5.4 or LuaJIT, every statement on its own source line.

The contract with whoever runs the text
---------------------------------------
A compiled chunk is called with one argument, the runtime table `rt`: `load(text, ...)(rt)`; it returns what the
source returns. Line 1 begins with

    local __tw_rt=...;local __tw_n,__tw_refill=0,__tw_rt.refill;__tw_rt.meter(function(v)...end);

- **Fuel.** `__tw_n` is the chunk's own counter. At every function entry and at the start of every loop round the text
  runs `__tw_n=__tw_n-1 if __tw_n<0 then __tw_n=__tw_refill(__tw_n)end`. `rt.refill(n)` gets what the counter has
  become (-1) and returns the next grant, a number >= 0, or raises; when it raises the counter stays below zero, so
  every later check raises again, in coroutines, handlers and finalizers alike. A counter in an upvalue
  costs 18 ns a round on lua54 and nothing measurable on LuaJIT; a call per round cost 26 ns, a table field 29 and 15.
- **Metering.** `rt.meter(set)` is called once when the chunk starts, with `set(n) -> left`: it puts `n` into the
  counter and returns what was left. A host that calls `set(0)` before each call makes every budget exact.
- **Helpers** taken from `rt` where the text needs them; `shim/` provides them:
  `iter(f, s, c)` generalised iteration; `str(v)` a hole of an interpolated string; `num(v)` an operand of `..` (lua54);
  `cat(s)` caps and charges a concatenation; `mod(a, b)`, `idiv(a, b)` doubles' `%` (lua54) and `//`;
  `len(v)` `#` (LuaJIT); `box(v)`, `unbox(v)` if-expressions; `call(object, name, ...)` methods named like a target's
  keyword; `rest(...)` the chunk's own `...`.

Every name beginning with `__tw_` belongs to the emitted text; the lexer refuses it in sources.
Without fuel the counter is left out; everything else is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright.plugins.lua.compiler.emit_expressions import ExpressionText
from tickwright.plugins.lua.compiler.nodes import (
    Assign,
    Block,
    Break,
    CallStatement,
    Chunk,
    Compound,
    Continue,
    Do,
    ForIn,
    ForNumeric,
    Function,
    FunctionStatement,
    If,
    Index,
    Local,
    LocalFunction,
    Name,
    Node,
    Number,
    Repeat,
    Return,
    String,
    Unary,
    While,
)
from tickwright.plugins.lua.compiler.tokens import Tokens

__all__ = ["Emitter"]

_BURN = " __tw_n=__tw_n-1 if __tw_n<0 then __tw_n=__tw_refill(__tw_n)end "
_METER = "__tw_rt.meter(function(v)local n=__tw_n __tw_n=v return n end);"


class Emitter(ExpressionText):
    """Write one chunk; use once."""

    def __init__(self, tokens: Tokens, *, target: str, fuel: bool) -> None:
        super().__init__(tokens, target=target)
        self.burn = _BURN if fuel else " "
        self.fuel = fuel
        self.statements: dict[type[Node], Callable[[Any], None]] = {
            Local: self._local,
            LocalFunction: self._local_function,
            FunctionStatement: self._function_statement,
            Assign: self._assign,
            Compound: self._compound,
            CallStatement: self._call_statement,
            Return: self._return,
            Break: self._break,
            Continue: self._continue,
            Do: self._do,
            If: self._if,
            While: self._while,
            Repeat: self._repeat,
            ForNumeric: self._for_numeric,
            ForIn: self._for_in,
        }

    def chunk(self, node: Chunk) -> str:
        """Return the text of a whole file."""
        self.block(node.body)
        self.sync(node.end)
        return self._prelude() + "".join(self.out)

    def _prelude(self) -> str:
        names = sorted(self.used)
        text = "local __tw_rt=...;"
        if self.fuel:
            text += f"local __tw_n,__tw_refill=0,__tw_rt.refill;{_METER}"
        if names:
            text += f"local {','.join('__tw_' + n for n in names)}={','.join('__tw_rt.' + n for n in names)};"
        return text

    # Blocks ---------------------------------------------------------------------------------------------

    def block(self, node: Block) -> None:
        """Write the statements of a block."""
        self._statements(node.statements)

    def _statements(self, statements: list[Node]) -> None:
        rules, out = self.statements, self.out
        for statement in statements:
            self.sync(statement.at)
            rules[type(statement)](statement)
            out.append(";")

    def _loop_body(self, body: Block, label: int) -> None:
        self.write(self.burn)
        if label:
            # The label must end its block, and no local may stand between it and the jump: the body gets a block.
            self.write("do ")
            self.block(body)
            self.write(f" end ::__tw_c{label}:: ")
        else:
            self.block(body)

    def function_body(self, node: Function) -> None:
        """Write from the parameters to `end`."""
        names = [self.spell(name) for name in node.parameters]
        if node.is_vararg:
            names.append("...")
        self.write("(" + ",".join(names) + ")" + self.burn)
        self.block(node.body)
        self.sync(node.end)
        self.write(" end")

    # Statements -----------------------------------------------------------------------------------------

    def _local(self, node: Local) -> None:
        self.write("local " + ",".join([self.spell(name) for name in node.names]))
        if node.values:
            self.write("=")
            self.expressions(node.values)

    def _local_function(self, node: LocalFunction) -> None:
        self.write("local function " + self.spell(node.name))
        self.function_body(node.function)

    def _function_statement(self, node: FunctionStatement) -> None:
        if self.is_plain_path(node.target) and node.method not in self.reserved:
            self.write("function ")
            self.expression(node.target)
            if node.method:
                self.write(":" + node.method)
            self.function_body(node.function)
            return
        self.expression(node.target)
        if node.method:
            self.write(f'["{node.method}"]')
            node.function.parameters.insert(0, "self")
        self.write("=function")
        self.function_body(node.function)

    def _assign(self, node: Assign) -> None:
        for i, target in enumerate(node.targets):
            if i:
                self.write(",")
            self.expression(target)
        self.write("=")
        self.expressions(node.values)

    def _compound(self, node: Compound) -> None:
        target = node.target
        if isinstance(target, Name):
            self._compound_value(node, self.spelled(target), "")
            return
        assert isinstance(target, Index)
        base, key = target.base, target.key
        # The base and the key run once; what runs no code may simply be said twice.
        base_name = self.spelled(base) if isinstance(base, Name) and self.runs_nothing(node.value) else ""
        key_text = self._constant_key(key, may_repeat_names=self.runs_nothing(node.value))
        if base_name and key_text:
            self._compound_value(node, base_name + key_text, "")
            return
        self.write("do local __tw_o" + ("" if key_text else ",__tw_k") + "=")
        self.single(base)
        if not key_text:
            self.write(",")
            self.single(key)
        self.write(";")
        self._compound_value(node, "__tw_o" + (key_text or "[__tw_k]"), " end")

    def _constant_key(self, key: Node, *, may_repeat_names: bool) -> str:
        if isinstance(key, (String, Number)):
            return f"[{self.literal(key)}]"
        if may_repeat_names and isinstance(key, Name):
            return f"[{self.spelled(key)}]"
        return ""

    def _compound_value(self, node: Compound, place: str, after: str) -> None:
        self.write(place + "=")
        self.compound_value(node, place)
        self.write(after)

    def _call_statement(self, node: CallStatement) -> None:
        self.expression(node.call)

    def _return(self, node: Return) -> None:
        self.write("return ")
        self.expressions(node.values)

    def _break(self, _node: Break) -> None:
        self.write("break")

    def _continue(self, node: Continue) -> None:
        self.write(f"goto __tw_c{node.loop}")

    def _do(self, node: Do) -> None:
        self.write("do ")
        self.block(node.body)
        self.sync(node.end)
        self.write(" end")

    def _if(self, node: If) -> None:
        word = "if "
        for condition, body in node.clauses:
            self.write(word)
            self.condition(condition)
            self.write(" then ")
            self.block(body)
            word = " elseif "
        if node.otherwise is not None:
            self.write(" else ")
            self.block(node.otherwise)
        self.sync(node.end)
        self.write(" end")

    def _while(self, node: While) -> None:
        self.write("while ")
        self.condition(node.condition)
        self.write(" do")
        self._loop_body(node.body, node.label)
        self.sync(node.end)
        self.write(" end")

    def _repeat(self, node: Repeat) -> None:
        self.write("repeat" + self.burn)
        if node.label:
            self._statements(node.body.statements[: node.split])
            self.write("do ")
            self._statements(node.body.statements[node.split :])
            self.write(f" end ::__tw_c{node.label}:: ")
        else:
            self.block(node.body)
        self.sync(node.end)
        self.write(" until ")
        self.condition(node.condition)

    def _for_numeric(self, node: ForNumeric) -> None:
        self.write(f"for {self.spell(node.name)}=")
        self.single(node.first)
        self.write(",")
        self._bound(node.last)
        if node.step is not None:
            self.write(",")
            self._bound(node.step)
        self.write(" do")
        self._loop_body(node.body, node.label)
        self.sync(node.end)
        self.write(" end")

    def _bound(self, node: Node) -> None:
        # The loop variable is a double because the first value is one; the others may be any number.
        if isinstance(node, Unary) and node.op == "#":
            self.length(node)
        else:
            self.single(node)

    def _for_in(self, node: ForIn) -> None:
        names = ",".join([self.spell(name) for name in node.names])
        self.write(f"for {names} in {self.helper('iter')}(")
        self.expressions(node.values)
        self.write(") do")
        self._loop_body(node.body, node.label)
        self.sync(node.end)
        self.write(" end")
