"""The columns of a Lua system: declared once, bound to the world's arrays for each call, table by table.

On luajit Lua works on the arrays in place; on lua54 their bytes go in and those of changed columns come out. Fields of
object components are no arrays: Lua asks for them one by one while the call lasts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tickwright.ecs_core.component import ComponentInfo, info_of
from tickwright.plugins.lua.components import fields_of, nearest_of, plain_field
from tickwright.plugins.lua.errors import PluginRuntimeError, PluginValueError

if TYPE_CHECKING:
    from tickwright.plugins.lua.runtime import Runtime

__all__ = ["Column", "Columns", "column_of"]


@dataclass(frozen=True, slots=True)
class Column:
    """One field of one component.

    Attributes:
        storage: a dtype's name, "symbol" (text in Lua), "enum" (a number) or "object".
        place: the field's number among the component's columns; -1 for objects.
        members: the values an enum may have.
    """

    component: str
    field: str
    written: bool
    storage: str
    place: int = -1
    members: tuple[int, ...] = ()


def column_of(kind: type[Any], field: str, *, written: bool) -> Column:
    """Describe a column.

    Raises:
        PluginValueError: the component has no such field.
    """
    info = info_of(kind)
    known = fields_of(info)
    if field not in known:
        raise PluginValueError(
            f"component '{info.name}' has no field '{field}'{nearest_of(field, known)}",
            expected=", ".join(known) or "no field: name a tag in `with`",
        )
    if info.storage != "table":
        return Column(info.name, field, written, "object")
    found = info.field(field)
    storage = found.kind if found.kind in ("symbol", "enum") else found.dtype.name
    members = tuple(int(each.value) for each in found.enum_type) if found.enum_type is not None else ()
    return Column(info.name, field, written, storage, known.index(field), members)


class Columns:
    """All columns of one system.

    Args:
        runtime: the plugin's.
        number: the system's number in the runtime.
        columns: what `reads` and `writes` name.
    """

    def __init__(self, runtime: Runtime, number: int, columns: Sequence[Column]) -> None:
        self._runtime = runtime
        self._number = number
        self._columns = tuple(columns)
        self._objects: dict[int, Sequence[Any]] = {}
        self._ids: Any = ()

    def declare(self, handle: int) -> None:
        """Make the Lua side of the columns; the column of ids comes last."""
        call, write = self._runtime.call, self._runtime.write
        call("system", self._number, handle)
        for each in self._columns:
            names = (each.component.encode(), each.field.encode(), each.storage.encode())
            call("column", self._number, *names, each.written, write(list(each.members)))
        call("column", self._number, b"", b"entity", b"uint64", False)
        call("system_ready", self._number)

    # Running ---------------------------------------------------------------------------------------------------

    def run(self, function: str, ids: Any, views: Mapping[str, Any], dt: float, *, hook: str) -> None:
        """Call the system for one table (or one run of neighbouring rows, or copies of scattered ones).

        Args:
            function: run_system or run_rows.
            ids: uint64 (rows,).
            views: component name -> its view, or its objects.
            dt: seconds.
            hook: for errors.
        """
        # Views, and with them the arrays, stay referenced until the call is over: Lua holds addresses into them.
        # `_arrays` and not the field: taking a field marks its component as changed, whatever Lua does then.
        arrays = [None if each.place < 0 else views[each.component]._arrays[each.place] for each in self._columns]
        self._objects = {i: views[each.component] for i, each in enumerate(self._columns, 1) if each.place < 0}
        self._ids = ids
        try:
            if self._runtime.engine.ffi:
                self._in_place(function, arrays, views, dt, hook)
            else:
                self._by_copies(function, arrays, views, dt, hook)
        finally:
            self._objects, self._ids = {}, ()

    def _in_place(self, function: str, arrays: list[Any], views: Mapping[str, Any], dt: float, hook: str) -> None:
        sources = [array if array is None else np.ascontiguousarray(array) for array in (*arrays, self._ids)]
        at = [array if array is None else array.__array_interface__["data"][0] for array in sources]
        try:
            dirty = self._runtime.call(function, self._number, len(self._ids), dt, *at, hook=hook)
        except PluginRuntimeError:
            self._mark(views, [True] * len(self._columns))  # what was written before the error stands
            raise
        for source, array in zip(sources, arrays, strict=False):
            if source is not array:
                array[:] = source
        self._mark(views, dirty)

    def _by_copies(self, function: str, arrays: list[Any], views: Mapping[str, Any], dt: float, hook: str) -> None:
        copies = [array if array is None else array.tobytes() for array in (*arrays, self._ids)]
        answer = self._runtime.call(function, self._number, len(self._ids), dt, *copies, hook=hook)
        written = [array for array, each in zip(arrays, self._columns, strict=True) if each.written]
        for array, data in zip(written, answer, strict=True):
            if array is not None and data:
                array[:] = np.frombuffer(data, array.dtype)
        self._mark(views, answer)

    def _mark(self, views: Mapping[str, Any], dirty: Sequence[Any]) -> None:
        written = [each for each in self._columns if each.written]
        for name in {
            each.component for each, is_dirty in zip(written, dirty, strict=False) if is_dirty and each.place >= 0
        }:
            views[name]._mark()

    # Fields of objects -----------------------------------------------------------------------------------------

    def object_field(self, column: int, row: int) -> Any:
        """Return a field of an object component as plain data; both numbers are 1-based."""
        return plain_field(getattr(self._object(column, row), self._columns[column - 1].field))

    def set_object_field(self, world: Any, column: int, row: int, value: Any) -> None:
        """Write a field of an object component.

        Raises:
            PluginValueError: it cannot be written, or is of another type.
        """
        each, found = self._columns[column - 1], self._object(column, row)
        try:
            value = _like(getattr(found, each.field), value)
        except (TypeError, ValueError):
            kind = type(getattr(found, each.field)).__name__
            what = f"field '{each.field}' of component '{each.component}' is a {kind}, not a {type(value).__name__}"
            raise PluginValueError(what) from None
        try:
            setattr(found, each.field, value)
        except AttributeError as error:
            raise PluginValueError(f"component '{each.component}' cannot be written: {error}") from None
        info: ComponentInfo = info_of(world.component_named(each.component))
        world.mark_changed(int(self._ids[row - 1]), info.kind)

    def _object(self, column: int, row: int) -> Any:
        objects = self._objects.get(column)
        if objects is None:
            raise PluginValueError("a column was used outside its system's call")
        return objects[row - 1]


def _like(before: Any, value: Any) -> Any:
    """Return a value in the type of the one it replaces.

    Raises:
        TypeError, ValueError: it has no such form.
    """
    kind = type(before)
    if before is None or type(value) is kind:
        return value
    if isinstance(before, enum.Enum):
        return kind(value)
    if isinstance(before, list | tuple) and (isinstance(value, list) or value == {}):
        return kind(value)
    if isinstance(before, int | float) and not isinstance(before, bool) and isinstance(value, int | float):
        return kind(value) if kind(value) == value else value
    raise TypeError
