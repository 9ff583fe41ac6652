"""Spellings of schema keys: snake_case inside, camelCase accepted. Never applied to user data."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["KeyNameError", "camel", "snake", "snake_keys"]

_HUMP = re.compile(r"(?<!^)([A-Z])")


class KeyNameError(TickwrightError):
    """A key spelled twice, or one the schema does not have; `path` names the place in the document."""

    path: str


def snake(name: str) -> str:
    """Return `maxTokens` as `max_tokens`; a snake_case name is returned as it is."""
    return _HUMP.sub(lambda hump: "_" + hump.group(1).lower(), name)


def camel(name: str) -> str:
    """Return `max_tokens` as `maxTokens`; a camelCase name is returned as it is."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def snake_keys(document: Mapping[str, Any], known: Collection[str], path: str) -> dict[str, Any]:
    """Return `document` with its own keys (one level) in snake_case; values are left alone.

    Args:
        document: a mapping whose keys are the schema's.
        known: the schema's keys, in snake_case.
        path: where it stands, for the messages.

    Raises:
        KeyNameError: both spellings of one key, or a key that is not known.

    >>> snake_keys({"onDone": {"userKey": 1}}, {"on_done"}, "states.a")
    {'on_done': {'userKey': 1}}
    """
    out: dict[str, Any] = {}
    for key, value in document.items():
        name = snake(str(key))
        if name not in known:
            raise KeyNameError(
                f"unknown key {key!r}", where=path, expected=", ".join(sorted(known)), path=f"{path}.{key}".lstrip(".")
            )
        if name in out:
            raise KeyNameError(
                f"{name!r} is given twice, as {name!r} and {camel(name)!r}",
                where=path,
                todo="keep one of the two",
                path=f"{path}.{key}".lstrip("."),
            )
        out[name] = value
    return out
