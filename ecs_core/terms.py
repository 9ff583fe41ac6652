"""What a query may ask for: data terms and filters, and how their type hints are read."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar, TypeVarTuple

from tickwright.ecs_core.component import ComponentError, ComponentInfo, info_of
from tickwright.ecs_core.entity import Entity
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.registry import Components

__all__ = [
    "Added",
    "Changed",
    "Filter",
    "Has",
    "Mut",
    "Objects",
    "Or",
    "QueryError",
    "Term",
    "With",
    "Without",
    "named_terms",
    "read_query",
]

T = TypeVar("T")
Fs = TypeVarTuple("Fs")


class QueryError(TickwrightError):
    """What no query can ask for, or an answer that was to be single."""


class _Mut:
    def __repr__(self) -> str:
        return "Mut"


_MUT = _Mut()
Mut: TypeAlias = Annotated[T, _MUT]
"""A component that the query writes."""


class With(Generic[T]):
    """Only entities that have a component."""


class Without(Generic[T]):
    """Only entities that lack a component."""


class Added(Generic[T]):
    """Only entities that got the component since the system's last run."""


class Changed(Generic[T]):
    """Only entities whose component was added or written since the system's last run."""


class Or(Generic[*Fs]):
    """Entities for which one of several filters holds."""


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    class Has(np.ndarray[Any, np.dtype[np.bool_]], Generic[T]):
        """Data: whether each entity has a component, bool (rows,)."""

    Objects: TypeAlias = Sequence[T]
else:

    class Has(Generic[T]):
        """Data: whether each entity has a component, bool (rows,)."""

    class Objects(Generic[T]):
        """Data: the object components of a kind, a sequence in row order."""


@dataclass(frozen=True, slots=True)
class Term:
    """One piece of a query's data.

    Attributes:
        kind: "entity", "view", "objects", "has", "tag".
    """

    kind: str
    info: ComponentInfo | None = None
    mut: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter; "or" has others inside."""

    kind: str
    info: ComponentInfo | None = None
    inner: tuple[Filter, ...] = ()


def named_terms(components: Components, data: tuple[str, ...], filters: Mapping[str, Sequence[str]]) -> tuple[Any, ...]:
    """Return the arguments of `Query[...]` for names: "Entity", "Position", "mut Position", "Position?".

    Raises:
        ComponentError: no component has a name; the nearest is suggested.
    """
    parts: list[Any] = []
    for each in data:
        if each == "Entity":
            parts.append(Entity)
            continue
        name = each.removeprefix("mut ").removesuffix("?").strip()
        part: Any = components.require(name)
        part = Annotated[part, _MUT] if each.startswith("mut ") else part
        parts.append(typing.Optional[part] if each.endswith("?") else part)  # noqa: UP045  # Annotated has no |
    kinds: dict[str, Any] = {"with_": With, "without": Without, "added": Added, "changed": Changed}
    wanted = [kinds[key][components.require(name)] for key, names in filters.items() for name in names]
    return (types.GenericAlias(tuple, tuple(parts)), *wanted)


_FILTERS = {With: "with", Without: "without", Added: "added", Changed: "changed"}


def read_query(wanted: tuple[Any, ...], where: str) -> tuple[list[Term], list[Filter], bool]:
    """Return (data terms, filters, whether the data is a tuple) of `Query[...]`'s arguments.

    Raises:
        QueryError: an argument that means nothing, or a component both read and written.
    """
    if not wanted:
        raise QueryError("a query without data", where=where, expected="Query[Position] or Query[tuple[Entity, ...]]")
    data, *rest = wanted
    many = typing.get_origin(data) is tuple
    parts = typing.get_args(data) if many else (data,)
    try:
        terms = [_term(each, where) for each in parts]
        filters = [_filter(each, where) for each in rest]
    except ComponentError as error:
        raise QueryError(error.what, where=where, expected=error.expected, todo=error.todo) from None
    _check_conflicts(terms, where)
    return terms, filters, many


def _term(hint: Any, where: str) -> Term:
    optional = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [each for each in typing.get_args(hint) if each is not type(None)]
        if len(rest) != 1:
            raise QueryError(f"{hint} in a query", where=where, expected="one component, or `Component | None`")
        optional, hint = True, rest[0]
    if hint is Entity:
        return Term("entity")
    mut = False
    if typing.get_origin(hint) is Annotated:
        mut = any(isinstance(each, _Mut) for each in hint.__metadata__)
        hint = typing.get_args(hint)[0]
    origin = typing.get_origin(hint)
    if origin is Has:
        return Term("has", info_of(typing.get_args(hint)[0]))
    if origin is Objects:
        info = info_of(typing.get_args(hint)[0])
        if info.storage != "object":
            raise QueryError(
                f"Objects[{info.name}] in a query", where=where, expected=f"{info.name} itself: it has columns"
            )
        return Term("objects", info, mut, optional)
    if origin in _FILTERS or origin is Or:
        raise QueryError(f"the filter {_shown(hint)} among the data", where=where, expected="filters after the data")
    info = info_of(hint)
    kind = {"object": "objects", "table": "view"}.get(info.storage, "tag")
    return Term(kind, info, mut, optional)


def _shown(hint: Any) -> str:
    """Return a hint as it is written, without modules."""
    names = [_shown(each) for each in typing.get_args(hint)]
    name = getattr(typing.get_origin(hint) or hint, "__name__", str(hint))
    return f"{name}[{', '.join(names)}]" if names else name


def _filter(hint: Any, where: str) -> Filter:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Or:
        return Filter("or", inner=tuple(_filter(each, where) for each in args))
    if origin not in _FILTERS:
        raise QueryError(
            f"{getattr(hint, '__name__', hint)} is no filter",
            where=where,
            expected="With, Without, Added, Changed or Or after the data",
            todo="for more than one piece of data write Query[tuple[A, B], ...]",
        )
    return Filter(_FILTERS[origin], info_of(args[0]))


def _check_conflicts(terms: list[Term], where: str) -> None:
    seen: dict[str, bool] = {}
    for term in terms:
        if term.info is None or term.kind == "has":
            continue
        name = term.info.name
        if name in seen and (seen[name] or term.mut):
            raise QueryError(f"'{name}' is both read and written", where=where, expected="one term per component")
        seen[name] = term.mut
