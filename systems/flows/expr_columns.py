"""Guard expressions over columns, where that gives exactly what the scalar expression gives; else none.

Integers are widened to int64 and bounded on the way, so that nothing can wrap; a float column is widened to float64,
as a Python float is; divisions raise on zero, and the caller then asks one by one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["over_columns"]

_Columns = Mapping[str, Any]
_Part = tuple[Callable[[_Columns], Any], str, float]
"""(code, "int" | "float" | "bool", bound of the absolute value)"""

_SAFE = 2.0**53
_BOUNDS = {"bool": 1.0, "i8": 2.0**7, "i16": 2.0**15, "i32": 2.0**31, "u8": 2.0**8, "u16": 2.0**16, "u32": 2.0**32}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


def over_columns(tree: ast.expr, types: Mapping[str, str]) -> Callable[[_Columns], Any] | None:
    """Return a function of the typed columns that answers a bool array, or None if the expression needs more."""
    try:
        code, kind, _ = _part(tree, types)
    except _NotColumnarError:
        return None
    return code if kind == "bool" else None


class _NotColumnarError(Exception):
    """The expression asks for something that columns cannot answer exactly."""


def _part(node: ast.expr, types: Mapping[str, str]) -> _Part:
    match node:
        case ast.Constant(value=bool()) | ast.Constant(value=None) | ast.Constant(value=str()):
            raise _NotColumnarError
        case ast.Constant(value=int() as value) if abs(value) < _SAFE:
            return lambda _columns: value, "int", abs(value)
        case ast.Constant(value=float() as value):
            return lambda _columns: value, "float", abs(value)
        case ast.Name(id=name):
            return _column(name, types)
        case ast.Attribute(value=ast.Name(id="context"), attr=name):
            return _column(name, types)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            code, kind, bound = _number(operand, types)
            return lambda columns: -code(columns), kind, bound
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            code = _truth(operand, types)
            return lambda columns: np.logical_not(code(columns)), "bool", 1.0
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _binary(type(op), _number(left, types), _number(right, types))
        case ast.BoolOp(op=op, values=values):
            return _boolean(isinstance(op, ast.And), [_truth(each, types) for each in values])
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARE for op in ops):
            return _chain([_number(each, types)[0] for each in (left, *others)], [_COMPARE[type(op)] for op in ops])
    raise _NotColumnarError


def _column(name: str, types: Mapping[str, str]) -> _Part:
    dtype = types.get(name, "")
    if dtype in ("f32", "f64"):
        return lambda columns: columns[name].astype(np.float64, copy=False), "float", float("inf")
    if dtype == "bool":
        return lambda columns: columns[name], "bool", 1.0
    if dtype in _BOUNDS:
        return lambda columns: columns[name].astype(np.int64, copy=False), "int", _BOUNDS[dtype]
    raise _NotColumnarError


def _number(node: ast.expr, types: Mapping[str, str]) -> _Part:
    part = _part(node, types)
    if part[1] == "bool":
        raise _NotColumnarError
    return part


def _truth(node: ast.expr, types: Mapping[str, str]) -> Callable[[_Columns], Any]:
    code, kind, _ = _part(node, types)
    if kind != "bool":
        raise _NotColumnarError
    return code


def _binary(op: type[ast.operator], left: _Part, right: _Part) -> _Part:
    call = _ARITHMETIC[op]
    bound = left[2] * right[2] if op is ast.Mult else left[2] + right[2]
    kind = "float" if "float" in (left[1], right[1]) else "int"
    if kind == "int" and not bound < _SAFE:
        raise _NotColumnarError
    return lambda columns: call(left[0](columns), right[0](columns)), kind, bound


def _boolean(every: bool, parts: list[Callable[[_Columns], Any]]) -> _Part:  # noqa: FBT001 - private, one caller
    call = np.logical_and if every else np.logical_or

    def code(columns: _Columns) -> Any:
        found = parts[0](columns)
        for part in parts[1:]:
            found = call(found, part(columns))
        return found

    return code, "bool", 1.0


def _chain(parts: list[Callable[[_Columns], Any]], calls: list[Callable[[Any, Any], Any]]) -> _Part:
    def code(columns: _Columns) -> Any:
        values = [part(columns) for part in parts]
        found = calls[0](values[0], values[1])
        for call, left, right in zip(calls[1:], values[1:], values[2:], strict=False):
            found = found & call(left, right)
        return found

    return code, "bool", 1.0
