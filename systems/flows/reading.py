"""What the manager answers about instances, without changing any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwright.systems.flows.asking import Selection, select, view
from tickwright.systems.flows.errors import UnknownInstanceError
from tickwright.systems.flows.nodes import is_internal
from tickwright.systems.flows.replay import Replayed, replay_compiled
from tickwright.systems.flows.results import FlowFilter, FlowInstance, Transition
from tickwright.systems.flows.step import Image
from tickwright.systems.flows.store import FlowStore

if TYPE_CHECKING:
    from tickwright.ecs_core import World

__all__ = ["FlowReading"]


class FlowReading:
    """The half of `FlowManager` that only looks."""

    world: World
    _store: FlowStore

    def get(self, instance: int | str) -> FlowInstance | None:
        """Return an instance as it is now, or None."""
        try:
            cells, row, number = self._store.locate(instance)
        except UnknownInstanceError:
            return None
        return view(self.world, cells, row, number)

    def image(self, instance: int | str) -> Image | None:
        """Return all that the instance's next step depends on: configuration, context, memory, timers, delayed actions.

        None where the definition no longer has its state.

        Raises:
            UnknownInstanceError: no such instance.
        """
        cells, row, number = self._store.locate(instance)
        if cells.config_at[row] < 0:
            return None
        image = cells.table.image(cells, row, number)
        image.timers = () if image.config.done else cells.table.timers_of(cells, row, number, -1)
        return image

    def history(self, instance: int | str) -> tuple[Transition, ...]:
        """Return an instance's committed macrosteps, oldest first.

        Raises:
            UnknownInstanceError: no such instance.
        """
        cells, _, number = self._store.locate(instance)
        return cells.table.history(number)

    def actions(self, instance: int | str) -> tuple[str, ...]:
        """Return the actions that the instance's active states list, sorted; guards are not asked.

        Raises:
            UnknownInstanceError: no such instance.
        """
        cells, row, _ = self._store.locate(instance)
        if cells.config_at[row] < 0:
            return ()
        flow = cells.table.flow
        config = flow.config_list[cells.config_at[row]]
        if config.done:
            return ()
        return tuple(sorted({a for i in config.active for a in flow.nodes[i].on if not is_internal(a)}))

    def query(self, wanted: FlowFilter | None = None) -> Selection:
        """Return the instances that fit a filter, by id. Cost: one pass over a column per field of the filter.

        Raises:
            FlowError: it is no filter, or a field of it has the wrong type.
        """
        return select(self._store, FlowFilter() if wanted is None else wanted)

    def replay(self, instance: int | str) -> Replayed:
        """Replay an instance's history from what it was started with, by its definition as registered now.

        Raises:
            FlowError: the history leads elsewhere.
            UnknownInstanceError: no such instance.
        """
        cells, row, number = self._store.locate(instance)
        found = view(self.world, cells, row, number)
        return replay_compiled(cells.table.flow, found.started_with, found.history, subject=found.subject)

    def column_bytes(self) -> int:
        """Return the bytes that the instances' columns hold, the world's own of each entity included, history aside."""
        return sum(cells.nbytes() for table in self._store.tables for cells in table.cells())
