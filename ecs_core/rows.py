"""What a component's rows look like from outside: handles for one entity, views for whole columns.

A handle is an instance of the component's own class whose fields read and write the entity's row, wherever it moves.
A view has the fields as arrays; taking a field of a writable view marks the column as changed, in O(1).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.component import ComponentError, ComponentInfo, FieldInfo
from tickwright.ecs_core.errors import TickwrightError

if TYPE_CHECKING:
    from tickwright.ecs_core.symbols import Symbols
    from tickwright.ecs_core.table import Column, Table

__all__ = ["HasSymbols", "Origin", "ReadOnlyError", "RowTypes", "View", "bad_value", "plain_value"]


Marks = tuple[Callable[[], None], Callable[[NDArray[np.intp]], None]]
"""How a view's writes are noted: of all its rows, and of some of them by their places in the view."""


class HasSymbols(Protocol):
    """A world, or what speaks for one."""

    @property
    def symbols(self) -> Symbols:
        """The world's texts."""
        ...


class Origin(HasSymbols, Protocol):
    """Where a handle comes from: the world, or a query, whose writes bear its system's tick."""

    def locate(self, entity: int, kind: type[Any]) -> tuple[Table, int]:
        """Return (table, row) of an entity that has a component."""
        ...

    def mark_changed(self, entity: int, kind: type[Any]) -> None:
        """Note a write."""
        ...


class ReadOnlyError(TickwrightError):
    """A write to a component that was asked for without Mut."""


class RowTypes:
    """The classes made for one component; made once, with the component."""

    def __init__(self, info: ComponentInfo) -> None:
        self.info = info
        self.handle = _handle_type(info, writable=True)
        self.read_handle = _handle_type(info, writable=False)
        self.view = _view_type(info, writable=True)
        self.read_view = _view_type(info, writable=False)

    def bind(self, world: Origin, entity: int, table: Table, row: int, *, writable: bool) -> Any:
        """Return a handle of one row."""
        kind = self.handle if writable else self.read_handle
        handle = object.__new__(kind)
        table.bound = True
        handle._cells = table.by_kind[self.info.kind].cells
        handle._row = row
        handle._entity = entity
        handle._world = world
        return handle

    def part(self, column: Column, rows: slice, mark: Marks | None) -> View:
        """Return a view of neighbouring rows; writable if there are `mark` and `touch` to call on writes."""
        if column.block is not None:
            block = column.block[:, rows]
            return self._view(list(block), block, mark)
        return self._view([array[rows] for array in column.arrays], None, mark)

    def gathered(self, column: Column, rows: NDArray[Any], mark: Marks | None) -> View:
        """Return a view of copies; a writable one is written back by `scatter`."""
        if column.block is not None:
            block = column.block.take(rows, axis=1)
            return self._view(list(block), block, mark)
        return self._view([array.take(rows) for array in column.arrays], None, mark)

    def of_arrays(
        self, arrays: list[NDArray[Any]], block: NDArray[Any] | None = None, mark: Marks | None = None
    ) -> View:
        """Return a view of arrays, one per field, and of all as one; read-only without `mark`."""
        return self._view(arrays, block, mark)

    @staticmethod
    def scatter(view: View, column: Column, rows: NDArray[Any]) -> None:
        """Write a gathered view's rows back."""
        for array, values in zip(column.arrays, view._arrays, strict=True):
            array[rows] = values

    def _view(self, arrays: list[NDArray[Any]], block: NDArray[Any] | None, mark: Marks | None) -> View:
        if mark is not None:
            made: View = self.view()
            made._mark, made._touch = mark
        else:
            made = self.read_view()
            for array in arrays:
                array.flags.writeable = False
            if block is not None:
                block = block.view()
                block.flags.writeable = False
            for field, array in zip(self.info.fields, arrays, strict=True):
                getattr(self.read_view, field.name).__set__(made, array)
        made._arrays = arrays
        made._block = block
        return made


# -- handles -------------------------------------------------------------------------------------


def _is_target(info: ComponentInfo, number: int) -> bool:
    """Return whether a field is a relation's target: others know it, so it is written by inserting the relation."""
    return number == 0 and hasattr(info.kind, "__relation__")


