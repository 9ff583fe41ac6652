"""Guard expressions: parsed, checked against an allow-list, compiled to closures. Never evaluated as text."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from tickwright.systems.flows.errors import FlowDefinitionError

__all__ = ["Scope", "compile_expr"]

Scope = tuple[Mapping[str, Any], Mapping[str, Any]]
"""What an expression sees: (context, event)."""
_Code = Callable[[Scope], Any]

_BITS = 4096


def _product(left: Any, right: Any) -> Any:
    """Multiply, but refuse whole numbers that grow without end: a flow of data alone could square for ever."""
    found = left * right
    if type(found) is int and found.bit_length() > _BITS:
        raise OverflowError(f"a product of more than {_BITS} bits")
    return found


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _product,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_LENGTH = 1000


def compile_expr(text: str, path: str) -> tuple[_Code, ast.expr]:
    """Return a function of (context, event) for an expression, and its syntax tree.

    Allowed: `context.name`, `event.name`, bare names (fields of the context), constants, tuples and lists of them,
    + - * / // %, comparisons, `and or not`, `in`. A missing field is None.

    Raises:
        FlowDefinitionError: anything else; `path` names the place in the definition.
    """
    if len(text) > _LENGTH:
        raise _refused("the expression is no text, or too long", path)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return _compile(tree, path), tree
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(f"{text!r} is no expression: {error}", path) from error


def _refused(what: str, path: str) -> FlowDefinitionError:
    return FlowDefinitionError(
        what,
        where=path,
        expected="fields of context and event, constants, + - * / // %, comparisons, and, or, not, in",
        todo="use a named guard for anything else",
        path=path,
    )


def _compile(node: ast.expr, path: str) -> _Code:
    match node:
        case ast.Constant(value=value) if isinstance(value, str | int | float | bool | type(None)):
            return lambda _scope: value
        case ast.Name(id=name):
            return _name(name)
        case ast.Attribute(value=inner, attr=attr) if not attr.startswith("__"):
            return _field(_compile(inner, path), attr)
        case ast.Subscript(value=inner, slice=ast.Constant(value=str(key))):
            return _field(_compile(inner, path), key)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            parts = [_compile(each, path) for each in items]
            return lambda scope: tuple([part(scope) for part in parts])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            code = _compile(operand, path)
            return lambda scope: not code(scope)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            code = _compile(operand, path)
            return lambda scope: -_number(code(scope))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _binary(_ARITHMETIC[type(op)], _compile(left, path), _compile(right, path))
        case ast.BoolOp(op=op, values=values):
            return _boolean(isinstance(op, ast.And), [_compile(each, path) for each in values])
        case ast.Compare(left=left, ops=ops, comparators=others):
            chain = [(_COMPARE[type(op)], _compile(each, path)) for op, each in zip(ops, others, strict=True)]
            return _chain(_compile(left, path), chain)
    raise _refused(f"{type(node).__name__} is not allowed in an expression", path)


def _name(name: str) -> _Code:
    if name == "context":
        return lambda scope: scope[0]
    if name == "event":
        return lambda scope: scope[1]
    return lambda scope: scope[0].get(name)


def _field(of: _Code, name: str) -> _Code:
    def read(scope: Scope) -> Any:
        value = of(scope)
        if isinstance(value, Mapping):
            return value.get(name)
        raise TypeError(f"no field {name!r} in {value!r}")

    return read


def _number(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    raise TypeError(f"{value!r} is no number")


def _binary(call: Callable[[Any, Any], Any], left: _Code, right: _Code) -> _Code:
    return lambda scope: call(_number(left(scope)), _number(right(scope)))


def _boolean(every: bool, parts: list[_Code]) -> _Code:  # noqa: FBT001 - private, one caller
    if every:
        return lambda scope: all(part(scope) for part in parts)
    return lambda scope: any(part(scope) for part in parts)


def _chain(first: _Code, rest: list[tuple[Callable[[Any, Any], Any], _Code]]) -> _Code:
    def compare(scope: Scope) -> bool:
        left = first(scope)
        for call, code in rest:
            right = code(scope)
            if not call(left, right):
                return False
            left = right
        return True

    return compare
