"""Queries: the columns of every table that fits, chunk by chunk, or one entity at a time.

Tables are matched once; a query looks only at tables that are new since it last ran. Where a filter holds for part of
a table's rows, long runs of neighbours are handed out as slices, scattered rows as copies that are written back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, TypeVarTuple, cast

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.access import Access, Part
from tickwright.ecs_core.entity import label
from tickwright.ecs_core.gather import Gather, GatherError, check_apart
from tickwright.ecs_core.match import FreeTicks, Match, RunTicks
from tickwright.ecs_core.terms import Filter, QueryError, Term, read_query

if TYPE_CHECKING:
    from tickwright.ecs_core.params import Param, ParamContext
    from tickwright.ecs_core.symbols import Symbols
    from tickwright.ecs_core.table import Table
    from tickwright.ecs_core.world import World

__all__ = ["Query", "bind_query"]

D = TypeVar("D")
Fs = TypeVarTuple("Fs")


class Query(Generic[D, *Fs]):
    """`Query[data, filter, ...]`: the entities that have what `data` names and pass the filters.

    `data` is one term or a tuple of them: a component (read-only), `Mut[Component]`, `Component | None`,
    `Objects[Component]`, `Has[Component]`, `Entity`. Iterating gives one chunk per table, with columns as arrays.

    >>> from tickwright import Entity, Mut, Query, With, Without, World, component, f32
    >>> @component
    ... class Health:
    ...     left: f32 = 10.0
    >>> world = World()
    >>> ids = world.spawn_batch(3, Health.columns(left=[1.0, 2.0, 3.0]))
    >>> for health in world.query(Query[Mut[Health]]):
    ...     health.left -= 1.5
    >>> [row.left for row in world.query(Query[Health]).rows()]
    [-0.5, 0.5, 1.5]
    """

    __slots__ = (
        "_gather",
        "_matches",
        "_restores",
        "_seen",
        "_stamp",
        "_whole",
        "filters",
        "many",
        "marks_objects",
        "run",
        "terms",
        "where",
        "world",
    )

    def __init__(
        self, world: World, terms: list[Term], filters: list[Filter], *, many: bool, run: RunTicks, where: str
    ) -> None:
        self.world = world
        self.terms = terms
        self.filters = filters
        self.many = many
        self.run = run
        self.where = where
        self._matches: list[Match] = []
        self._seen = 0
        self._restores = world.restores
        self.marks_objects = any(term.mut and term.kind == "objects" for term in terms)
        self._stamp = -1
        self._whole: list[D] | None = None
        self._gather: Gather[D] | None = None
        for info in (*(t.info for t in terms), *(f.info for f in _flat(filters))):
            if info is not None:
                world.components.number(info.kind)

    # -- iterating -----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[D]:
        world = self.world
        if self._stamp != world.stamp.value:
            self._whole = self._chunks()
            self._stamp = world.stamp.value
        if world.lent:
            self._check_lent()
        world.loops.append(self)
        try:
            if self._whole is not None:
                yield from self._whole
            else:
                for match in self._matches:
                    if match.table.count:
                        yield from match.parts()
        finally:
            world.loops.remove(self)

    def gather(self) -> Gather[D]:
        """Return a block over all rows as one chunk: `with query.gather() as chunk`, for worlds of many small tables.

        The chunk has copies of what fits, in the order of `ids()`. At the end of the block the components that were
        written, of those asked for with `Mut`, are copied back and marked as a loop marks them; a block that raises
        writes nothing. Arrays are good until its end: the next block uses them again. Without rows they are empty.

        Meanwhile entities and components cannot come or go, as in a loop, and what would lose a write is refused: a
        block within a loop over the same components, or the other way round, and a handle's write to them. What is
        read by other ways is as it was before the block.

        Raises:
            QueryError: optional data, which one chunk has no place for.
            GatherError: when the block begins, if another loop or block has open what it writes.

        Cost: 0.05 us per table, field and direction, and the copying; the copy is kept up to 4 MB. It pays from four
        tables on, up to some hundred rows in each (docs/decisions/0003).

        >>> from tickwright import Mut, Query, World, component, f32
        >>> @component
        ... class Heat:
        ...     degrees: f32 = 20.0
        >>> world = World()
        >>> _ = world.spawn_batch(2, Heat())
        >>> with world.query(Query[Mut[Heat]]).gather() as heat:
        ...     heat.degrees += 1.5
        >>> [row.degrees for row in world.query(Heat).rows()]
        [21.5, 21.5]
        """
        kept = self._gather
        if kept is not None and not kept.is_open:
            return kept
        self._gather = made = Gather(cast("Query[D]", self))
        return made

    def _check_lent(self) -> None:
        for other in tuple(self.world.lent):
            check_apart(cast("Query[Any]", self), other)

    def check_not_lent(self, entity: int, kind: type[Any]) -> None:
        """Raise GatherError if this query, gathered just now, will write an entity's component back."""
        if entity in self and any(term.mut and term.info is not None and term.info.kind is kind for term in self.terms):
            raise GatherError(
                f"'{kind.__name__}' of entity {label(entity)} is written while {self!r} has it gathered",
                where=self.where,
                expected="no other write: the end of the block would undo it",
                todo="write it in the block's chunk, or after the block",
            )

    def _chunks(self) -> list[D] | None:
        """Return the chunks to hand out until any table changes; None if rows must be looked at every time."""
        matches = self.matches()
        if self.marks_objects or not all(match.is_dense for match in matches):
            return None
        return [match.whole() for match in matches if match.table.count]

    def rows(self) -> Iterator[D]:
        """Yield entity by entity: handles instead of views, objects instead of sequences, ints for entities.

        Cost: about a microsecond a row; ten times slower than plain objects, a hundred times slower than columns.
        """
        loops = self.world.loops
        for match in self.matches():
            if self.world.lent:
                self._check_lent()
            loops.append(self)
            try:
                for row in match.row_numbers():
                    yield self._row(match, row)
            finally:
                loops.remove(self)

    def _row(self, match: Match, row: int) -> D:
        values: Any = match.row(self, row)
        found: D = values if self.many else values[0]
        return found

    def matches(self) -> list[Match]:
        """Return the tables that fit; those are looked at that are new."""
        tables = self.world.tables
        if self._restores != self.world.restores:  # the world has other tables now
            self._matches, self._seen, self._restores = [], 0, self.world.restores
        if self._seen != len(tables):
            for table in tables[self._seen :]:
                match = Match.of(cast("Query[Any]", self), table)
                if match is not None:
                    self._matches.append(match)
            self._seen = len(tables)
        return self._matches

    # -- asking --------------------------------------------------------------------------------

    def get(self, entity: int) -> D:
        """Return one entity's row.

        Raises:
            StaleEntityError: the entity is gone.
            QueryError: it does not fit the query.
        """
        number, row = self.world.entities.find(entity)
        if self.world.lent:
            self._check_lent()
        for match in self.matches():
            if match.table.number == number and match.holds(row):
                return self._row(match, row)
        raise QueryError(
            f"entity {label(entity)} does not fit the query",
            where=self.where,
            expected=repr(self),
            todo="see world.describe(entity)",
        )

    def single(self) -> D:
        """Return the only row.

        Raises:
            QueryError: there is none, or more than one.
        """
        found = self.count()
        if found != 1:
            raise QueryError(f"{found} entities fit the query", where=self.where, expected="exactly one")
        return next(iter(self.rows()))

    def sort_by(self, key: Callable[[D], Any], *, reverse: bool = False) -> list[D]:
        """Return the rows in the order of a key of theirs; equal ones stay in table order."""
        return sorted(self.rows(), key=key, reverse=reverse)

    def ids(self) -> NDArray[np.uint64]:
        """Return the ids of all entities that fit, uint64, in table order."""
        found = [match.ids() for match in self.matches() if match.table.count]
        return np.concatenate(found) if found else np.empty(0, np.uint64)

    def count(self) -> int:
        """Return how many entities fit."""
        return sum(match.count() for match in self.matches() if match.table.count)

    def is_empty(self) -> bool:
        """Return whether no entity fits."""
        return not any(match.table.count and match.count() for match in self.matches())

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return not self.is_empty()

    def __contains__(self, entity: int) -> bool:
        if not self.world.contains(entity):
            return False
        number, row = self.world.entities.find(entity)
        return any(match.table.number == number and match.holds(row) for match in self.matches())

    def __repr__(self) -> str:
        parts = [term.info.name if term.info else "Entity" for term in self.terms]
        parts += [f"{each.kind}({each.info.name if each.info else '...'})" for each in self.filters]
        return f"Query({', '.join(parts)})"

    # -- what handles need of their origin -----------------------------------------------------

    @property
    def symbols(self) -> Symbols:
        """The world's texts."""
        return self.world.symbols

    def locate(self, entity: int, kind: type[Any]) -> tuple[Table, int]:
        """Return (table, row) of an entity that has a component."""
        return self.world.locate(entity, kind)

    def mark_changed(self, entity: int, kind: type[Any]) -> None:
        """Note a write by this query's system."""
        table, row = self.world.locate(entity, kind)
        if self.world.lent:
            self.world.check_not_lent(entity, kind)
        _, changed = table.ticks_of(self.world.components.number(kind))
        changed.mark(row, self.run.this, table.capacity)

    # -- as a parameter ------------------------------------------------------------------------

    def access(self) -> Access:
        """Return what the query touches, for schedules."""
        data: list[tuple[Term, Any]] = [(term, term.info.kind) for term in self.terms if term.info is not None]
        filters: list[tuple[Filter, Any]] = [(each, each.info.kind) for each in self.filters if each.info is not None]
        reads: set[Hashable] = {kind for term, kind in data if not term.mut}
        for each in _flat(self.filters):
            if each.info is not None and each.kind in ("added", "changed"):
                kind: Any = each.info.kind
                reads.add(kind)
        writes: set[Hashable] = {kind for term, kind in data if term.mut}
        needed: set[Hashable] = {kind for term, kind in data if term.kind != "has" and not term.optional}
        needed |= {kind for each, kind in filters if each.kind != "without"}
        lacking: set[Hashable] = {kind for each, kind in filters if each.kind == "without"}
        part = Part(frozenset(reads), frozenset(writes), frozenset(needed), frozenset(lacking))
        return Access((part,))

    @classmethod
    def __system_param__(cls, context: ParamContext, name: str, args: tuple[Any, ...]) -> Param:
        """Resolve `Query[...]` for a system."""
        from tickwright.ecs_core.params import Param

        first = context.ticks is None
        if context.ticks is None:
            context.ticks = RunTicks(context.world.clock)
            if context.lasting:
                context.world.runs[context.system] = context.ticks
        run: RunTicks = context.ticks
        where = f"system '{context.system}', parameter '{name}'"
        terms, filters, many = read_query(args, where)
        query = cls(context.world, terms, filters, many=many, run=run, where=where)
        return Param(
            name=name,
            fetch=lambda: query,
            access=query.access(),
            begin=run.begin if first else None,
            query=query,
            kind="Query",
        )


def bind_query(world: World, wanted: tuple[Any, ...]) -> Query[Any]:
    """Return a query over a world, outside of systems: it sees every row as added and changed."""
    if len(wanted) == 1 and getattr(wanted[0], "__origin__", None) is Query:
        wanted = wanted[0].__args__
    where = "world.query"
    terms, filters, many = read_query(wanted, where)
    run = FreeTicks(world.clock)
    return Query(world, terms, filters, many=many, run=run, where=where)


def _flat(filters: list[Filter] | tuple[Filter, ...]) -> Iterator[Filter]:
    for each in filters:
        yield each
        yield from _flat(each.inner)