def _handle_type(info: ComponentInfo, *, writable: bool) -> type[Any]:
    """Return a subclass of the component's class whose fields are columns' cells."""
    body: dict[str, Any] = {
        "__slots__": ("_cells", "_entity", "_row", "_world"),
        "__module__": info.kind.__module__,
        "__qualname__": info.kind.__qualname__,
        "__doc__": info.kind.__doc__,
        "__component__": info,
        "__new__": lambda _cls, *values, **named: info.kind(*values, **named),  # dataclasses.replace: a plain instance
        "__eq__": _equal,
        "__hash__": None,
        "__copy__": _plain,
        "__deepcopy__": lambda self, _memo: _plain(self),
        "__reduce__": lambda self: (info.kind, tuple(getattr(self, each.name) for each in info.fields)),
    }
    for number, field in enumerate(info.fields):
        can_write = writable and not _is_target(info, number)
        setter = _setter(info, field, number) if can_write else _refuse(info, field)
        body[field.name] = property(_getter(field, number), setter)
    return type(info.kind.__name__, (info.kind,), body)


def _getter(field: FieldInfo, number: int) -> Callable[[Any], Any]:
    def get(self: Any) -> Any:
        try:
            return self._cells[number][self._row]
        except IndexError:
            return _rebind(self)[number][self._row]

    if field.kind == "symbol":
        return lambda self: self._world.symbols.text(get(self))
    if field.enum_type is not None:
        make: type[enum.Enum] = field.enum_type
        return lambda self: make(get(self))
    return get


def _setter(info: ComponentInfo, field: FieldInfo, number: int) -> Callable[[Any, Any], None]:
    def write(self: Any, value: Any) -> None:
        plain = plain_value(self._world, info, field, value)
        cells = self._cells or _rebind(self)
        self._world.mark_changed(self._entity, info.kind)  # first: it may be refused
        cells[number][self._row] = plain

    return write


def plain_value(world: HasSymbols, info: ComponentInfo, field: FieldInfo, value: Any) -> Any:
    """Return a field's value as its column stores it.

    Raises:
        ComponentError: it does not fit the column.
    """
    try:
        if field.kind == "symbol":
            return world.symbols.intern(value)
        if field.enum_type is not None:
            return field.enum_type(value).value
        if field.dtype.kind == "f":
            return value.__float__()  # `float` would read text
        if field.dtype.kind == "b":
            return _boolean(value)
        number = value.__index__()
        if field.dtype.type(number) == number:
            return number
    except (TypeError, ValueError, OverflowError, AttributeError, TickwrightError):
        pass
    raise bad_value(info, field, value)


def bad_value(info: ComponentInfo, field: FieldInfo, value: Any) -> ComponentError:
    """Return the error for a value that does not fit a column."""
    kinds = {"symbol": "a str", "entity": "an Entity", "enum": f"a {getattr(field.enum_type, '__name__', '')}"}
    shown = repr(value) if len(repr(value)) < 60 else type(value).__name__
    return ComponentError(
        f"field '{field.name}' of component '{info.name}' cannot hold {shown}",
        expected=kinds.get(field.kind, f"a number that fits {field.dtype}" if field.dtype.kind != "b" else "a bool"),
        component=info.name,
        field=field.name,
    )


def _boolean(value: Any) -> bool:
    if isinstance(value, bool | np.bool_) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise ValueError


def _refuse(info: ComponentInfo, field: FieldInfo) -> Callable[[Any, Any], None]:
    def write(_self: Any, _value: Any) -> None:
        raise read_only(info, field.name)

    return write


def read_only(info: ComponentInfo, field: str) -> ReadOnlyError:
    """Return the error for a write without Mut, or to a relation's target."""
    if hasattr(info.kind, "__relation__") and field in (info.fields[0].name, "values"):
        return ReadOnlyError(
            f"'{info.name}.{info.fields[0].name}' is a relation's target",
            expected="the relation inserted anew",
            todo=f"write {info.name}(...) by world.insert or commands.insert, so that the target's side follows",
        )
    return ReadOnlyError(
        f"'{info.name}.{field}' is read-only here",
        expected=f"Mut[{info.name}] in the query",
        todo="ask for it with Mut, so that the schedule knows of the write",
    )


def _rebind(handle: Any) -> list[memoryview]:
    """Find the handle's row again: rows have moved since."""
    world, entity, info = handle._world, handle._entity, type(handle).__component__
    table, row = world.locate(entity, info.kind)
    table.bound = True
    cells: list[memoryview] = table.by_kind[info.kind].cells
    handle._cells, handle._row = cells, row
    return cells


def _equal(self: Any, other: object) -> Any:
    info: ComponentInfo = type(self).__component__
    if getattr(type(other), "__component__", None) is not info:
        return NotImplemented
    return all(getattr(self, each.name) == getattr(other, each.name) for each in info.fields)


def _plain(self: Any) -> Any:
    """Return a copy that stands alone."""
    info: ComponentInfo = type(self).__component__
    made = object.__new__(info.kind)
    for each in info.fields:
        setattr(made, each.name, getattr(self, each.name))
    return made


# -- views ---------------------------------------------------------------------------------------


