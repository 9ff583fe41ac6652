"""Components: classes whose fields are columns (table), objects (object) or nothing (tags).

A component's description hangs on its class, so the same class serves any number of worlds; a world numbers the kinds
that it meets by itself.
"""

from __future__ import annotations

import dataclasses
import keyword
import sys
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any, Literal, TypeVar, dataclass_transform, overload

from tickwright.ecs_core.column_types import (
    COLUMN_TYPES,
    Symbol,
    column_of,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
)
from tickwright.ecs_core.component_info import (
    NO_DEFAULT,
    Batch,
    Bundle,
    ComponentError,
    ComponentInfo,
    FieldInfo,
    Storage,
    info_of,
)

__all__ = [
    "COLUMN_TYPES",
    "NO_DEFAULT",
    "Batch",
    "Bundle",
    "ComponentError",
    "ComponentInfo",
    "FieldInfo",
    "Storage",
    "Symbol",
    "annotations_of",
    "check_name",
    "column",
    "columns",
    "component",
    "f32",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "info_of",
    "make_component",
    "u8",
    "u16",
    "u32",
    "u64",
]

T = TypeVar("T")


_RESERVED = frozenset({"columns", "values", "entity"})


def column(
    default: Any = MISSING, *, unit: str = "", label: str = "", low: float | None = None, high: float | None = None
) -> Any:
    """Declare a field with what tools should know of it: `speed: f32 = column(0.0, unit="m/s", low=0)`."""
    metadata = {"unit": unit, "label": label, "low": low, "high": high}
    return dataclasses.field(default=default, metadata=metadata)


@overload
def component(cls: type[T], /) -> type[T]: ...
@overload
def component(
    *,
    storage: Literal["table", "object", "sparse"] | None = None,
    requires: tuple[type[Any], ...] = (),
    transient: bool = False,
    name: str = "",
) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(field_specifiers=(dataclasses.field, column))
def component(
    cls: type[T] | None = None,
    /,
    *,
    storage: Literal["table", "object", "sparse"] | None = None,
    requires: tuple[type[Any], ...] = (),
    transient: bool = False,
    name: str = "",
) -> Any:
    """Make a class a component; it becomes a dataclass with slots if it is none yet.

    Numbers, bools, enums, `Entity` and `Symbol` make columns; any other field makes it an object component; no field
    makes it a tag. `storage="sparse"` is for tags that are toggled often, `"object"` for numbers that want no columns.

    Raises:
        ComponentError: a reserved name, a field type its storage cannot keep, a frozen table component.

    >>> @component
    ... class Position:
    ...     x: f32 = 0.0
    ...     y: f32 = 0.0
    >>> Position(1.0)
    Position(x=1.0, y=0.0)
    """

    def make(kind: type[T]) -> type[T]:
        return make_component(kind, storage=storage, requires=requires, transient=transient, name=name)

    return make if cls is None else make(cls)


def make_component(
    kind: type[T], *, storage: Storage | None, requires: tuple[type[Any], ...], transient: bool, name: str
) -> type[T]:
    """Describe a class as a component; see `component`."""
    label = name or kind.__name__
    check_name(label, "component", label)
    for each in requires:
        _check_default(each, label)
    if not (dataclasses.is_dataclass(kind) or hasattr(kind, "__struct_fields__")) and "__init__" not in kind.__dict__:
        kind = dataclass(slots=True)(kind)
    fields = _fields(kind, label, storage)
    if fields is None or storage == "object":
        storage, fields = "object", ()
    elif not fields:
        storage = "sparse" if storage == "sparse" else "tag"
    elif storage == "sparse":
        raise ComponentError(
            f"component '{label}' has fields", expected="a tag: sparse storage keeps one bit", component=label, field=""
        )
    else:
        storage = "table"
    dtypes = {each.dtype for each in fields}
    info = ComponentInfo(
        kind=kind,
        name=label,
        storage=storage,
        fields=fields,
        requires=requires,
        transient=transient,
        shared_dtype=dtypes.pop() if len(dtypes) == 1 else None,
    )
    if fields:
        from tickwright.ecs_core.field_checks import check_field

        for field in fields:
            check_field(info, field)
    target: Any = kind
    target.__component__ = info
    if storage == "table":
        target.columns = classmethod(columns)
    return kind


