"""Plain data across the border: Python values become Lua values, Lua values arrive as JSON text.

| Python                | Lua                                  | back in Python        |
|-----------------------|--------------------------------------|-----------------------|
| None                  | nil; in a list `null`; no dict key   | None                  |
| bool, str             | boolean, string                      | the same              |
| bytes                 | string                               | str (surrogateescape) |
| int, float            | number                               | int where integral    |
| list, tuple           | a list, even when empty              | list                  |
| dict                  | a table                              | dict                  |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import msgspec

from tickwright.plugins.lua.errors import PluginValueError
from tickwright.systems.contracts.names import camel

__all__ = ["LuaWriter", "decode_json", "in_camel_case", "text"]

MAX_DEPTH = 64


def text(data: object) -> str:
    """Return a Lua string as str; bytes that are not UTF-8 survive as surrogates."""
    if isinstance(data, bytes):
        return data.decode("utf-8", "surrogateescape")
    return str(data)


def in_camel_case(value: Any) -> Any:
    """Return structs, and lists of them, as dicts with Lua's spelling of their keys; user data stays as it is."""
    if isinstance(value, msgspec.Struct):
        names = zip(type(value).__struct_encode_fields__, msgspec.structs.astuple(value), strict=True)
        return {camel(name): in_camel_case(each) for name, each in names}
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if is_list and isinstance(next(iter(value), None), msgspec.Struct):
        return [in_camel_case(each) for each in value]
    return value


def decode_json(data: bytes | None) -> Any:
    """Return the value that `K.encode` wrote; nil (no text at all) is None."""
    if data is None:
        return None
    return json.loads(data.decode("utf-8", "surrogateescape"))


class LuaWriter:
    """Build Lua values in one runtime from plain Python data.

    Args:
        table_from: the runtime's own.
        mark_list: the trusted Lua function that marks a table as a list.
        null: the runtime's null.
        max_bytes: strings and items a single value may hold.
    """

    __slots__ = ("_left", "_mark_list", "_max_bytes", "_null", "_table_from")

    def __init__(
        self, table_from: Callable[[Any], Any], mark_list: Callable[[Any], Any], null: Any, *, max_bytes: int
    ) -> None:
        self._table_from = table_from
        self._mark_list = mark_list
        self._null = null
        self._max_bytes = max_bytes
        self._left = 0

    def __call__(self, value: object) -> Any:
        """Return `value` as Lua sees it; call only while the runtime's memory limit is off.

        Raises:
            PluginValueError: a part is not plain data, is nested too deep or too large; the message names its path.
        """
        if value is None or value is True or value is False:
            return value
        self._left = self._max_bytes
        try:
            return self._convert(value, "", 0)
        except PluginValueError as error:
            raise error.with_traceback(None)  # noqa: B904 (its frames would keep tables past their coroutine)

    def _convert(self, value: object, path: str, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self._string(value, path)
        if isinstance(value, int | float):
            return _number(value, path)
        if isinstance(value, bytes):
            self._spend(len(value), path)
            return value
        if depth >= MAX_DEPTH:
            raise PluginValueError(f"a value for Lua is nested more than {MAX_DEPTH} deep", hook=path)
        if isinstance(value, Mapping):
            return self._mapping(value, path, depth)
        if isinstance(value, Sequence):
            return self._sequence(value, path, depth)
        return self._foreign(value, path, depth)

    def _spend(self, count: int, path: str) -> None:
        self._left -= count + 8
        if self._left < 0:
            raise PluginValueError(f"a value for Lua is larger than {self._max_bytes} bytes", hook=path)

    def _string(self, value: str, path: str) -> bytes:
        try:
            data = value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise PluginValueError("a string for Lua holds a lone surrogate", hook=path) from None
        self._spend(len(data), path)
        return data

    def _mapping(self, value: Mapping[Any, object], path: str, depth: int) -> Any:
        table: dict[bytes, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                kind = type(key).__name__
                raise PluginValueError(f"a dict for Lua has a key of type {kind}", hook=path, expected="string keys")
            if item is not None:
                table[self._string(key, path)] = self._convert(item, f"{path}.{key}", depth + 1)
        return self._table_from(table)

    def _sequence(self, value: Sequence[object], path: str, depth: int) -> Any:
        self._spend(len(value), path)
        items = [
            self._null if item is None else self._convert(item, f"{path}[{i}]", depth + 1)
            for i, item in enumerate(value)
        ]
        return self._mark_list(self._table_from(items))

    def _foreign(self, value: object, path: str, depth: int) -> Any:
        if isinstance(value, Set):
            return self._sequence(sorted(value), path, depth)
        if isinstance(value, msgspec.Struct):
            names = zip(type(value).__struct_encode_fields__, msgspec.structs.astuple(value), strict=True)
            return self._mapping(dict(names), path, depth)
        item = getattr(value, "item", None)  # a NumPy scalar
        if callable(item) and getattr(value, "shape", None) == ():
            return self._convert(item(), path, depth)
        kind = type(value).__name__
        raise PluginValueError(f"a value of type {kind} cannot go to Lua", hook=path, expected="plain data")


def _number(value: int | float, path: str) -> float:
    # A double on both engines, as every number of Luau: an integer of Lua 5.4 would wrap around when multiplied.
    try:
        return float(value)
    except OverflowError:
        raise PluginValueError("an integer is too large for Lua", hook=path) from None
