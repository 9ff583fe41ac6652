"""Random Luau: token streams, mutated sources, and well-typed programs that end and print what they did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

__all__ = ["Program", "mutated", "seeds", "token_stream"]

_DATA = Path(__file__).parents[1] / "data"
_TOKENS = [
    "and",
    "break",
    "do",
    "else",
    "elseif",
    "end",
    "false",
    "for",
    "function",
    "if",
    "in",
    "local",
    "nil",
    "not",
    "or",
    "repeat",
    "return",
    "then",
    "true",
    "until",
    "while",
    "continue",
    "const",
    "type",
    "export",
    "typeof",
    "goto",
    "x",
    "y",
    "z",
    "t",
    "self",
    "_ENV",
    "...",
    "..",
    ".",
    ",",
    ";",
    ":",
    "::",
    "->",
    "=",
    "==",
    "~=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "^",
    "#",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "+=",
    "-=",
    "*=",
    "/=",
    "//=",
    "%=",
    "^=",
    "..=",
    "|",
    "&",
    "?",
    "@",
    "@native",
    "<<",
    ">>",
    "1",
    "0",
    "2.5",
    "1e3",
    "0x1F",
    "0b11",
    ".5",
    "1_000",
    "'a'",
    '"b"',
    "[[c]]",
    "`d`",
    "`e{",
    "}f`",
    "}g{",
    "[=[",
    "]=]",
    "--[[",
    "]]",
    "--",
    "\n",
    "\t",
    "\\",
    "'",
    '"',
    "`",
    "number",
    "string",
    "any",
    "<T>",
    "<T...>",
    "__tw_n",
    "\x00",
    "é",
]


def seeds() -> list[str]:
    """Return the sources that mutation begins from."""
    sections = [
        section
        for table in ("constructs.txt", "library.txt")
        for section in (_DATA / "lua" / table).read_text().split("\n=== ")[1:]
    ]
    plugins = [path.read_text() for path in sorted((_DATA / "plugins").glob("*.luau"))]
    return plugins + [section.partition("\n")[2].partition("\n--- ")[0] for section in sections]


def token_stream(rng: Random) -> str:
    """Return up to 60 tokens in any order."""
    return " ".join(rng.choice(_TOKENS) for _ in range(rng.randint(1, 60)))


def mutated(rng: Random, sources: list[str]) -> str:
    """Return a source with a few pieces cut, doubled, moved, swapped with another's or replaced."""
    text = rng.choice(sources)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((1, 1, 2, 5, 20, 80)))
        piece = text[start:end]
        action = rng.randrange(6)
        if action == 0:
            text = text[:start] + text[end:]
        elif action == 1:
            text = text[:end] + piece + text[end:]
        elif action == 2:
            at = rng.randrange(len(text) + 1)
            text = text[:at] + piece + text[at:]
        elif action == 3:
            other = rng.choice(sources)
            at = rng.randrange(len(other) + 1)
            text = text[:start] + other[at : at + len(piece)] + text[end:]
        elif action == 4:
            text = text[:start] + rng.choice(_TOKENS) + text[end:]
        else:
            text = text[:start] + piece * rng.choice((3, 10, 70)) + text[end:]
    return text[:20_000]