def _check_default(kind: type[Any], needed_by: str) -> None:
    """Raise ComponentError for a required component that cannot be made without values."""
    info = info_of(kind)
    try:
        if info.storage in ("table", "object"):
            info.kind()
    except TypeError as error:
        raise ComponentError(
            f"component '{needed_by}' requires '{info.name}', which has no default: {error}",
            expected="defaults for every field",
            component=needed_by,
            field="",
        ) from None


def columns(kind: type[Any], /, **values: Any) -> Batch:
    """Return values for many rows: arrays, or scalars for all rows; fields left out take their default.

    `columns(Position, x=xs)` is `Position.columns(x=xs)`, which type checkers do not know: a decorator adds it.

    Raises:
        ComponentError: no component with columns, or it has no such field.
    """
    info = info_of(kind)
    if info.storage != "table":
        raise ComponentError(
            f"component '{info.name}' has no columns",
            expected="a component whose fields are numbers, bools, enums, Entity or Symbol",
            todo="give instances",
            component=info.name,
            field="",
        )
    known = {each.name for each in info.fields}
    for key in values:
        if key not in known:
            raise info.no_field(key)
    return Batch(kind, values)


def _fields(kind: type[Any], label: str, storage: Storage | None) -> tuple[FieldInfo, ...] | None:
    """Return the columns, None if a field can only be an object."""
    if storage == "object" or not dataclasses.is_dataclass(kind):
        return () if storage == "sparse" else None
    hints = annotations_of(kind, label)
    found: list[FieldInfo] = []
    for each in dataclasses.fields(kind):
        spec, enum_type = column_of(hints.get(each.name))
        if spec is None or each.default_factory is not MISSING:
            if storage == "table":
                raise ComponentError(
                    f"field '{each.name}' of component '{label}' is {hints.get(each.name)}",
                    expected="a number, bool, enum, Entity or Symbol",
                    todo="leave storage out: it becomes an object component",
                    component=label,
                    field=each.name,
                )
            return None
        check_name(each.name, f"component '{label}'", label)
        found.append(
            FieldInfo(
                name=each.name,
                dtype=spec.dtype,
                kind="enum" if enum_type else spec.kind,
                default=NO_DEFAULT if each.default is MISSING else each.default,
                enum_type=enum_type,
                **{key: each.metadata[key] for key in ("unit", "label", "low", "high") if key in each.metadata},
            )
        )
    parameters = typing.cast(Any, kind).__dataclass_params__
    if found and parameters.frozen:
        raise ComponentError(
            f"component '{label}' is a frozen dataclass",
            expected="a class that is not frozen: handles write its columns",
            component=label,
            field="",
        )
    return tuple(found)


def annotations_of(kind: type[Any], label: str) -> dict[str, Any]:
    """Return a class's resolved annotations.

    Raises:
        ComponentError: a name in them that is not visible where the class is.
    """
    try:
        return typing.get_type_hints(kind, localns=_callers_names(kind), include_extras=True)
    except Exception as error:
        raise ComponentError(
            f"the annotations of component '{label}' cannot be read: {error}",
            expected="names visible where the class is defined",
            component=label,
            field="",
        ) from None


def _callers_names(kind: type[Any]) -> dict[str, Any]:
    """Return the local names around a class defined in a function."""
    found: dict[str, Any] = {}
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == kind.__module__:
            found = {**frame.f_locals, **found}
        frame = frame.f_back
    return found


def check_name(name: Any, what: str, label: str) -> None:
    """Raise ComponentError for a name that no component, or no field of one, can have."""
    bad = not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__")
    if what != "component":
        bad = bad or name in _RESERVED or name.startswith("_")
    if bad:
        raise ComponentError(
            f"'{name}' cannot be a name in {what}" if what != "component" else f"'{name}' cannot be a component's name",
            expected="an identifier that does not begin with _ and is none of " + ", ".join(sorted(_RESERVED)),
            component=label,
            field=name,
        )
