"""Guards compiled to closures that return None when they hold, else (guard's name, reason)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tickwright.systems.contracts.json import EMPTY
from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.expr import compile_expr

__all__ = ["Check", "Failure", "Functions", "GuardRaisedError", "guard", "guard_check"]

Failure: TypeAlias = tuple[str, str]
Functions: TypeAlias = Callable[[str, str], Callable[..., Any]]
"""(name, path in the document) -> the function, or a FlowDefinitionError."""
Check: TypeAlias = Callable[[Any], "Failure | None"]
"""A guard over a running step (`step.Run`)."""


class GuardRaisedError(Exception):
    """A guard raised: whatever it stands in fails closed, `not` too; `failure` is what to report."""

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(name)
        self.failure: Failure = (name, f"{type(cause).__name__}: {cause}")


def guard_check(node: Any, path: str, functions: Functions, resolve: Callable[[str], int]) -> Check:
    """Compile one guard of the document; `resolve` finds the state that `{in: ...}` names."""
    if isinstance(node, str):
        return _named(node, functions(node, path), EMPTY)
    if not isinstance(node, Mapping) or not node:
        raise FlowDefinitionError(f"{node!r} is no guard", where=path, expected="a name or an object", path=path)
    if "type" in node:
        return _named(str(node["type"]), functions(str(node["type"]), path), node.get("params", EMPTY))
    if len(node) != 1:
        raise FlowDefinitionError("a guard has one key", where=path, expected="and, or, not, in or expr", path=path)
    ((kind, value),) = node.items()
    if kind in ("and", "or") and isinstance(value, list | tuple) and value:
        parts = [guard_check(each, f"{path}.{kind}[{i}]", functions, resolve) for i, each in enumerate(value)]
        return _every(parts) if kind == "and" else _some(parts)
    if kind == "not":
        return _not(guard_check(value, f"{path}.not", functions, resolve), value)
    if kind == "in":
        return _in(resolve(str(value)), str(value))
    if kind == "expr":
        return _expr(str(value), compile_expr(str(value), f"{path}.expr")[0])
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
            return bool(function(*(context[name] for name in columns)))

        def over_columns(values: Mapping[str, Any]) -> Any:
            return function(*(values[name] for name in columns))

        scalar.__name__ = getattr(function, "__name__", "guard")
        scalar.over_columns = over_columns  # type: ignore[attr-defined]
        return scalar

    return mark


def _named(name: str, function: Callable[..., Any], params: Any) -> Check:
    def check(run: Any) -> Failure | None:
        ctx = run.ctx
        ctx._params, ctx._guarding = params, True
        try:
            answer = function(ctx, run.event)
        except Exception as error:
            raise GuardRaisedError(name, error) from error
        finally:
            ctx._guarding = False
        if answer is True:
            return None
        passed, reason = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
        if passed:
            return None
        return name, str(reason) if reason else f"guard `{name}` returned false"

    if over_columns := getattr(function, "over_columns", None):
        check.over_columns = over_columns  # type: ignore[attr-defined]
    return check


def _every(parts: list[Check]) -> Check:
    def check(run: Any) -> Failure | None:
        for part in parts:
            if (failure := part(run)) is not None:
                return failure
        return None

    return check


def _some(parts: list[Check]) -> Check:
    def check(run: Any) -> Failure | None:
        first: Failure | None = None
        raised: GuardRaisedError | None = None
        for part in parts:
            try:
                failure = part(run)
            except GuardRaisedError as error:
                raised = raised or error
                continue
            if failure is None:
                return None
            first = first or failure
        if raised is not None:
            raise raised
        return first

    return check


def _not(part: Check, guard: Any) -> Check:
    name = guard if isinstance(guard, str) else "not"

    def check(run: Any) -> Failure | None:
        failure = part(run)
        return None if failure is not None else (f"not {name}", f"guard `{name}` returned true")

    return check


def _in(state: int, name: str) -> Check:
    failure = (f"in {name}", f"state `{name}` is not active")
    return lambda run: None if state in run.config.active else failure


def _expr(text: str, code: Callable[[Any], Any]) -> Check:
    def check(run: Any) -> Failure | None:
        try:
            held = code((run.ctx.context(), run.event))
        except Exception as error:
            raise GuardRaisedError(text, error) from error
        return None if held else (text, f"guard `{text}` returned false")

    return check
