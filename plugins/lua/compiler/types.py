"""Type syntax: read to its end and dropped, since types are erased."""

from __future__ import annotations

from tickwright.plugins.lua.compiler.cursor import Cursor
from tickwright.plugins.lua.compiler.nodes import Node
from tickwright.plugins.lua.compiler.tokens import Kind

__all__ = ["TypeSyntax"]


class TypeSyntax(Cursor):
    """The grammar of types, over a cursor."""

    def expression(self, limit: int = 0) -> Node:
        """Parse an expression; here for `typeof(...)`, which is the one type that holds one."""
        raise NotImplementedError

    def annotation(self) -> str:
        """Pass `: Type` if it is there and return the type's text."""
        if self.tok != ":":
            return ""
        self.skip()
        first = self.at
        self.type_or_pack()
        return self.text_between(first, self.at)

    def type_(self) -> None:
        """Pass a type: a union or intersection, perhaps with a leading bar."""
        self.deeper()
        if self.tok in ("|", "&"):
            self.skip()
        self._postfixed()
        while self.tok in ("|", "&"):
            self.skip()
            self._postfixed()
        self.depth -= 1

    def type_or_pack(self) -> None:
        """Pass a type, `...T`, or a generic pack `T...`."""
        if self.accept("..."):
            self.type_()
        elif self.is_name() and self.peek() == "...":
            self.skip()
            self.skip()
        else:
            self.type_()

    def generic_parameters(self) -> None:
        """Pass `<T, U..., V = number>`."""
        opened = self.expect("<")
        while self.tok != ">":
            self.name("a type parameter")
            self.accept("...")
            if self.accept("="):
                self.type_or_pack()
            self._split_greater_equal()
            if not self.accept(","):
                break
        self.close(">", opened)

    def generic_arguments(self) -> None:
        """Pass `<number, ...string, T...>`."""
        opened = self.expect("<")
        while self.tok != ">":
            self.type_or_pack()
            self._split_greater_equal()
            if not self.accept(","):
                break
        self.close(">", opened)

    def _split_greater_equal(self) -> None:
        # `type A<T>= B`: the lexer cannot know that these are two tokens.
        if self.tok == ">=":
            tokens, at = self.tokens, self.at
            tokens.texts[at : at + 1] = [">", "="]
            tokens.kinds.insert(at, Kind.OP)
            tokens.starts.insert(at + 1, tokens.starts[at] + 1)
            tokens.lines.insert(at, tokens.lines[at])
            self.tok = ">"

    def _postfixed(self) -> None:
        self._primary()
        while self.tok == "?":
            self.skip()

    def _primary(self) -> None:
        kind, tok = self.kinds[self.at], self.tok
        if kind == Kind.NAME:
            self._named()
        elif kind in (Kind.STRING, Kind.INTERP_WHOLE) or tok in ("nil", "true", "false"):
            self.skip()
        elif tok == "{":
            self._table_type()
        elif tok in ("(", "<"):
            self._function_type()
        else:
            raise self.unexpected("a type")

    def _named(self) -> None:
        name = self.name()
        if name == "typeof" and self.tok == "(":
            opened = self.expect("(")
            self.expression()
            self.close(")", opened)
            return
        while self.accept("."):
            self.name("a type's name")
        if self.tok == "<":
            self.generic_arguments()

    def _table_type(self) -> None:
        opened = self.expect("{")
        while self.tok != "}":
            if self.tok in ("read", "write") and (self.is_name(1) or self.peek() == "["):
                self.skip()
            if self.tok == "[":
                bracket = self.expect("[")
                self.type_()
                self.close("]", bracket)
                self.expect(":")
            elif self.is_name() and self.peek() == ":":
                self.skip()
                self.skip()
            self.type_()
            if not (self.accept(",") or self.accept(";")):
                break
        self.close("}", opened)

    def _function_type(self) -> None:
        if self.tok == "<":
            self.generic_parameters()
        opened = self.expect("(")
        while self.tok != ")":
            if self.is_name() and self.peek() == ":":
                self.skip()
                self.skip()
            self.type_or_pack()
            if not self.accept(","):
                break
        self.close(")", opened)
        if self.accept("->"):
            self.type_or_pack()
