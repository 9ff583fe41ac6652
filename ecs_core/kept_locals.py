"""The `Local` values of an app's systems, conditions and observers, as a snapshot keeps them.

They are state like any other: a condition such as `every_n_ticks` counts in one. What has no plain form (a file, a
cache of handles) stays with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from tickwright.ecs_core.params import LocalValue
from tickwright.ecs_core.plain import builtins, pack, unpack

if TYPE_CHECKING:
    from tickwright.ecs_core.app import App
    from tickwright.ecs_core.system import System

__all__ = ["load_locals", "save_locals"]


def save_locals(app: App) -> bytes:
    """Return every value that has a plain form, by its system's name and its place among that name's."""
    saved = {key: builtins(local.holder.value) for key, local in _locals(app) if _is_plain(local)}
    return pack(dict(sorted(saved.items())), ordered=True)


def load_locals(app: App, data: Any, unknown: list[str]) -> Callable[[], None]:
    """Check saved values against the types asked for; return the call that puts them in place.

    A system that was not there when they were saved begins anew; values of systems that are not here are passed over.
    """
    saved, places = unpack(data, dict[str, Any]), list[tuple[LocalValue, Any]]()
    for key, local in _locals(app):
        if key in saved:
            try:
                places.append((local, _read(saved[key], local.hint)))
            except (msgspec.ValidationError, TypeError):
                unknown.append(f"local value {key} as {type(saved[key]).__name__}")
        elif _is_plain(local):
            places.append((local, local.make()))

    def place() -> None:
        for local, value in places:
            local.holder.value = value

    return place


def _locals(app: App) -> Iterator[tuple[str, LocalValue]]:
    """Yield (key, local) of everything that has one; parts of a pipe or a combined condition share their name."""
    counts: dict[str, int] = {}
    for system in _systems(app):
        for param in system.all_params:
            if param.local is not None:
                name = f"{system.name}.{param.name}"
                counts[name] = counts.get(name, 0) + 1
                yield f"{name}/{counts[name]}", param.local


def _systems(app: App) -> Iterator[System]:
    yield from app.schedules.systems()
    for observer in app.world.observers:
        yield observer.system


def _is_plain(local: LocalValue) -> bool:
    """Return whether a value can be saved and read again as the type that was asked for."""
    try:
        _read(builtins(local.holder.value), local.hint)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


def _read(data: Any, hint: Any) -> Any:
    """Return plain data as the type that was asked for; single values may be of another type, as `None` often is."""
    try:
        return msgspec.convert(data, hint)
    except (msgspec.ValidationError, TypeError):
        if data is None or isinstance(data, bool | int | float | str | bytes):
            return data
        raise