class Program:
    """Write one program; every loop is bounded, every value has a type, and `out` collects what happened.

    The same program must give the same text on both engines.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.numbers: list[str] = ["n0"]
        self.strings: list[str] = ["s0"]
        self.count = 0
        self.loops = 0

    def source(self) -> str:
        """Return the program."""
        body = "\n".join(self.statement(3) for _ in range(self.rng.randint(3, 9)))
        return f"local out = {{}}\nlocal n0: number, s0 = 3, 'seed'\n{body}\nreturn table.concat(out, '|')"

    def fresh(self, kind: str) -> str:
        """Return a new variable's name."""
        self.count += 1
        return f"{kind}{self.count}"

    def number(self, depth: int) -> str:
        """Return an expression that is a number."""
        rng = self.rng
        if depth <= 0 or rng.random() < 0.25:
            return rng.choice([rng.choice(self.numbers), str(rng.randint(0, 20)), "0.5", "1e3", "0x1F", "-2.25", "1_0"])
        a, b, c = self.number(depth - 1), self.number(depth - 1), self.boolean(depth - 1)
        return rng.choice(
            [
                f"({a} + {b})",
                f"({a} - {b})",
                f"{a} * {b}",
                f"({a} / {b})",
                f"({a} // {b})",
                f"({a} % {b})",
                f"(({a}) ^ 2)",
                f"-({a})",
                f"(if {c} then {a} else {b})",
                f"(if {c} then {a} elseif not {c} then {b} else {a})",
                f"#{self.text(depth - 1)}",
                f"math.floor({a})",
                f"math.clamp({a}, -5, 5)",
                f"math.sign({a})",
                f"(({self.text(depth - 1)}):find('a') or {b})",
                f"({self.text(depth - 1)}):len()",
                f"(utf8.len('ab') * {a})",
                f"(math.modf({a}))",
                f"(({a}) * ({a}) * ({a}))",
                f"math.round({a})",
                f"bit32.band({a}, 255)",
                f"(({a}) :: number)",
                f"(tonumber(tostring({a})) or 7)",
                f"select('#', {a}, {b})",
                f"(function(...): number return (...) end)({a}, {b})",
            ]
        )

    def text(self, depth: int) -> str:
        """Return an expression that is a string, in parentheses."""
        rng = self.rng
        if depth <= 0 or rng.random() < 0.3:
            return rng.choice([f"({rng.choice(self.strings)})", "('x')", '("a\\tb")', "([[long]])", "(`plain`)"])
        a, b, n = self.text(depth - 1), self.text(depth - 1), self.number(depth - 1)
        return rng.choice(
            [
                f"({a} .. {b})",
                f"({n} .. {a})",
                f"({a} .. {n} .. {b})",
                f"(`<{{{n}}}{{{a}}}>`)",
                f"({a}):sub(1, 4)",
                f"({a}):upper()",
                f"(if {self.boolean(depth - 1)} then {a} else {b})",
                f"(tostring({n}))",
                f"(string.format('%5.2f|%s', {n}, {a}))",
                f"(table.concat(({a}):split('a'), '-'))",
            ]
        )

    def boolean(self, depth: int) -> str:
        """Return an expression that is true or false."""
        rng = self.rng
        if depth <= 0 or rng.random() < 0.2:
            return rng.choice(["true", "false", f"({rng.choice(self.numbers)} > 1)"])
        a, b = self.number(depth - 1), self.number(depth - 1)
        return rng.choice(
            [
                f"({a} < {b})",
                f"({a} >= {b})",
                f"({a} == {b})",
                f"({self.text(depth - 1)} ~= {self.text(depth - 1)})",
                f"(not {self.boolean(depth - 1)})",
                f"({self.boolean(depth - 1)} and {self.boolean(depth - 1)})",
                f"({self.boolean(depth - 1)} or {self.boolean(depth - 1)})",
            ]
        )

    def block(self, depth: int) -> str:
        """Return statements whose locals end with the block."""
        numbers, strings = list(self.numbers), list(self.strings)
        body = " ".join(self.statement(depth - 1) for _ in range(self.rng.randint(1, 3)))
        self.numbers, self.strings = numbers, strings
        return body

    def statement(self, depth: int) -> str:
        """Return one statement."""
        simple: list[Callable[[int], str]] = [self._local, self._assign, self._compound, self._print, self._table]
        nested: list[Callable[[int], str]] = [
            self._if,
            self._for,
            self._while,
            self._repeat,
            self._each,
            self._function,
        ]
        rules = simple + nested if depth > 0 else simple
        return self.rng.choice(rules)(min(depth, 2)) + self.rng.choice([";", "\n", " "])

    def _local(self, depth: int) -> str:
        if self.rng.random() < 0.5:
            value, name = self.number(depth), self.fresh("n")
            self.numbers.append(name)
            return f"local {name}: number = {value}"
        value, name = self.text(depth), self.fresh("s")
        self.strings.append(name)
        return f"local {name} = {value}"

    def _assign(self, depth: int) -> str:
        return f"{self.rng.choice(self.numbers)} = {self.number(depth)}"

    def _compound(self, depth: int) -> str:
        if self.rng.random() < 0.3:
            name = self.rng.choice(self.strings)
            return f"{name} ..= {self.text(0)} {name} = {name}:sub(1, 40)"
        op = self.rng.choice(["+=", "-=", "*=", "/=", "//=", "%="])
        return f"{self.rng.choice(self.numbers)} {op} {self.number(depth)}"

    def _print(self, depth: int) -> str:
        value = self.rng.choice([self.number, self.text, self.boolean])(depth)
        return f"out[#out + 1] = tostring({value}):sub(1, 60)"

    def _table(self, depth: int) -> str:
        name, value = self.fresh("t"), self.number(depth)
        op = self.rng.choice(["+=", "*=", "-=", "//="])
        return (
            f"local {name} = {{ {value}, k = {self.number(1)}, {self.number(1)} }} {name}.k {op} {self.number(1)} "
            f"{name}[#{name}] += 1 for k, v in {name} do out[#out + 1] = k .. '=' .. v end"
        )

    def _if(self, depth: int) -> str:
        other = f"elseif {self.boolean(1)} then {self.block(depth)} else {self.block(depth)}"
        return f"if {self.boolean(depth)} then {self.block(depth)} {other} end"

    def _loop_body(self, depth: int) -> str:
        leave = self.rng.choice(["", f"if {self.boolean(1)} then continue end", f"if {self.boolean(1)} then break end"])
        return f"{self.block(depth)} {leave} {self.block(depth - 1)}"

    def _for(self, depth: int) -> str:
        name = self.fresh("n")
        step = self.rng.choice(["", ", 1", ", 0.5", ", 2"])
        self.numbers.append(name)
        body = self._loop_body(depth)
        self.numbers.remove(name)
        return f"for {name} = {self.rng.randint(-2, 2)}, {self.rng.randint(-1, 4)}{step} do {body} end"

    def _while(self, depth: int) -> str:
        name = self.fresh("i")
        return f"local {name} = 0 while {name} < 3 do {name} += 1 {self._loop_body(depth)} end"

    def _repeat(self, depth: int) -> str:
        name = self.fresh("i")
        return f"local {name} = 0 repeat {name} += 1 {self._loop_body(depth)} until {name} >= 3 or {self.boolean(1)}"

    def _each(self, depth: int) -> str:
        name = self.fresh("n")
        values = ", ".join(self.number(1) for _ in range(self.rng.randint(0, 3)))
        self.numbers.append(name)
        body = self._loop_body(depth)
        self.numbers.remove(name)
        form = self.rng.choice([f"_, {name} in {{ {values} }}", f"{name} in ipairs({{ {values} }})"])
        return f"for {form} do {body} end"

    def _function(self, depth: int) -> str:
        name, argument = self.fresh("f"), self.fresh("n")
        self.numbers.append(argument)
        body = f"{self.block(depth)} return {self.number(depth)}"
        self.numbers.remove(argument)
        call = f"out[#out + 1] = {name}({self.number(1)}) .. ''"
        return f"local function {name}({argument}: number): number {body} end {call}"
