"""The syntax tree. Every node's `at` is the index of the token it is blamed on: that gives line and column.

Types leave no trace here except annotations of parameters, which the static checks read as text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "Assign",
    "Binary",
    "Block",
    "Break",
    "Call",
    "CallStatement",
    "Chunk",
    "Compound",
    "Concat",
    "Constant",
    "Continue",
    "Do",
    "ForIn",
    "ForNumeric",
    "Function",
    "FunctionStatement",
    "If",
    "IfExpression",
    "Index",
    "Interpolation",
    "Local",
    "LocalFunction",
    "MethodCall",
    "Name",
    "Node",
    "Number",
    "Paren",
    "Repeat",
    "Return",
    "String",
    "Table",
    "Unary",
    "Varargs",
    "While",
]


@dataclass(slots=True, eq=False)
class Node:
    """Something in the source, at token `at`."""

    at: int


# Expressions


@dataclass(slots=True, eq=False)
class Constant(Node):
    """`nil`, `true` or `false`."""

    text: str


@dataclass(slots=True, eq=False)
class Number(Node):
    """A number literal."""

    value: float


@dataclass(slots=True, eq=False)
class String(Node):
    """A string literal with its quotes."""

    text: str


@dataclass(slots=True, eq=False)
class Interpolation(Node):
    """A backtick string: literal pieces, with an expression between each two."""

    pieces: list[str]
    holes: list[Node]


@dataclass(slots=True, eq=False)
class Varargs(Node):
    """`...`; `in_chunk` when it is the file's own."""

    in_chunk: bool


@dataclass(slots=True, eq=False)
class Name(Node):
    """A variable; `is_local` says which kind."""

    name: str
    is_local: bool


@dataclass(slots=True, eq=False)
class Index(Node):
    """`base.name` (key is a String made of the name, `dotted`) or `base[key]`."""

    base: Node
    key: Node
    dotted: str = ""


@dataclass(slots=True, eq=False)
class Call(Node):
    """`function(arguments)`."""

    function: Node
    arguments: list[Node]


@dataclass(slots=True, eq=False)
class MethodCall(Node):
    """`base:name(arguments)`."""

    base: Node
    name: str
    arguments: list[Node]


@dataclass(slots=True, eq=False)
class Paren(Node):
    """`(inner)`: one value."""

    inner: Node


@dataclass(slots=True, eq=False)
class Unary(Node):
    """`-x`, `not x`, `#x`."""

    op: str
    operand: Node


@dataclass(slots=True, eq=False)
class Binary(Node):
    """`left op right`, every operator but `..`."""

    op: str
    left: Node
    right: Node


@dataclass(slots=True, eq=False)
class Concat(Node):
    """`a .. b .. c`."""

    operands: list[Node]


@dataclass(slots=True, eq=False)
class IfExpression(Node):
    """`if c then a elseif d then b else e`."""

    clauses: list[tuple[Node, Node]]
    otherwise: Node


@dataclass(slots=True, eq=False)
class Table(Node):
    """A table constructor: (key or None, value); `dotted` keys are Strings of names."""

    items: list[tuple[Node | None, Node]]
    end: int = 0


@dataclass(slots=True, eq=False)
class Function(Node):
    """A function's parameters and body; `annotations` are the parameters' types as text, for the checks."""

    parameters: list[str]
    annotations: list[str]
    is_vararg: bool
    body: Block
    end: int = 0


# Statements


@dataclass(slots=True, eq=False)
class Block(Node):
    """Statements in order."""

    statements: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Local(Node):
    """`local` or `const` names and values."""

    names: list[str]
    values: list[Node]


@dataclass(slots=True, eq=False)
class LocalFunction(Node):
    """`local function` or `const function`."""

    name: str
    function: Function


@dataclass(slots=True, eq=False)
class FunctionStatement(Node):
    """`function a.b.c:m()`: path, and the method's name or an empty string."""

    target: Node
    method: str
    function: Function


@dataclass(slots=True, eq=False)
class Assign(Node):
    """`targets = values`."""

    targets: list[Node]
    values: list[Node]


@dataclass(slots=True, eq=False)
class Compound(Node):
    """`target op= value`."""

    op: str
    target: Node
    value: Node


@dataclass(slots=True, eq=False)
class CallStatement(Node):
    """A call for its effect."""

    call: Node


@dataclass(slots=True, eq=False)
class Return(Node):
    """`return values`."""

    values: list[Node]


@dataclass(slots=True, eq=False)
class Break(Node):
    """`break`."""


@dataclass(slots=True, eq=False)
class Continue(Node):
    """`continue`, to the end of the loop numbered `loop`."""

    loop: int


@dataclass(slots=True, eq=False)
class Do(Node):
    """`do ... end`."""

    body: Block
    end: int


@dataclass(slots=True, eq=False)
class If(Node):
    """`if`: (condition, block) in order, then the else block."""

    clauses: list[tuple[Node, Block]]
    otherwise: Block | None
    end: int


@dataclass(slots=True, eq=False)
class While(Node):
    """`while condition do`; `label` is not 0 when the body continues."""

    condition: Node
    body: Block
    label: int
    end: int


@dataclass(slots=True, eq=False)
class Repeat(Node):
    """`repeat ... until condition`; statements before index `split` are visible to the condition after a continue."""

    body: Block
    condition: Node
    label: int
    split: int
    end: int


@dataclass(slots=True, eq=False)
class ForNumeric(Node):
    """`for name = first, last, step do`."""

    name: str
    first: Node
    last: Node
    step: Node | None
    body: Block
    label: int
    end: int


@dataclass(slots=True, eq=False)
class ForIn(Node):
    """`for names in values do`."""

    names: list[str]
    values: list[Node]
    body: Block
    label: int
    end: int


@dataclass(slots=True, eq=False)
class Chunk(Node):
    """A whole file."""

    body: Block
    end: int
