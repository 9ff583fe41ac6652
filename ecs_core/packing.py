"""Values of staged rows on their way into columns: packed into bytes a few hundred at a time, in one C call each.

`struct` takes 5 ns for a number where `array` and `np.array` take 25 to 30. What it does not take (text, enums, bools,
and whatever does not fit) stays a list and goes value by value past `plain_value`, which names the fault.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.component import ComponentInfo, FieldInfo
from tickwright.ecs_core.rows import HasSymbols, plain_value

__all__ = ["Chunk", "Columns", "chunk_columns", "chunk_lists", "list_columns", "packed"]

Chunk = bytes | list[Any]
"""Values of consecutive rows: as the column holds them, or as they were given."""

Columns = Sequence[NDArray[Any]] | NDArray[Any]
"""An array (N,) or () per field; or one block of them, (fields, N) or (fields,), where the fields share a dtype."""


def packed(code: str, values: list[Any]) -> Chunk:
    """Return values as bytes of a `struct` code; unchanged if there is none, or if one of them does not fit it."""
    if code:
        try:
            return struct.pack(f"{len(values)}{code}", *values)
        except (struct.error, TypeError, ValueError, OverflowError):
            pass
    return values


def list_columns(world: HasSymbols, info: ComponentInfo, values: Sequence[list[Any]]) -> Columns:
    """Return the columns of one list of N values per field.

    Raises:
        ComponentError: a value that does not fit its column.
    """
    return chunk_columns(world, info, [[packed(code, each)] for code, each in zip(info.codes, values, strict=True)])


def chunk_columns(world: HasSymbols, info: ComponentInfo, values: Sequence[list[Chunk]]) -> Columns:
    """Return the columns of lists of chunks, one list per field.

    Raises:
        ComponentError: a value that does not fit its column.
    """
    if info.shared_dtype is None:
        pairs = zip(info.fields, values, strict=True)
        return [np.frombuffer(_joined(world, info, field, chunks), field.dtype) for field, chunks in pairs]
    parts = [_joined(world, info, field, chunks) for field, chunks in zip(info.fields, values, strict=True)]
    return np.frombuffer(b"".join(parts), info.shared_dtype).reshape(len(parts), -1)


def chunk_lists(info: ComponentInfo, values: Sequence[list[Chunk]]) -> list[list[Any]]:
    """Return the values of lists of chunks again, one list per field: as given, or as the column holds them."""
    return [
        [
            value
            for each in chunks
            for value in (np.frombuffer(each, field.dtype).tolist() if isinstance(each, bytes) else each)
        ]
        for field, chunks in zip(info.fields, values, strict=True)
    ]


def _joined(world: HasSymbols, info: ComponentInfo, field: FieldInfo, chunks: list[Chunk]) -> bytes:
    return b"".join([each if isinstance(each, bytes) else _plain(world, info, field, each) for each in chunks])


def _plain(world: HasSymbols, info: ComponentInfo, field: FieldInfo, values: list[Any]) -> bytes:
    return np.array([plain_value(world, info, field, value) for value in values], field.dtype).tobytes()
