"""Expressions as text: literals, precedence kept by the tree's own parentheses, and doubles on both targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright.plugins.lua.compiler.literals import number_text, quote, string_text, string_value
from tickwright.plugins.lua.compiler.nodes import (
    Binary,
    Call,
    Compound,
    Concat,
    Constant,
    Function,
    IfExpression,
    Index,
    Interpolation,
    MethodCall,
    Name,
    Node,
    Number,
    Paren,
    String,
    Table,
    Unary,
    Varargs,
)
from tickwright.plugins.lua.compiler.tokens import Tokens

__all__ = ["ExpressionText"]

_COMPARISONS = frozenset(("<", ">", "<=", ">=", "==", "~="))
_TEXTS = (String, Interpolation)
# A longer chain is joined in groups: each operand takes a register of the target.
_GROUP = 16
_LITERALS = (String, Number, Constant, Table, Function, Interpolation)


class ExpressionText:
    """The writer: pieces of text, the current output line, and the helpers used so far."""

    def __init__(self, tokens: Tokens, *, target: str) -> None:
        self.lines = tokens.lines
        self.line = 1
        self.out: list[str] = []
        self.write = self.out.append
        self.used: set[str] = set()
        self.floats = target == "lua54"
        self.reserved = frozenset(("goto",))
        self.renamed = {"goto": "__tw_goto", "_ENV": "__tw_ENV"}
        self.rules: dict[type[Node], Callable[[Any], None]] = {
            Constant: self._constant,
            Number: self._number,
            String: self._string,
            Interpolation: self._interpolation,
            Varargs: self._varargs,
            Name: self._name,
            Index: self._index,
            Call: self._call,
            MethodCall: self._method_call,
            Paren: self._paren,
            Unary: self._unary,
            Binary: self._binary,
            Concat: self._concat,
            IfExpression: self._if_expression,
            Table: self._table,
            Function: self._function,
        }

    # Writing --------------------------------------------------------------------------------------------

    def sync(self, at: int) -> None:
        """Bring the output to the source line of token `at`."""
        line = self.lines[at]
        if line > self.line:
            self.write("\n" * (line - self.line))
            self.line = line

    def helper(self, name: str) -> str:
        """Return the name of a runtime helper and note that the chunk needs it."""
        self.used.add(name)
        return "__tw_" + name

    def spell(self, name: str) -> str:
        """Return how a variable is written: some names are keywords of the target."""
        return self.renamed.get(name, name)

    def spelled(self, node: Node) -> str:
        """Return the text of a Name."""
        assert isinstance(node, Name)
        return self.renamed.get(node.name, node.name)

    def function_body(self, node: Function) -> None:
        """Write a function from its parameters on; statements do it."""
        raise NotImplementedError

    # Entry points ---------------------------------------------------------------------------------------

    def expression(self, node: Node) -> None:
        """Write one expression at its source line."""
        self.rules[type(node)](node)

    def expressions(self, nodes: list[Node]) -> None:
        """Write expressions between commas; the last may give several values."""
        rules = self.rules
        first = True
        for node in nodes:
            if not first:
                self.write(",")
            first = False
            rules[type(node)](node)

    def single(self, node: Node) -> None:
        """Write an expression for exactly one value where a list could begin."""
        if isinstance(node, (Call, MethodCall, Varargs)):
            self.write("(")
            self.expression(node)
            self.write(")")
        else:
            self.expression(node)

    def condition(self, node: Node) -> None:
        """Write an expression of which only the truth counts."""
        self.expression(node)

    def runs_nothing(self, node: Node) -> bool:
        """Say whether evaluating `node` can call no function that is named in it."""
        if isinstance(node, (Number, String, Constant, Name)):
            return True
        if isinstance(node, Paren):
            return self.runs_nothing(node.inner)
        if isinstance(node, Index):
            return self.runs_nothing(node.base) and self.runs_nothing(node.key)
        if isinstance(node, Binary):
            return self.runs_nothing(node.left) and self.runs_nothing(node.right)
        return isinstance(node, Unary) and self.runs_nothing(node.operand)

    def is_plain_path(self, node: Node) -> bool:
        """Say whether `node` is `a.b.c` with names the target accepts after `function`."""
        while isinstance(node, Index):
            if not node.dotted or node.dotted in self.reserved:
                return False
            node = node.base
        return isinstance(node, Name)

    def literal(self, node: Node) -> str:
        """Return the text of a number or string."""
        if isinstance(node, Number):
            return number_text(node.value, floats=self.floats)
        assert isinstance(node, String)
        return string_text(node.text)

    # Leaves ---------------------------------------------------------------------------------------------

    def _constant(self, node: Constant) -> None:
        self.sync(node.at)
        self.write(node.text)

    def _number(self, node: Number) -> None:
        self.sync(node.at)
        self.write(number_text(node.value, floats=self.floats))

    def _string(self, node: String) -> None:
        self.sync(node.at)
        self.write(string_text(node.text))

    def _varargs(self, node: Varargs) -> None:
        self.sync(node.at)
        self.write(f"{self.helper('rest')}(...)" if node.in_chunk else "...")

    def _name(self, node: Name) -> None:
        self.sync(node.at)
        self.write(self.renamed.get(node.name, node.name))

    def _function(self, node: Function) -> None:
        self.sync(node.at)
        self.write("function")
        self.function_body(node)

    def _paren(self, node: Paren) -> None:
        self.sync(node.at)
        self.write("(")
        self.expression(node.inner)
        self.write(")")

    def _table(self, node: Table) -> None:
        self.sync(node.at)
        self.write("{")
        for key, value in node.items:
            if isinstance(key, String):
                self.sync(key.at)
                self.write(f"[{string_text(key.text)}]=")
            elif key is not None:
                self.write("[")
                self.expression(key)
                self.write("]=")
            self.expression(value)
            self.write(",")
        self.sync(node.end)
        self.write("}")

    # Indexing and calls ---------------------------------------------------------------------------------

    def _base(self, node: Node) -> None:
        if isinstance(node, (Name, Index, Call, MethodCall, Paren)):
            self.expression(node)
        else:
            self.write("(")
            self.expression(node)
            self.write(")")

    def _index(self, node: Index) -> None:
        self._base(node.base)
        if node.dotted and node.dotted not in self.reserved:
            self.sync(node.at)
            self.write("." + node.dotted)
            return
        self.write("[")
        self.single(node.key)
        self.write("]")

    def _call(self, node: Call) -> None:
        # No line break before '(': on LuaJIT the target's grammar would call it ambiguous.
        self._base(node.function)
        self.write("(")
        self.expressions(node.arguments)
        self.write(")")

    def _method_call(self, node: MethodCall) -> None:
        if node.name in self.reserved:
            self.write(self.helper("call") + "(")
            self.single(node.base)
            self.write(f',"{node.name}"')
            if node.arguments:
                self.write(",")
        else:
            self._base(node.base)
            self.sync(node.at)
            self.write(f":{node.name}(")
        self.expressions(node.arguments)
        self.write(")")

    # Operators ------------------------------------------------------------------------------------------

    def _unary(self, node: Unary) -> None:
        self.sync(node.at)
        if node.op == "#":
            # Lengths are integers on Lua 5.4; adding 0.0 makes the double that they are in Luau.
            self.write("(" if self.floats else "")
            self.length(node)
            self.write("+0.0)" if self.floats else "")
            return
        self.write("not " if node.op == "not" else "- ")
        self.expression(node.operand)

    def length(self, node: Unary) -> None:
        """Write `#x` as the target computes it; LuaJIT's own ignores `__len` of tables."""
        self.write("#" if self.floats else self.helper("len") + "(")
        self.expression(node.operand)
        self.write("" if self.floats else ")")

    def _helper_of(self, node: Binary) -> str:
        """Return the helper that computes a `%` or `//`, or nothing where the target's own operator is right."""
        if node.op == "//" and not (self.floats and isinstance(node.right, Number) and node.right.value != 0):
            return "idiv"
        return "mod" if node.op == "%" and self.floats else ""

    def _binary(self, node: Binary) -> None:
        # Left-leaning chains can be long, so their spine is walked in a loop.
        spine: list[tuple[Binary, str]] = []
        left: Node = node
        while isinstance(left, Binary):
            helper = self._helper_of(left) if left.op in ("//", "%") else ""
            if helper:
                self.write(self.helper(helper) + "(")
            spine.append((left, helper))
            left = left.left
        self._operand(left, spine[-1][0])
        for step, helper in reversed(spine):
            if helper:
                self.write(",")
                self.single(step.right)
                self.write(")")
            else:
                self.sync(step.at)
                self.write(f" {step.op} ")
                self._operand(step.right, step)

    def _operand(self, node: Node, of: Binary) -> None:
        if self.floats and isinstance(node, Unary) and node.op == "#":
            other = of.right if node is of.left else of.left
            if of.op in _COMPARISONS or (of.op in ("+", "-") and isinstance(other, Number)):
                self.sync(node.at)
                self.length(node)
                return
        self.expression(node)

    def _concat(self, node: Concat) -> None:
        self._join(node.operands, self._concat_operand)

    def _join(self, operands: list[Node], write_operand: Callable[[Node], None]) -> None:
        """Write operands with `..` between them, the result capped and charged."""
        self.write(self.helper("cat") + "(")
        groups = range(0, len(operands), _GROUP)
        for start in groups:
            if len(groups) > 1:
                self.write(" .. " if start else "")
                self.write(self.helper("cat") + "(")
            for i, operand in enumerate(operands[start : start + _GROUP]):
                self.write(" .. " if i else "")
                write_operand(operand)
            self.write(")" if len(groups) > 1 else "")
        self.write(")")

    def _concat_operand(self, node: Node) -> None:
        if self.floats and not isinstance(node, _TEXTS):
            self.write(self.helper("num") + "(")
            self.expression(node)
            self.write(")")
        elif isinstance(node, Number):
            self.write(" ")
            self.expression(node)
        else:
            self.expression(node)

    def compound_value(self, node: Compound, place: str) -> None:
        """Write the new value of `place op= value`."""
        stand_in = _Text(node.at, place)
        self.rules[_Text] = self._text
        if node.op == "..":
            self._join([stand_in, Paren(node.value.at, node.value)], self._concat_operand)
            return
        binary = Binary(node.at, node.op, stand_in, Paren(node.value.at, node.value))
        if isinstance(node.value, (Number, Name)):
            binary.right = node.value
        self._binary(binary)

    def _text(self, node: _Text) -> None:
        self.write(node.text)

    # Strings with holes, and conditions -----------------------------------------------------------------

    def _interpolation(self, node: Interpolation) -> None:
        self.sync(node.at)
        pieces = [quote(string_value(piece)) for piece in node.pieces]
        if not node.holes:
            self.write(pieces[0])
            return
        operands: list[Node] = [_Text(node.at, pieces[0])]
        for hole, piece in zip(node.holes, pieces[1:], strict=True):
            operands.append(hole)
            if piece != '""':
                operands.append(_Text(hole.at, piece))
        self.rules[_Text] = self._text
        self._join(operands, self._hole)

    def _hole(self, node: Node) -> None:
        if isinstance(node, (_Text, String)):
            self.expression(node)
            return
        self.write(self.helper("str") + "(")
        self.expression(node)
        self.write(")")

    def _if_expression(self, node: IfExpression) -> None:
        # `c and a or b` is lazy and needs no closure; `box` keeps a false or nil `a` true until `unbox`.
        boxed = [not isinstance(value, _LITERALS) or _is_false(value) for _, value in node.clauses]
        self.write((self.helper("unbox") if any(boxed) else "") + "(")
        for (condition, value), is_boxed in zip(node.clauses, boxed, strict=True):
            self.write("(")
            self.expression(condition)
            self.write(") and ")
            self.write(self.helper("box") + "(" if is_boxed else "")
            self.expression(value)
            self.write(")" if is_boxed else "")
            self.write(" or ")
        self._otherwise(node.otherwise)
        self.write(")")

    def _otherwise(self, node: Node) -> None:
        if isinstance(node, (Binary, Concat, Unary)):
            self.write("(")
            self.expression(node)
            self.write(")")
        else:
            self.expression(node)


class _Text(Node):
    """Text already written by the emitter, where an operand could stand."""

    __slots__ = ("text",)

    def __init__(self, at: int, text: str) -> None:
        super().__init__(at)
        self.text = text


def _is_false(node: Node) -> bool:
    return isinstance(node, Constant) and node.text != "true"
