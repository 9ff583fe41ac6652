"""Luau source to tokens: one compiled pattern, one loop."""

from __future__ import annotations

import re

from tickwright.plugins.lua.compiler.errors import CompileError
from tickwright.plugins.lua.compiler.tokens import KEYWORDS, Kind, Tokens

__all__ = ["RESERVED_PREFIX", "column_of", "tokenize"]

# Names the emitted code uses for itself: a plugin that could say them could refill its own fuel.
RESERVED_PREFIX = "__tw_"

_TOKEN = re.compile(
    r"""[ \t\r\f\v]*(?:
    (\n\s*)                                                                  # 1 line ends
    |([A-Za-z_][A-Za-z0-9_]*)                                                # 2 name
    |("(?:[^"\\\n]++|\\[^\n\rz])*+"|'(?:[^'\\\n]++|\\[^\n\rz])*+')           # 3 string on one line, tried once
    |(--(?!\[=*\[)[^\n]*)                                                    # 4 comment
    |(0[xX][0-9a-fA-F_]+|0[bB][01_]+|(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?) # 5
    |(--\[=*\[|\[=*\[|["'`])                                                 # 6 needs a second look
    |(\.\.\.|\.\.=|//=|[<>=~]=|::|->|[-+*/%^]=|\.\.|//|[-+*/%^\#<>=()\[\];:,.|&?@]) # 7 operator
    |([{}])                                                                  # 8 brace
    |(\Z)                                                                    # 9 end
    )""",
    re.VERBOSE,
)
_NAME, _STRING, _COMMENT, _NUMBER, _SPECIAL, _OPERATOR, _BRACE, _END = 2, 3, 4, 5, 6, 7, 8, 9
_KIND_OF = {_NAME: 1, _STRING: 3, _NUMBER: 2, _OPERATOR: 4, _BRACE: 4, _END: 0}
_WORD = re.compile(r"[A-Za-z0-9_]")
_SPACES = re.compile(r"\s*")


def column_of(source: str, start: int) -> int:
    """Return the 1-based column of a position."""
    return start - source.rfind("\n", 0, start)


def tokenize(source: str, *, file: str) -> Tokens:
    """Split `source` into tokens.

    Raises:
        CompileError: an unfinished string or comment, a malformed number, a character Luau does not know.

    Cost: O(len(source)).
    """
    return _Lexer(source, file).run()


