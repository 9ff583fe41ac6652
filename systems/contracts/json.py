"""JSON values that cannot change: freeze on the way in, thaw on the way out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["EMPTY", "FrozenDict", "JsonValueError", "freeze", "thaw"]

_SCALARS = (str, int, float, bool, type(None))
_DEPTH = 200


class JsonValueError(TickwrightError):
    """A value that JSON cannot hold; `path` names the place in it."""

    path: str


class FrozenDict(dict[str, Any]):
    """A dict that refuses every change; encoders read it as a dict, and it hashes by its items when they do.

    >>> freeze({"tags": ["a"]}, "context")["tags"]
    ('a',)
    """

    __slots__ = ()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("this value is read-only: copy it with thaw(value), or write through set_context")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, _memo: object) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


EMPTY = FrozenDict()
"""The empty frozen object."""


def freeze(value: Any, path: str = "value") -> Any:
    """Return `value` with objects as FrozenDict and lists as tuples, deeply.

    Args:
        value: JSON data: None, bool, int, float, str, lists or tuples, mappings with string keys.
        path: what the messages call the value.

    Raises:
        JsonValueError: anything else, a number that is not finite, a cycle; with the path.

    Cost: O(size); a FrozenDict is taken as it is, a tuple is walked.
    """
    return _freeze(value, path, 0)


def _freeze(value: Any, path: str, depth: int) -> Any:
    kind = type(value)
    if kind is FrozenDict or kind is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise JsonValueError(f"{value!r} is no JSON number", where=path, expected="a finite number", path=path)
        return value
    if depth > _DEPTH:
        raise JsonValueError("the value is too deep, or contains itself", where=path[:200], path=path[:200])
    if isinstance(value, Mapping):
        return FrozenDict({_key(key, path): _freeze(each, f"{path}.{key}", depth + 1) for key, each in value.items()})
    if isinstance(value, list | tuple):
        return tuple([_freeze(each, f"{path}[{index}]", depth + 1) for index, each in enumerate(value)])
    if isinstance(value, _SCALARS):
        return value
    raise JsonValueError(
        f"{kind.__name__} is no JSON value",
        where=path,
        expected="None, bool, number, str, list or dict",
        path=path,
    )


def _key(key: object, path: str) -> str:
    if isinstance(key, str):
        return key
    raise JsonValueError(f"the key {key!r} is no string", where=path, expected="string keys", path=path)


def thaw(value: Any) -> Any:
    """Return a plain copy of a frozen value: dicts and lists, free to change.

    >>> thaw(freeze({"a": [1]}, "v"))
    {'a': [1]}
    """
    if isinstance(value, Mapping):
        return {key: thaw(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(each) for each in value]
    return value
