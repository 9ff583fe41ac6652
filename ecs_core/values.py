"""Component values as columns: what instances and batches hold, checked before anything in the world changes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.component import NO_DEFAULT, Batch, Bundle, ComponentError, ComponentInfo, FieldInfo, info_of
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.packing import Columns, list_columns, packed
from tickwright.ecs_core.rows import HasSymbols, bad_value, plain_value

__all__ = [
    "Listed",
    "batch_columns",
    "default_columns",
    "duplicate",
    "instance_columns",
    "not_whole",
    "opened",
    "split_components",
    "take_values",
    "whole_count",
]


def take_values(info: ComponentInfo, instances: Sequence[Any]) -> Sequence[list[Any]]:
    """Return the instances' values, one list per field; an object component has one, of the objects.

    Raises:
        ComponentError: a field that was never set.
    """
    if info.storage == "object":
        return [list(instances)]
    try:
        return info.read(instances)
    except AttributeError as error:
        raise not_whole([info], [instances[0]], error) from None


def instance_columns(world: HasSymbols, info: ComponentInfo, instance: Any) -> Columns:
    """Return an instance's values for all rows.

    Raises:
        ComponentError: a value that does not fit its column, or a field that was never set.
    """
    values = take_values(info, [instance])
    if info.shared_dtype is not None and all(info.codes):  # one call for all of them
        row = packed(info.codes[0], [value for (value,) in values])
        if isinstance(row, bytes):
            return np.frombuffer(row, info.shared_dtype)
    found = list_columns(world, info, values)
    return found[:, 0] if isinstance(found, np.ndarray) else [column.reshape(()) for column in found]


def batch_columns(world: HasSymbols, batch: Batch, info: ComponentInfo, count: int) -> list[NDArray[Any]]:
    """Return one array (count,) or scalar array () per field.

    Raises:
        ComponentError: a missing column, a wrong length, shape or type.
    """
    found = []
    for field in info.fields:
        value = batch.values.get(field.name, field.default)
        if value is NO_DEFAULT:
            raise ComponentError(
                f"column '{field.name}' of component '{info.name}' is missing",
                expected=", ".join(each.name for each in info.fields),
                component=info.name,
                field=field.name,
            )
        column = _batch_field(world, info, field, value)
        if column.shape not in ((), (count,)):
            raise ComponentError(
                f"column '{field.name}' of component '{info.name}' has shape {column.shape}",
                expected=f"({count},) or a scalar",
                component=info.name,
                field=field.name,
            )
        found.append(column)
    return found


def default_columns(world: HasSymbols, info: ComponentInfo) -> list[NDArray[Any]]:
    """Return the defaults of a required component, scalar arrays.

    Raises:
        ComponentError: a field without default.
    """
    return batch_columns(world, Batch(info.kind, {}), info, 1)


def _batch_field(world: HasSymbols, info: ComponentInfo, field: FieldInfo, value: Any) -> NDArray[Any]:
    if isinstance(value, np.ndarray) and value.dtype == field.dtype:
        if field.kind in ("symbol", "enum"):
            _check_numbers(world, info, field, value)
        return value
    if _is_scalar(value):
        return _cast(plain_value(world, info, field, value), field)
    if field.kind in ("symbol", "enum"):
        return np.array([plain_value(world, info, field, each) for each in value], field.dtype)
    try:
        given = np.asarray(value)
    except (TypeError, ValueError):
        raise bad_value(info, field, value) from None
    fits = given.dtype.kind in {"f": "fiub", "b": "b"}.get(field.dtype.kind, "iu")
    if fits and field.dtype.kind in "iu" and given.size:
        limits = np.iinfo(field.dtype)
        fits = bool(given.min() >= limits.min and given.max() <= limits.max)
    if not fits and given.size:
        raise bad_value(info, field, value)
    return _cast(given, field)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bytes) or not (isinstance(value, list | tuple) or np.ndim(value))


def _cast(value: Any, field: FieldInfo) -> NDArray[Any]:
    """Return a checked value in its column's type; a float beyond the range of a narrower one is infinite there."""
    with np.errstate(over="ignore"):
        return np.asarray(value).astype(field.dtype)


def _check_numbers(world: HasSymbols, info: ComponentInfo, field: FieldInfo, values: NDArray[Any]) -> None:
    """Raise ComponentError for numbers that stand for no text, or for no member of the enum."""
    if field.enum_type is not None:
        listed = np.isin(values, [each.value for each in field.enum_type])
        for each in np.unique(values[~listed]).tolist():  # flags have combinations that are not listed
            plain_value(world, info, field, each)
        return
    good = (values >= 0) & (values < len(world.symbols))
    if not good.all():
        raise bad_value(info, field, values[~good].flat[0].item())


def split_components(components: Sequence[Any]) -> list[Any]:
    """Return the components of a spawn or insert with bundles opened, in order.

    Raises:
        ComponentError: one is a class instead of an instance.
    """
    found: list[Any] = []
    for each in components:
        if isinstance(each, Bundle):
            names = getattr(each, "__dataclass_fields__", None) or vars(each)
            found += split_components([getattr(each, name) for name in names])
        elif isinstance(each, type):
            raise ComponentError(
                f"{each.__name__} is a class",
                expected=f"an instance: {each.__name__}(...)",
                component=each.__name__,
                field="",
            )
        else:
            found.append(each)
    return found


@dataclass(frozen=True, slots=True)
class Listed:
    """One component for many rows as instances, one per row."""

    kind: type[Any]
    instances: list[Any]


def opened(components: Sequence[Any], count: int) -> list[Any]:
    """Return components with bundles opened; batches stay, lists of `count` instances become one component each.

    Raises:
        ComponentError: a list of another length, or of several kinds.
    """
    found: list[Any] = []
    for each in components:
        if isinstance(each, list):
            found += [_listed(each, count)] if each or count else []
        else:
            found += [each] if isinstance(each, Batch) else split_components([each])
    return found


def _listed(instances: list[Any], count: int) -> Listed:
    kinds = {info_of(type(each)).kind for each in instances}
    names = ", ".join(sorted(info_of(kind).name for kind in kinds))
    if len(instances) != count or len(kinds) != 1:
        raise ComponentError(
            f"a list of {len(instances)} instances ({names or 'none'}) for {count} entities",
            expected="one instance for each, all of one component",
            component=names,
            field="",
        )
    return Listed(kinds.pop(), instances)


def whole_count(count: Any) -> int:
    """Return how many entities are asked for as an int of Python's own.

    Raises:
        ComponentError: no whole number, or less than 0.
    """
    try:
        number = operator.index(count)
    except TypeError:
        number = -1
    if number < 0:
        raise ComponentError(
            f"{count!r} entities", where="spawn_batch", expected="a whole number, 0 or more", component="", field=""
        )
    return number


def not_whole(infos: Sequence[ComponentInfo], instances: Sequence[Any], error: AttributeError) -> ComponentError:
    """Return the error for an instance with a field that was never set."""
    names = [i.name for i, each in zip(infos, instances, strict=True) for f in i.fields if not hasattr(each, f.name)]
    name = names[0] if names else infos[0].name
    return ComponentError(
        f"an instance of '{name}' is not whole: {error}", expected="all fields set", component=name, field=""
    )


def duplicate(name: str) -> TickwrightError:
    """Return the error for a component given twice."""
    return ComponentError(
        f"component '{name}' is given twice", expected="one value per component", component=name, field=""
    )