class _Lexer:
    def __init__(self, source: str, file: str) -> None:
        self.source = source
        self.tokens = Tokens(source, file)
        self.line = 1
        self.braces: list[str] = []  # "`" for a hole of a backtick string, "{" for a table inside one

    def fail(self, what: str, start: int, *, expected: str = "", todo: str = "") -> CompileError:
        line = self.source.count("\n", 0, start) + 1
        column = column_of(self.source, start)
        return CompileError(
            what, source=self.source, file=self.tokens.file, line=line, column=column, expected=expected, todo=todo
        )

    def run(self) -> Tokens:
        source, match, keywords, kind_of = self.source, _TOKEN.match, KEYWORDS, _KIND_OF
        kinds, texts, starts, lines = self.tokens.kinds, self.tokens.texts, self.tokens.starts, self.tokens.lines
        at = 0
        if source.startswith("#"):  # a shebang line
            at = len(source) if "\n" not in source else source.index("\n")
        while True:
            found = match(source, at)
            if found is None:
                raise self._unknown(at)
            group = found.lastindex or 0
            text = found.group(group)
            at = found.end()
            if group == 1:
                self.line += text.count("\n")
                continue
            if group == _COMMENT:
                continue
            start = at - len(text)
            if group == _SPECIAL:
                at = self._special(text, start)
                continue
            if group == _BRACE and self.braces and self._closes_hole(text):
                at = self._interpolation(start, Kind.INTERP_MIDDLE, Kind.INTERP_END)
                continue
            kinds.append(5 if group == _NAME and text in keywords else kind_of[group])
            texts.append(text)
            starts.append(start)
            lines.append(self.line)
            if group in (_NUMBER, _NAME):
                self._check_word(group, text, start, at)
            elif group == _END:
                return self._finish(start)

    def _finish(self, start: int) -> Tokens:
        if self.braces:
            raise self.fail("unfinished interpolated string", start, expected="'}' and a closing backtick")
        return self.tokens

    def _check_word(self, group: int, text: str, start: int, end: int) -> None:
        if group == _NAME:
            if text.startswith(RESERVED_PREFIX):
                todo = f"choose a name that does not begin with '{RESERVED_PREFIX}'"
                raise self.fail(f"the name '{text}' is reserved", start, todo=todo)
        elif _WORD.match(self.source, end) or not any(c.isalnum() for c in text[2:] or text):
            raise self.fail(f"malformed number '{text}'", start)

    def _unknown(self, at: int) -> CompileError:
        while self.source[at] in " \t\r\f\v":
            at += 1
        char = self.source[at]
        if char == "!" and self.source[at : at + 2] == "!=":
            return self.fail("'!=' is not an operator", at, expected="'~='")
        if char == "!":
            return self.fail("'!' is not an operator", at, expected="'not'")
        return self.fail(f"unexpected character {char!r}", at)

    def _push(self, kind: Kind, text: str, start: int) -> None:
        tokens = self.tokens
        tokens.kinds.append(kind)
        tokens.texts.append(text)
        tokens.starts.append(start)
        tokens.lines.append(self.line)
        self.line += self.source.count("\n", start, start + len(text))

    def _special(self, text: str, start: int) -> int:
        if text == "`":
            return self._interpolation(start, Kind.INTERP_BEGIN, Kind.INTERP_WHOLE)
        if text in "\"'":
            end = self._string_end(start + 1, text, "unfinished string")
            self._push(Kind.STRING, self.source[start : end + 1], start)
            return end + 1
        is_comment = text.startswith("--")
        close = "]" + "=" * text.count("=") + "]"
        end = self.source.find(close, start + len(text))
        if end < 0:
            raise self.fail(
                "unfinished comment" if is_comment else "unfinished long string", start, expected=f"'{close}'"
            )
        end += len(close)
        if is_comment:
            self.line += self.source.count("\n", start, end)
        else:
            self._push(Kind.STRING, self.source[start:end], start)
        return end

    def _string_end(self, at: int, stops: str, problem: str) -> int:
        """Return where one of `stops` stands unescaped, from `at`; a bare line end is an error."""
        source, begin = self.source, at
        while at < len(source):
            char = source[at]
            if char in stops:
                return at
            if char == "\n":
                break
            if char != "\\":
                at += 1
            elif source.startswith("z", at + 1):
                spaces = _SPACES.match(source, at + 2)
                assert spaces is not None
                at = spaces.end()
            elif source.startswith("u{", at + 1):
                at += 3
            else:
                at += 3 if source.startswith("\r\n", at + 1) else 2
        raise self.fail(problem, begin - 1, expected=f"a closing {stops[0]}")

    def _closes_hole(self, brace: str) -> bool:
        if brace == "{":
            self.braces.append("{")
        elif self.braces[-1] == "`":
            return True
        else:
            self.braces.pop()
        return False

    def _interpolation(self, start: int, opening: Kind, closing: Kind) -> int:
        end = self._string_end(start + 1, "`{", "unfinished interpolated string")
        text = self.source[start : end + 1]
        if self.source[end] == "{":
            if self.source.startswith("{", end + 1):
                raise self.fail(
                    "double braces in an interpolated string", end, expected="'\\{' for a brace of the text"
                )
            self._push(opening, text, start)
            if opening is Kind.INTERP_BEGIN:
                self.braces.append("`")
        else:
            self._push(closing, text, start)
            if closing is Kind.INTERP_END:
                self.braces.pop()
        return end + 1
