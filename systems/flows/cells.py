"""The columns of one definition's instances, as views of the world's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.bulk import Where
from tickwright.systems.flows.components import FlowState

if TYPE_CHECKING:
    from tickwright.ecs_core import World
    from tickwright.ecs_core.table import Table
    from tickwright.systems.flows.table import FlowTable

__all__ = ["CONFIG", "ENTERED", "Cells"]

CONFIG, ENTERED = "flow_config", "flow_entered"
_FIELDS = ("definition", "state", "subject", "revision", "created", "updated", "done")


class Cells:
    """The instances of one definition that stand in one of the world's tables; arrays have its capacity.

    Attributes:
        table: the definition's table.
        ids: int64. config: int16 or int32, the number of the configuration, -1 where the definition lost the state.
        state, subject: int32, symbols. revision: int32. created, updated: int64, ms. done: bool.
        entered: int64, ms, when the state was entered; None where no timer asks.
        values: the typed fields of the context.
        public, arrays: FlowState's column, and its arrays when they were last looked up; kind: the other component.
        config_at, revision_at, updated_at, state_at, subject_at: memoryviews, faster for one number.
    """

    __slots__ = (
        "_marks", "_own", "archetype", "arrays", "changed", "config", "config_at", "created", "done", "entered", "ids",
        "kind", "public", "revision", "revision_at", "state", "state_at", "subject", "subject_at", "table", "updated",
        "updated_at", "values", "world",
    )  # fmt: skip

    def __init__(self, world: World, table: FlowTable, archetype: Table) -> None:
        self.world = world
        self.table = table
        self.archetype = archetype
        self.public = archetype.by_kind[FlowState]
        self._own = archetype.by_kind[table.kind]
        self.kind = table.kind
        self.changed = self.public.changed
        self._marks: list[Where] = []
        self._bind()

    @property
    def count(self) -> int:
        """How many instances there are; they are the first rows."""
        return self.archetype.count

    def fresh(self) -> Cells:
        """Look the arrays up again if the world's table has grown."""
        if self.public.arrays is not self.arrays:
            self._bind()
        return self

    def _bind(self) -> None:
        self.arrays = arrays = self.public.arrays
        _, self.state, self.subject, self.revision, self.created, self.updated, self.done = arrays
        own = {field.name: array for field, array in zip(self._own.info.fields, self._own.arrays, strict=True)}
        self.ids: NDArray[np.int64] = self.archetype.ids.view(np.int64)
        self.config: NDArray[Any] = own.pop(CONFIG)
        self.entered: NDArray[np.int64] | None = own.pop(ENTERED, None)
        self.values: dict[str, NDArray[Any]] = own
        self.config_at, self.revision_at = self.config.data, self.revision.data
        self.updated_at, self.state_at, self.subject_at = self.updated.data, self.state.data, self.subject.data

    # -- changes -----------------------------------------------------------------------------------------

    def moved(self, rows: Where) -> None:
        """Note that rows changed; `mark` tells the world."""
        self._marks.append(rows)

    def mark(self) -> None:
        """Let `Changed[FlowState]` see the rows that moved."""
        if not self._marks:
            return
        tick, changed = self.world.clock.advance(), self.changed
        sizes = [rows.stop - rows.start if isinstance(rows, slice) else len(rows) for rows in self._marks]
        if sum(sizes) == self.archetype.count:  # distinct rows, as many as there are
            changed.mark_all(tick)
        else:
            for rows in self._marks:
                changed.mark(rows, tick, self.archetype.capacity)
        self._marks.clear()

    def mark_one(self, row: int) -> None:
        """Let `Changed[FlowState]` see one row."""
        ticks, tick = self.changed, self.world.clock.advance()
        if ticks.rows is None:
            ticks.mark(row, tick, self.archetype.capacity)
        else:
            ticks.rows[row] = ticks.latest = tick

    def live(self) -> slice:
        """The rows that hold instances."""
        return slice(0, self.archetype.count)

    def nbytes(self) -> int:
        """Return the bytes of the instances' columns and of the world's books on them, per capacity."""
        kept = [*self.public.arrays, *self._own.arrays, self.archetype.ids]
        entities = self.world.entities
        per_entity = entities.generation.itemsize + entities.table.itemsize + entities.row.itemsize
        return sum(array.nbytes for array in kept) + per_entity * self.archetype.capacity
