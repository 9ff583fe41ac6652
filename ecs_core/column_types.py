"""The types that columns can have, as annotations: a type checker sees Any, so that `pos.x[mask] = 0` passes."""

from __future__ import annotations

import enum
import typing
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import numpy as np

from tickwright.ecs_core.entity import Entity

__all__ = [
    "COLUMN_TYPES",
    "ColumnType",
    "Symbol",
    "column_of",
    "f32",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "u8",
    "u16",
    "u32",
    "u64",
]


class ColumnType:
    """The column type of an annotation such as `f32`."""

    __slots__ = ("dtype", "kind")

    def __init__(self, dtype: str, kind: str = "number") -> None:
        self.dtype = np.dtype(dtype)
        self.kind = kind

    def __repr__(self) -> str:
        return str(self.dtype)


f32: TypeAlias = Annotated[Any, ColumnType("float32")]
f64: TypeAlias = Annotated[Any, ColumnType("float64")]
i8: TypeAlias = Annotated[Any, ColumnType("int8")]
i16: TypeAlias = Annotated[Any, ColumnType("int16")]
i32: TypeAlias = Annotated[Any, ColumnType("int32")]
i64: TypeAlias = Annotated[Any, ColumnType("int64")]
u8: TypeAlias = Annotated[Any, ColumnType("uint8")]
u16: TypeAlias = Annotated[Any, ColumnType("uint16")]
u32: TypeAlias = Annotated[Any, ColumnType("uint32")]
u64: TypeAlias = Annotated[Any, ColumnType("uint64")]
Symbol: TypeAlias = Annotated[str, ColumnType("int32", "symbol")]
"""Text that repeats: a `str` on instances, an int32 of `world.symbols` in columns."""

COLUMN_TYPES: Mapping[str, ColumnType] = {
    **{name: typing.cast(Any, alias).__metadata__[0] for name, alias in (
        ("f32", f32), ("f64", f64), ("i8", i8), ("i16", i16), ("i32", i32), ("i64", i64),
        ("u8", u8), ("u16", u16), ("u32", u32), ("u64", u64), ("symbol", Symbol),
    )},
    "bool": ColumnType("bool"),
    "entity": ColumnType("uint64", "entity"),
}  # fmt: skip
"""What a schema may name, by the names used in it."""

_PLAIN = {
    bool: COLUMN_TYPES["bool"],
    int: COLUMN_TYPES["i64"],
    float: COLUMN_TYPES["f64"],
    Entity: COLUMN_TYPES["entity"],
}


def column_of(hint: Any) -> tuple[ColumnType | None, type[enum.Enum] | None]:
    """Return (column type, enum type) of an annotation; None where no column can hold it."""
    for each in getattr(hint, "__metadata__", ()):
        if isinstance(each, ColumnType):
            return each, None
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        whole = all(isinstance(each.value, int) and -(2**31) <= each.value < 2**31 for each in hint)
        return (ColumnType("int32", "enum"), hint) if whole else (None, None)
    try:
        return _PLAIN.get(hint), None
    except TypeError:
        return None, None
