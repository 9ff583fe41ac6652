"""What the engine knows of one component type: its fields and how it is kept; and values of one for many rows."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tickwright.ecs_core.errors import TickwrightError

if TYPE_CHECKING:
    from tickwright.ecs_core.rows import RowTypes

__all__ = ["NO_DEFAULT", "Batch", "Bundle", "ComponentError", "ComponentInfo", "FieldInfo", "Storage", "info_of"]

Storage = Literal["table", "object", "sparse", "tag"]


class ComponentError(TickwrightError):
    """A class that is no component, or values that do not fit one; `component` and `field` name it."""

    component: str
    field: str


class _NoDefault:
    def __repr__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT = _NoDefault()


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One column of a table component.

    Attributes:
        kind: "number", "symbol" (int32 of world.symbols), "entity" (uint64) or "enum" (int32).
        default: the value where none is given; NO_DEFAULT if one must be.
        unit, label, low, high: what tools show and generate; the engine does not enforce the range.
    """

    name: str
    dtype: np.dtype[Any]
    kind: str = "number"
    default: Any = NO_DEFAULT
    unit: str = ""
    label: str = ""
    low: float | None = None
    high: float | None = None
    enum_type: type[enum.Enum] | None = None


@dataclass(frozen=True, eq=False)
class ComponentInfo:
    """What the engine knows of one component type.

    Attributes:
        shared_dtype: the dtype of all fields, which then form one block (fields, rows); None if they differ.
        requires: component types inserted with their defaults where they are missing.
        transient: left out of snapshots and digests.
    """

    kind: type[Any]
    name: str
    storage: Storage
    fields: tuple[FieldInfo, ...] = ()
    requires: tuple[type[Any], ...] = ()
    transient: bool = False
    shared_dtype: np.dtype[Any] | None = None

    @cached_property
    def rows(self) -> RowTypes:
        """The classes of its handles and column views."""
        from tickwright.ecs_core.rows import RowTypes

        return RowTypes(self)

    @cached_property
    def encode(self) -> Callable[[Any, Any], list[Any]]:
        """Call it with (world, instance) for the values that the instance's columns store."""
        from tickwright.ecs_core.encoding import row_encoder

        return row_encoder(self)

    @cached_property
    def read(self) -> Callable[[Sequence[Any]], Sequence[list[Any]]]:
        """Call it with instances for one list per field."""
        from tickwright.ecs_core.encoding import reader

        return reader(self)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """What `struct` calls each field's numbers; "" where a value needs a closer look."""
        from tickwright.ecs_core.encoding import code_of

        return tuple(map(code_of, self.fields))

    @property
    def width(self) -> int:
        """How many values an instance has: an object component is one itself."""
        return 1 if self.storage == "object" else len(self.fields)

    @property
    def is_dense(self) -> bool:
        """Whether it is part of a table's key."""
        return self.storage in ("table", "tag")

    def field(self, name: str) -> FieldInfo:
        """Return one field.

        Raises:
            ComponentError: there is none of that name.
        """
        for each in self.fields:
            if each.name == name:
                return each
        raise self.no_field(name)

    def no_field(self, name: str) -> ComponentError:
        """Return the error for a field that there is not."""
        expected = ", ".join(each.name for each in self.fields) or "no fields"
        return ComponentError(
            f"component '{self.name}' has no field '{name}'", expected=expected, component=self.name, field=name
        )


class Bundle:
    """Base of dataclasses whose fields are components: spawning one spawns them all.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Ball(Bundle):
    ...     position: object
    ...     velocity: object
    """


@dataclass(frozen=True, slots=True)
class Batch:
    """Values of one component for many rows: arrays of shape (N,), or scalars for all rows."""

    kind: type[Any]
    values: Mapping[str, Any]


def info_of(kind: Any) -> ComponentInfo:
    """Return the description of a component type.

    Raises:
        ComponentError: it is no component.
    """
    found = kind.__dict__.get("__component__") if isinstance(kind, type) else None
    if found is None:
        name = getattr(kind, "__name__", repr(kind))
        raise ComponentError(
            f"{name} is no component",
            expected="a class decorated with @component",
            todo=_todo(kind, name),
            component=name,
            field="",
        )
    return typing.cast(ComponentInfo, found)


def _todo(kind: Any, name: str) -> str:
    if not isinstance(kind, type):
        return "pass the class itself"
    return "" if kind.__module__ == "builtins" else f"write @component above class {name}"
