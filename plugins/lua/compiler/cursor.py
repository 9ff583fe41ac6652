"""The parser's hands: the current token, expectations, errors, and the cap on nesting."""

from __future__ import annotations

from tickwright.plugins.lua.compiler.errors import CompileError
from tickwright.plugins.lua.compiler.lexer import column_of
from tickwright.plugins.lua.compiler.scopes import FunctionScope
from tickwright.plugins.lua.compiler.tokens import Kind, Tokens

__all__ = ["MAX_DEPTH", "Cursor"]

# The targets' parsers stop at 200 levels, and one level here becomes at most three there.
MAX_DEPTH = 60
_NAME = Kind.NAME
# Doubled, these are operators elsewhere.
_OTHER_LANGUAGES = {"&": "'and'", "|": "'or'", "+": "'+= 1'"}


class Cursor:
    """Walk over tokens; `tok` is the current text and `at` its index."""

    def __init__(self, tokens: Tokens, *, max_upvalues: int) -> None:
        self.tokens = tokens
        self.texts = tokens.texts
        self.kinds = tokens.kinds
        self.at = 0
        self.tok = tokens.texts[0]
        self.depth = 0
        self.order = 0
        self.labels = 0
        self.max_upvalues = max_upvalues
        self.function = FunctionScope(None, is_vararg=True)

    def fail(self, what: str, at: int | None = None, *, expected: str = "", todo: str = "") -> CompileError:
        """Return the error at token `at` (the current one by default)."""
        at = self.at if at is None else at
        tokens = self.tokens
        return CompileError(
            what,
            source=tokens.source,
            file=tokens.file,
            line=tokens.lines[at],
            column=column_of(tokens.source, tokens.starts[at]),
            expected=expected,
            todo=todo,
        )

    def unexpected(self, expected: str) -> CompileError:
        """Return the error for a token that cannot stand here."""
        if self.kinds[self.at] == Kind.EOF:
            return self.fail("the file ends too early", expected=expected)
        if self.tok in _OTHER_LANGUAGES and self.tok in (
            self.peek() if self.adjacent() else "",
            self.texts[self.at - 1],
        ):
            return self.fail(f"'{self.tok * 2}' is not an operator", expected=_OTHER_LANGUAGES[self.tok])
        text = self.tok if len(self.tok) <= 40 else self.tok[:40] + "..."
        return self.fail(f"unexpected {text!r}", expected=expected)

    def skip(self) -> None:
        """Go to the next token; EOF stays."""
        if self.at + 1 < len(self.texts):
            self.at += 1
            self.tok = self.texts[self.at]

    def expect(self, text: str) -> int:
        """Pass `text` and return where it stood."""
        if self.tok != text:
            raise self.unexpected(f"'{text}'")
        at = self.at
        self.skip()
        return at

    def close(self, text: str, opened: int) -> int:
        """Pass the closing `text` of what token `opened` began."""
        if self.tok != text:
            line = self.tokens.lines[opened]
            raise self.unexpected(f"'{text}' to close '{self.texts[opened]}' of line {line}")
        at = self.at
        self.skip()
        return at

    def accept(self, text: str) -> bool:
        """Pass `text` if it is next."""
        if self.tok != text:
            return False
        self.skip()
        return True

    def name(self, what: str = "a name") -> str:
        """Pass a name and return it."""
        if self.kinds[self.at] != _NAME:
            raise self.unexpected(what)
        text = self.tok
        self.at += 1
        self.tok = self.texts[self.at]
        return text

    def peek(self, ahead: int = 1) -> str:
        """Return a later token's text, EOF's past the end."""
        return self.texts[min(self.at + ahead, len(self.texts) - 1)]

    def is_name(self, ahead: int = 0) -> bool:
        """Say whether the token `ahead` is a name."""
        return self.kinds[min(self.at + ahead, len(self.texts) - 1)] == _NAME

    def adjacent(self) -> bool:
        """Say whether no space stands between this token and the next."""
        starts = self.tokens.starts
        return self.at + 1 < len(starts) and starts[self.at + 1] == starts[self.at] + len(self.tok)

    def deeper(self) -> None:
        """Enter one more level; the caller leaves it by `self.depth -= 1`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"nested more than {MAX_DEPTH} deep", todo="move the inner part into a local or a function")

    def text_between(self, first: int, last: int) -> str:
        """Return the source from token `first` up to, not including, token `last`."""
        starts = self.tokens.starts
        return self.tokens.source[starts[first] : starts[last - 1] + len(self.texts[last - 1])] if last > first else ""
