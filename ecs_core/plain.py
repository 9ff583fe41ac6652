"""Objects as plain data and back: msgspec where it knows the type, else the attributes by name; never pickle."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

__all__ = ["build", "plain", "type_name"]

_KNOWN = (msgspec.Struct, dict, list, str, int, float, bytes)


def type_name(kind: Any) -> str:
    """Return the name under which a type is saved."""
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', str(kind))}"


def plain(value: Any) -> Any:
    """Return a value as plain data; objects without a msgspec form as the dict of their attributes."""
    if dataclasses.is_dataclass(value) or isinstance(value, _KNOWN):
        return msgspec.to_builtins(value, builtin_types=(bytes,))
    names = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
    attributes = {name: getattr(value, name) for name in names} | getattr(value, "__dict__", {})
    return {name: msgspec.to_builtins(each, builtin_types=(bytes,)) for name, each in attributes.items()}


def build(kind: Any, data: Any) -> Any:
    """Return an object of a type from what `plain` made of one."""
    if dataclasses.is_dataclass(kind) or issubclass(kind, _KNOWN):
        return msgspec.convert(data, kind)
    value = kind.__new__(kind)
    for name, each in data.items():
        setattr(value, name, each)
    return value
