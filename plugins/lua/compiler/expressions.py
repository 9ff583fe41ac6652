"""The grammar of expressions."""

from __future__ import annotations

from tickwright.plugins.lua.compiler.literals import BadLiteralError, number_value, string_value
from tickwright.plugins.lua.compiler.nodes import (
    Binary,
    Call,
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
from tickwright.plugins.lua.compiler.scopes import resolve
from tickwright.plugins.lua.compiler.tokens import Kind
from tickwright.plugins.lua.compiler.types import TypeSyntax

__all__ = ["ExpressionSyntax"]

# Operator -> (left binding power, right binding power); right-associative where the right one is smaller.
_BINARY = {
    "or": (1, 1),
    "and": (2, 2),
    "<": (3, 3),
    ">": (3, 3),
    "<=": (3, 3),
    ">=": (3, 3),
    "==": (3, 3),
    "~=": (3, 3),
    "..": (5, 5),
    "+": (6, 6),
    "-": (6, 6),
    "*": (7, 7),
    "/": (7, 7),
    "//": (7, 7),
    "%": (7, 7),
    "^": (10, 9),
}
_UNARY_POWER = 8
_ATTRIBUTES = ("checked", "debugnoinline", "deprecated", "inline", "native")
_EMPTY = (-1, -1)
# Each becomes a call inside the next one's arguments, and the targets nest at most 200 deep.
_MAX_DIVISIONS = 50
_MAX_VALUES = 200
_SPLIT = "put a part of it into a local"


class ExpressionSyntax(TypeSyntax):
    """Parse expressions to nodes."""

    def function_body(self, at: int, *, has_self: bool = False) -> Function:
        """Parse from the parameters to `end`; statements do it."""
        raise NotImplementedError

    def expression(self, limit: int = 0) -> Node:
        """Parse an expression whose operators bind tighter than `limit`."""
        self.deeper()
        at, tok = self.at, self.tok
        if tok == "not" or tok == "-" or tok == "#":
            self.skip()
            left: Node = Unary(at, tok, self.expression(_UNARY_POWER))
        else:
            left = self._cast()
        divisions = 0
        while True:
            op = self.tok
            power, right_power = _BINARY.get(op, _EMPTY)
            if power <= limit:
                self.depth -= 1
                return left
            at = self.at
            self.skip()
            right = self.expression(right_power)
            if op in ("%", "//"):
                divisions += 1
                if divisions > _MAX_DIVISIONS:
                    raise self.fail(f"more than {_MAX_DIVISIONS} '%' and '//' in one chain", at, todo=_SPLIT)
            if op != "..":
                left = Binary(at, op, left, right)
            elif isinstance(left, Concat):
                left.operands.append(right)
            else:
                left = Concat(at, [left, right])

    def expression_list(self) -> list[Node]:
        """Parse one or more expressions between commas."""
        values = [self.expression()]
        while self.tok == ",":
            self.skip()
            values.append(self.expression())
        if len(values) > _MAX_VALUES:
            raise self.fail(f"more than {_MAX_VALUES} values in one list", todo="put them into a table")
        return values

    def _cast(self) -> Node:
        node = self._simple()
        while self.tok == "::":
            self.skip()
            self.type_()
            if isinstance(node, (Call, MethodCall, Varargs)):  # a cast is one value
                node = Paren(node.at, node)
        return node

    def _simple(self) -> Node:
        at, tok, kind = self.at, self.tok, self.kinds[self.at]
        if kind == Kind.NAME or tok == "(":
            return self.suffixed()
        if kind == Kind.STRING:
            self.skip()
            return self._string(at, tok)
        if kind == Kind.NUMBER:
            self.skip()
            return Number(at, self._number(at, tok))
        if tok == "nil" or tok == "true" or tok == "false":
            self.skip()
            return Constant(at, tok)
        if tok == "{":
            return self._table()
        if tok == "function" or tok == "@":
            self.attributes()
            return self.function_body(self.expect("function"))
        if tok == "if":
            return self._if_expression()
        if tok == "...":
            self.skip()
            if not self.function.is_vararg:
                raise self.fail(
                    "'...' outside a function that takes it", at, todo="add '...' to the function's parameters"
                )
            return Varargs(at, self.function.parent is None)
        if kind in (Kind.INTERP_BEGIN, Kind.INTERP_WHOLE):
            return self._interpolation()
        raise self.unexpected("an expression")

    def _number(self, at: int, text: str) -> float:
        try:
            return number_value(text)
        except ValueError:
            raise self.fail(f"malformed number '{text}'", at) from None

    def _string(self, at: int, text: str) -> String:
        if "\\" in text and text[0] != "[":
            try:
                string_value(text)
            except BadLiteralError as problem:
                raise self.fail(str(problem), at) from None
        return String(at, text)

    def _interpolation(self) -> Interpolation:
        node = Interpolation(self.at, [], [])
        whole = self.kinds[self.at] == Kind.INTERP_WHOLE
        node.pieces.append(self._string(self.at, self.tok).text)
        self.skip()
        while not whole:
            if self.kinds[self.at] in (Kind.INTERP_MIDDLE, Kind.INTERP_END):
                raise self.unexpected("an expression inside the braces")
            node.holes.append(self.expression())
            kind = self.kinds[self.at]
            if kind not in (Kind.INTERP_MIDDLE, Kind.INTERP_END):
                raise self.unexpected("'}' of the interpolated string")
            whole = kind == Kind.INTERP_END
            node.pieces.append(self._string(self.at, self.tok).text)
            self.skip()
        return node

    def _if_expression(self) -> IfExpression:
        at = self.expect("if")
        clauses = []
        while True:
            condition = self.expression()
            self.expect("then")
            clauses.append((condition, self.expression()))
            if not self.accept("elseif"):
                break
        self.expect("else")
        return IfExpression(at, clauses, self.expression())

    def _table(self) -> Table:
        at = self.expect("{")
        items: list[tuple[Node | None, Node]] = []
        while self.tok != "}":
            key: Node | None = None
            if self.tok == "[":
                bracket = self.expect("[")
                key = self.expression()
                self.close("]", bracket)
                self.expect("=")
            elif self.is_name() and self.peek() == "=":
                key = String(self.at, f'"{self.tok}"')
                self.skip()
                self.skip()
            items.append((key, self.expression()))
            if not (self.accept(",") or self.accept(";")):
                break
        return Table(at, items, self.close("}", at))

    def suffixed(self) -> Node:
        """Parse a name or a parenthesis and the indexing and calls after it."""
        node = self._prefix()
        first, length = self.at, 0
        while True:
            at, tok, kind = self.at, self.tok, self.kinds[self.at]
            if tok == ".":
                self.skip()
                name = self.name("a field's name")
                node = Index(at + 1, node, String(at + 1, f'"{name}"'), name)
            elif tok == "[":
                self.skip()
                key = self.expression()
                self.close("]", at)
                node = Index(at, node, key)
            elif tok == "(" or tok == "{" or kind == Kind.STRING or kind in (Kind.INTERP_BEGIN, Kind.INTERP_WHOLE):
                node = Call(at, node, self._arguments())
            elif tok == ":":
                self.skip()
                name = self.name("a method's name")
                self._instantiation()
                node = MethodCall(at + 1, node, name, self._arguments())
            elif tok == "<" and self.peek() == "<" and self.adjacent():
                self._instantiation()
            else:
                return node
            length += 1
            if length > 200:
                raise self.fail(
                    "more than 200 calls and fields in one chain", first, todo="put a part of it into a local"
                )

    def _instantiation(self) -> None:
        if self.tok == "<" and self.peek() == "<" and self.adjacent():
            opened = self.expect("<")
            self.generic_arguments()
            self.close(">", opened)

    def _prefix(self) -> Node:
        at = self.at
        if self.kinds[at] == Kind.NAME:
            name = self.tok
            self.at = at + 1
            self.tok = self.texts[at + 1]
            return Name(at, name, self.lookup(name, at))
        opened = self.expect("(")
        inner = self.expression()
        self.close(")", opened)
        return Paren(at, inner)

    def lookup(self, name: str, at: int) -> bool:
        """Say whether `name` is a local here; refuse one more captured variable than the target can hold."""
        function = self.function
        if name in function.blocks[-1]:
            return True
        binding = resolve(function, name)
        if binding is not None and len(function.captured) > self.max_upvalues:
            todo = "group some of them into a table"
            raise self.fail(
                f"one function uses more than {self.max_upvalues} variables of the functions around it", at, todo=todo
            )
        return binding is not None

    def _arguments(self) -> list[Node]:
        at, tok, kind = self.at, self.tok, self.kinds[self.at]
        if tok == "(":
            if self.tokens.lines[at] != self.tokens.lines[at - 1]:
                what = "a '(' at the start of a line could be a call or a new statement"
                raise self.fail(what, todo="end the line above with ';' or move the '(' up")
            self.skip()
            values = [] if self.tok == ")" else self.expression_list()
            self.close(")", at)
            return values
        if tok == "{":
            return [self._table()]
        if kind == Kind.STRING:
            self.skip()
            return [self._string(at, tok)]
        if kind in (Kind.INTERP_BEGIN, Kind.INTERP_WHOLE):
            return [self._interpolation()]
        raise self.unexpected("the arguments of a call")

    def attributes(self) -> None:
        """Pass `@native`, `@[deprecated {...}]` and so on: they tell Luau's own compiler something."""
        while self.tok == "@":
            self.skip()
            if self.tok != "[":
                self._attribute()
                continue
            opened = self.expect("[")
            while self.tok != "]":
                self._attribute()
                if self.tok in ("{", "(") or self.kinds[self.at] == Kind.STRING:
                    self._arguments()
                if not self.accept(","):
                    break
            self.close("]", opened)

    def _attribute(self) -> None:
        at = self.at
        name = self.name("an attribute's name")
        if name not in _ATTRIBUTES:
            raise self.fail(f"unknown attribute '@{name}'", at, expected=", ".join("@" + a for a in _ATTRIBUTES))
