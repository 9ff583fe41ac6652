"""What a component's class says of a field, checked when the class is made, not when the first entity gets one."""

from __future__ import annotations

from numbers import Real
from typing import Any

from tickwright.ecs_core.component import NO_DEFAULT, ComponentError, ComponentInfo, FieldInfo
from tickwright.ecs_core.rows import plain_value
from tickwright.ecs_core.symbols import Symbols

__all__ = ["check_field"]


class _Texts:
    """Symbols of nobody's world: a default is a text, whatever number it gets."""

    def __init__(self) -> None:
        self.symbols = Symbols()


def check_field(info: ComponentInfo, field: FieldInfo) -> None:
    """Check one field's default, range, unit and label.

    Raises:
        ComponentError: a default that its own column cannot hold, a range that is none, a unit that is no text.
    """
    if field.default is not NO_DEFAULT:
        plain_value(_Texts(), info, field, field.default)
    texts: tuple[tuple[str, Any], ...] = (("unit", field.unit), ("label", field.label))
    for what, text in texts:
        if not isinstance(text, str):
            raise _error(info, field, f"has the {what} {text!r}", expected="a str")
    limits: tuple[tuple[str, Any], ...] = (("low", field.low), ("high", field.high))
    for what, limit in limits:
        if limit is not None and not isinstance(limit, Real):
            raise _error(info, field, f"has the limit {what}={limit!r}", expected="a number, or None")
    if field.low is not None and field.high is not None and not field.low <= field.high:
        raise _error(info, field, f"ranges from {field.low} to {field.high}", expected="low no greater than high")


def _error(info: ComponentInfo, field: FieldInfo, what: str, *, expected: str) -> ComponentError:
    return ComponentError(
        f"field '{field.name}' of component '{info.name}' {what}",
        expected=expected,
        component=info.name,
        field=field.name,
    )
