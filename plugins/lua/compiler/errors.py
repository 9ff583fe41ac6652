"""What the compiler says when a source cannot be compiled."""

from __future__ import annotations

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["CompileError", "source_line"]


def source_line(source: str, line: int) -> str:
    """Return line number `line` (1-based) of `source`, or an empty string past its end."""
    lines = source.split("\n", line)
    return lines[line - 1].rstrip("\r") if len(lines) >= line else ""


class CompileError(TickwrightError):
    """A source that is not a Luau program, or uses what is refused by name.

    Attributes:
        file, line, column: the place, 1-based.
        source_line: that line's text; the message ends with it and a caret.
    """

    file: str
    line: int
    column: int
    source_line: str

    def __init__(
        self, what: str, *, source: str, file: str, line: int, column: int, expected: str = "", todo: str = ""
    ) -> None:
        super().__init__(
            what,
            where=f"{file}:{line}:{column}",
            expected=expected,
            todo=todo,
            file=file,
            line=line,
            column=column,
            source_line=source_line(source, line),
        )

    def __str__(self) -> str:
        text = self.source_line[:200].replace("\t", " ")
        margin, caret = " " * len(str(self.line)), " " * min(self.column - 1, 200) + "^"
        return f"{super().__str__()}\n  {self.line} | {text}\n  {margin} | {caret}"
