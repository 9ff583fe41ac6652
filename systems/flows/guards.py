"""Guards compiled to closures that return None when they hold, else (guard's name, reason)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tickwright.systems.contracts.json import EMPTY
from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.expr import compile_expr
from tickwright.systems.flows.expr_columns import over_columns as expr_over_columns

__all__ = ["Check", "ColumnGuard", "Failure", "Functions", "NamedGuard", "every", "guard", "guard_check", "parts_of"]

Failure: TypeAlias = tuple[str, str]
Functions: TypeAlias = Callable[[str, str], Callable[..., Any]]
"""(name, path in the document) -> the function, or a FlowDefinitionError."""
Check: TypeAlias = Callable[[Any], "Failure | None"]
"""A guard over a running step (`step.Run`)."""
ColumnGuard: TypeAlias = tuple[Callable[[Mapping[str, Any]], Any], Failure]
"""A guard over whole columns, and what it says of the rows that fail it."""


class _Raised(tuple[str, str]):
    """The failure of a guard that raised: no `not` turns it into success."""

    __slots__ = ()


def guard_check(
    node: Any,
    path: str,
    functions: Functions,
    resolve: Callable[[str], int],
    types: Mapping[str, str] | None = None,
) -> Check:
    """Compile one guard of the document.

    Args:
        node: a name, {type, params}, {and: [...]}, {or: [...]}, {not: G}, {in: state} or {expr: text}.
        path: where it stands, for the messages.
        functions: finds named guards.
        resolve: finds the state that `{in: ...}` names.
        types: the context's typed fields, over which expressions also work by columns.

    Raises:
        FlowDefinitionError: with the path of the fault.
    """
    if isinstance(node, str):
        return NamedGuard(node, _sync(functions(node, path), node, path), EMPTY)
    if not isinstance(node, Mapping) or not node:
        raise FlowDefinitionError(f"{node!r} is no guard", where=path, expected="a name or an object", path=path)
    if "type" in node:
        name = str(node["type"])
        return NamedGuard(name, _sync(functions(name, path), name, path), node.get("params", EMPTY))
    if len(node) != 1:
        raise FlowDefinitionError("a guard has one key", where=path, expected="and, or, not, in or expr", path=path)
    ((kind, value),) = node.items()
    if kind in ("and", "or") and isinstance(value, list | tuple) and value:
        parts = [guard_check(each, f"{path}.{kind}[{i}]", functions, resolve, types) for i, each in enumerate(value)]
        return _every(parts) if kind == "and" else _some(parts)
    if kind == "not":
        return _not(guard_check(value, f"{path}.not", functions, resolve, types), value)
    if kind == "in":
        return _in(resolve(str(value)), str(value))
    if kind == "expr":
        code, tree = compile_expr(str(value), f"{path}.expr")
        return _expr(str(value), code, expr_over_columns(tree, types or {}))
    raise FlowDefinitionError(
        f"{kind!r} is no guard", where=path, expected="and, or (lists), not, in, expr, type", path=path
    )


def guard(*, columns: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a guard over typed context fields: it is called with their values, or with whole columns in bulk.

    >>> @guard(columns=("stock",))
    ... def in_stock(stock): return stock > 0
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        def scalar(ctx: Any, _event: Any) -> bool:
            context = ctx.context()
            return bool(function(*[context[name] for name in columns]))

        def over_columns(values: Mapping[str, Any]) -> Any:
            return function(*[values[name] for name in columns])

        scalar.__name__ = getattr(function, "__name__", "guard")
        scalar.over_columns = over_columns  # type: ignore[attr-defined]
        return scalar

    return mark


def every(checks: tuple[Check, ...]) -> Check | None:
    """Return one guard that holds where all of them do, None if there are none."""
    return _every(list(checks)) if len(checks) > 1 else checks[0] if checks else None


def parts_of(checks: tuple[Check, ...]) -> tuple[ColumnGuard, ...] | None:
    """Return guards over columns that hold together where all checks hold, or None if one needs a running step."""
    found: list[ColumnGuard] = []
    for check in checks:
        parts = getattr(check, "parts", None)
        if parts is None:
            return None
        found += parts
    return tuple(found)


def _sync(function: Callable[..., Any], name: str, path: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):
        raise FlowDefinitionError(
            f"the guard {name!r} is async", where=path, expected="a function that answers at once", path=path
        )
    return function


class NamedGuard:
    """A guard that is one function.

    Attributes:
        function, params: what is called, and what the definition gives to it.
        parts: the guard over columns, where it is one.
    """

    __slots__ = ("function", "name", "no", "params", "parts")

    def __init__(self, name: str, function: Callable[..., Any], params: Any) -> None:
        self.name = name
        self.function = function
        self.params = params
        self.no = (name, f"guard `{name}` returned false")
        columns = getattr(function, "over_columns", None)
        self.parts: tuple[ColumnGuard, ...] | None = None if columns is None else ((columns, self.no),)

    def __call__(self, run: Any) -> Failure | None:
        """Ask it of a running step."""
        run.params = self.params
        try:
            return self.judge(self.function(run.ctx, run.event))
        except Exception as error:
            return self.raised(error)

    def judge(self, answer: Any) -> Failure | None:
        """Return what an answer comes to: a bool, or (bool, reason)."""
        if answer is True:
            return None
        passed, reason = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
        if inspect.isawaitable(passed):
            getattr(passed, "close", bool)()
            return _Raised((self.name, f"guard `{self.name}` is async"))
        if passed:
            return None
        return (self.name, str(reason)) if reason else self.no

    def raised(self, error: Exception) -> Failure:
        """Return what an error comes to: the guard does not hold, whatever `not` stands before it."""
        return _Raised((self.name, f"{type(error).__name__}: {error}"))


def _every(checks: list[Check]) -> Check:
    def check(run: Any) -> Failure | None:
        for each in checks:
            if (failure := each(run)) is not None:
                return failure
        return None

    parts = parts_of(tuple(checks))
    if parts is not None:
        check.parts = parts  # type: ignore[attr-defined]
    return check


def _some(checks: list[Check]) -> Check:
    def check(run: Any) -> Failure | None:
        first: Failure | None = None
        for each in checks:
            if (failure := each(run)) is None:
                return None
            if first is None or (isinstance(failure, _Raised) and not isinstance(first, _Raised)):
                first = failure
        return first

    single = [parts_of((each,)) for each in checks]
    if all(parts is not None and len(parts) == 1 for parts in single):
        calls = [parts[0][0] for parts in single if parts]

        def over_columns(values: Mapping[str, Any]) -> Any:
            found = calls[0](values)
            for call in calls[1:]:
                found = found | call(values)
            return found

        check.parts = ((over_columns, (single[0] or ())[0][1]),)  # type: ignore[attr-defined]
    return check


def _not(part: Check, node: Any) -> Check:
    name = node if isinstance(node, str) else str(node.get("expr", node.get("type", "not")))
    no = (f"not {name}", f"guard `{name}` returned true")

    def check(run: Any) -> Failure | None:
        failure = part(run)
        if isinstance(failure, _Raised):
            return failure  # a guard that raised fails closed, also under `not`
        return None if failure is not None else no

    parts = parts_of((part,))
    if parts is not None and len(parts) == 1:
        inner = parts[0][0]
        check.parts = ((lambda values: inner(values) == 0, no),)  # type: ignore[attr-defined]
    return check


def _in(state: int, name: str) -> Check:
    failure = (f"in {name}", f"state `{name}` is not active")
    return lambda run: None if state in run.config.active else failure


def _expr(text: str, code: Callable[[Any], Any], columns: Callable[[Mapping[str, Any]], Any] | None) -> Check:
    no = (text, f"guard `{text}` returned false")

    def check(run: Any) -> Failure | None:
        try:
            held = code((run.context, run.event))
        except Exception as error:
            return _Raised((text, f"{type(error).__name__}: {error}"))
        return None if held else no

    if columns is not None:
        check.parts = ((columns, no),)  # type: ignore[attr-defined]
    return check