class View:
    """The columns of one component, one array per field, each of shape (rows,).

    `values` is all of them as one array (fields, rows), for components whose fields share a dtype.
    """

    __slots__ = ("_arrays", "_block", "_mark", "_touch")

    _info: ComponentInfo
    _arrays: list[NDArray[Any]]
    _block: NDArray[Any] | None
    _mark: Callable[[], None]
    _touch: Callable[[NDArray[np.intp]], None]

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __repr__(self) -> str:
        return f"View({self._info.name}; {len(self)} rows)"

    def set_if_changed(self, **columns: Any) -> int:
        """Write values, arrays (rows,) or scalars, only where they differ; mark and count only those rows.

        Raises:
            ComponentError: no such field, or values that do not fit it; nothing is written then.
            ReadOnlyError: the component was asked for without Mut.
        """
        names = [each.name for each in self._info.fields]
        for name in columns:
            self._info.field(name)
            if not hasattr(self, "_touch") or _is_target(self._info, names.index(name)):
                raise read_only(self._info, name)
        arrays = [self._arrays[names.index(name)] for name in columns]
        wanted = [
            _fitting(self._info, self._info.field(name), value, mine.shape)
            for mine, (name, value) in zip(arrays, columns.items(), strict=True)
        ]  # all of them before any is written: one may not fit
        differ = np.zeros(len(self), np.bool_)
        for mine, given in zip(arrays, wanted, strict=True):
            places = np.flatnonzero(mine != given)
            mine[places] = given[places]
            differ[places] = True
        rows = np.flatnonzero(differ)
        if len(rows):
            self._touch(rows)
        return len(rows)

    def _whole(self) -> NDArray[Any]:
        if self._block is None:
            raise ComponentError(
                f"the fields of component '{self._info.name}' have different types",
                expected="one dtype for all fields",
                todo="take the fields one by one",
                component=self._info.name,
                field="values",
            )
        return self._block


def _fitting(info: ComponentInfo, field: FieldInfo, value: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return values as a column of `shape`; numbers are never cut off to fit."""
    try:
        given = np.asarray(value)
        if given.dtype != field.dtype and given.size:
            fits = given.dtype.kind in {"f": "fiub", "b": "b"}.get(field.dtype.kind, "iu")
            if fits and field.dtype.kind in "iu":
                limits = np.iinfo(field.dtype)
                fits = bool(given.min() >= limits.min and given.max() <= limits.max)
            if not fits:
                raise ValueError
    except (TypeError, ValueError):
        raise bad_value(info, field, value) from None
    if given.shape not in ((), shape):
        raise ComponentError(
            f"values of field '{field.name}' of component '{info.name}' have shape {given.shape}",
            expected=f"{shape} or a scalar",
            component=info.name,
            field=field.name,
        )
    return np.broadcast_to(given.astype(field.dtype, copy=False), shape)


def _view_type(info: ComponentInfo, *, writable: bool) -> type[Any]:
    body: dict[str, Any] = {"__slots__": () if writable else tuple(each.name for each in info.fields), "_info": info}
    if writable:
        for number, field in enumerate(info.fields):
            body[field.name] = property(_take(number), _assign(number))
        body["values"] = property(_take_whole, _assign_whole)
        if _is_target(info, 0):
            body[info.fields[0].name] = property(_look_at_target, _guard_target)
            body["values"] = property(_guard_target, _guard_target)
    else:
        body["values"] = property(View._whole)
        body["__setattr__"] = _guard
    return type(f"{info.kind.__name__}View", (View,), body)


def _take(number: int) -> Callable[[Any], Any]:
    def take(self: Any) -> Any:
        self._mark()
        return self._arrays[number]

    return take


def _assign(number: int) -> Callable[[Any, Any], None]:
    def assign(self: Any, value: Any) -> None:
        mine = self._arrays[number]
        if value is not mine:  # `pos.x += 1` ends by assigning the array to itself
            self._mark()
            mine[...] = value

    return assign


def _look_at_target(self: Any) -> NDArray[Any]:
    found: NDArray[Any] = self._arrays[0].view()
    found.flags.writeable = False
    return found


def _guard_target(self: Any, _value: Any = None) -> None:
    raise read_only(self._info, "values")


def _take_whole(self: Any) -> NDArray[Any]:
    self._mark()
    found: NDArray[Any] | None = self._block
    return found if found is not None else self._whole()


def _assign_whole(self: Any, value: Any) -> None:
    if value is not self._block or value is None:  # `view.values += 1` ends by assigning the block to itself
        mine = self._whole()
        self._mark()
        mine[...] = value


def _guard(self: Any, name: str, value: Any) -> None:
    if name in ("_arrays", "_block"):
        object.__setattr__(self, name, value)
    else:
        raise read_only(self._info, name)
