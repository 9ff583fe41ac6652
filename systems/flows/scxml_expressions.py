"""SCXML conditions and values, which look like ECMAScript, as the expressions and guards of definitions."""

from __future__ import annotations

import ast
import re
from typing import Any

from tickwright.systems.flows.errors import FlowImportError

__all__ = ["to_expression", "to_guard", "to_value"]

_TOKENS = re.compile(
    r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(===|!==|&&|\|\||!(?!=))|([A-Za-z_$][\w$]*)|(\s+|.)""", re.S
)
_OPERATORS = {"===": "==", "!==": "!=", "&&": " and ", "||": " or ", "!": " not "}
_WORDS = {"true": "True", "false": "False", "null": "None", "undefined": "None", "_event": "event"}


def to_expression(text: str, path: str) -> str:
    """Return an ECMAScript expression as one that definitions take.

    Raises:
        FlowImportError: it is none.

    >>> to_expression("x === 1 && !done || _event.name != 'a'", "")
    "x == 1 and (not done) or event.action != 'a'"
    """
    return ast.unparse(_parsed(text, path))


def to_guard(text: str, path: str) -> Any:
    """Return a `cond` as a guard; `In('state')` becomes {in: "#state"}.

    Raises:
        FlowImportError: it is no condition.

    >>> to_guard("In('b') && x > 1", "")
    {'and': [{'in': '#b'}, {'expr': 'x > 1'}]}
    """
    return _guard(_parsed(text, path), path)


def to_value(text: str, path: str) -> Any:
    """Return the constant that an expression is: JSON, or a literal.

    Raises:
        FlowImportError: it is no constant.
    """
    try:
        return ast.literal_eval(_parsed(text, path))
    except (ValueError, TypeError, SyntaxError, RecursionError) as error:
        raise FlowImportError(f"{text!r:.60} is no constant", where=path, expected="a number, text, list or object",
                              path=path) from error  # fmt: skip


def _parsed(text: str, path: str) -> ast.expr:
    out = []
    for string, operator, word, other in _TOKENS.findall(text.strip()):
        out.append(string or _OPERATORS.get(operator, "") or _WORDS.get(word, word) or other)
    try:
        tree = ast.parse("".join(out).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FlowImportError(f"{text!r:.60} is no expression: {error}", where=path, path=path) from error
    renamed = _EventName().visit(tree)
    assert isinstance(renamed, ast.expr)
    return renamed


class _EventName(ast.NodeTransformer):
    """`_event.name` is `event.action` here."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "event" and node.attr == "name":
            node.attr = "action"
        return node


def _guard(tree: ast.expr, path: str) -> Any:
    if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
        return {"expr": ast.unparse(tree)}
    match tree:
        case ast.BoolOp(op=op, values=values):
            return {"and" if isinstance(op, ast.And) else "or": [_guard(each, path) for each in values]}
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return {"not": _guard(operand, path)}
        case ast.Call(func=ast.Name(id="In"), args=[ast.Constant(value=str(state))], keywords=[]):
            return {"in": f"#{state}"}
    text = ast.unparse(tree)
    raise FlowImportError(f"{text!r:.60} calls a function", where=path, expected="In('state') alone, or with && || !",
                          path=path)  # fmt: skip
