"""Objects as plain data and back: msgspec where it knows the type, else the attributes by name; never pickle."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import msgspec
import numpy as np

__all__ = ["build", "builtins", "pack", "plain", "type_name", "unpack"]

_KNOWN = (msgspec.Struct, dict, list, tuple, set, frozenset, str, int, float, bytes, enum.Enum)
_ODD_TEXT = 1  # text with lone surrogates, as bytes that were no UTF-8 are read; MessagePack has no form for it
_ODD_KEYS = 2  # a dict with such a key, as pairs: an extension cannot be a key
_LONG_INT = 3  # a whole number of more than 64 bits


def type_name(kind: Any) -> str:
    """Return the name under which a type is saved."""
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', str(kind))}"


def plain(value: Any) -> Any:
    """Return a value as plain data; objects without a msgspec form as the dict of their attributes.

    An object inside that msgspec does not know is asked for its `__plain__()`.

    Raises:
        TypeError: there is no plain form of it.
    """
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value) or isinstance(value, _KNOWN) or not _has_attributes(type(value)):
        return builtins(value)
    names = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
    attributes = {name: getattr(value, name) for name in names} | getattr(value, "__dict__", {})
    return {name: builtins(each) for name, each in attributes.items()}


def build(kind: Any, data: Any) -> Any:
    """Return an object of a type from what `plain` made of one."""
    if dataclasses.is_dataclass(kind) or issubclass(kind, _KNOWN) or not _has_attributes(kind):
        return msgspec.convert(data, kind)
    value = kind.__new__(kind)
    for name, each in data.items():
        setattr(value, name, each)
    return value


def pack(value: Any, *, ordered: bool = False) -> bytes:
    """Return data as MessagePack; any text and whole number can be in it; `ordered` sorts the keys of dicts."""
    order: Any = "deterministic" if ordered else None
    try:
        return msgspec.msgpack.encode(value, order=order)
    except (UnicodeEncodeError, OverflowError):
        return msgspec.msgpack.encode(_without_odd(builtins(value), ordered=ordered), order=order)


def unpack(data: Any, kind: Any = Any) -> Any:
    """Return what `pack` was given, checked against a type."""
    try:
        return msgspec.msgpack.decode(data, type=kind, ext_hook=_odd)
    except msgspec.ValidationError:  # an extension where the type wants a text or a number
        return msgspec.convert(msgspec.msgpack.decode(data, ext_hook=_odd), kind)


def _has_attributes(kind: type[Any]) -> bool:
    """Return whether instances have attributes of their own; an array, a deque or a date has none."""
    return bool(kind.__dictoffset__) or any(getattr(base, "__slots__", ()) for base in kind.__mro__)


def builtins(value: Any) -> Any:
    """Return a value as dicts, lists, text, numbers and bytes.

    Raises:
        TypeError: something in it that msgspec does not know and that has no `__plain__()`.
    """
    return msgspec.to_builtins(value, builtin_types=(bytes,), enc_hook=_ask)


def _ask(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    ask = getattr(value, "__plain__", None)
    if ask is None:
        raise TypeError(f"a {type(value).__name__} has no plain form")
    return ask()


def _without_odd(value: Any, *, ordered: bool) -> Any:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return msgspec.msgpack.Ext(_ODD_TEXT, value.encode("utf-8", "surrogatepass"))
        return value
    if isinstance(value, int):
        if -(2**63) <= value < 2**64:
            return value
        return msgspec.msgpack.Ext(_LONG_INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))
    if isinstance(value, dict):
        if any(_without_odd(key, ordered=ordered) is not key for key in value if isinstance(key, str | int)):
            pairs = sorted(value.items(), key=lambda pair: str(pair[0])) if ordered else value.items()
            return msgspec.msgpack.Ext(_ODD_KEYS, pack([list(pair) for pair in pairs], ordered=ordered))
        return {_without_odd(key, ordered=ordered): _without_odd(each, ordered=ordered) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_odd(each, ordered=ordered) for each in value]
    return value


def _odd(code: int, data: memoryview) -> Any:
    if code == _ODD_KEYS:
        return dict(unpack(data))
    if code == _LONG_INT:
        return int.from_bytes(data, "little", signed=True)
    if code != _ODD_TEXT:
        raise ValueError(f"unknown extension {code}")
    return bytes(data).decode("utf-8", "surrogatepass")
