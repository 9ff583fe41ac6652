"""Starting many instances at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.contracts.events import FlowFinished, FlowStarted
from tickwright.systems.contracts.json import EMPTY, FrozenDict
from tickwright.systems.flows.cells import CONFIG, ENTERED
from tickwright.systems.flows.compiled import CompiledFlow, Config
from tickwright.systems.flows.components import FlowState
from tickwright.systems.flows.context import FlowEvent
from tickwright.systems.flows.errors import FlowError
from tickwright.systems.flows.step import begin
from tickwright.systems.flows.stepper import Stepper
from tickwright.systems.flows.store import FlowStore
from tickwright.systems.flows.table import FlowTable

__all__ = ["start_batch"]


def start_batch(
    store: FlowStore,
    stepper: Stepper,
    table: FlowTable,
    n: int,
    subject: str | Sequence[str],
    user: str,
    columns: Mapping[str, Any],
) -> NDArray[np.int64]:
    """Start `n` instances; see `FlowManager.start_batch`."""
    store.check_outside("start_batch")
    if type(n) is not int or n < 0:
        raise FlowError(f"{n!r} is no number of instances", expected="0 or more")
    texts = subject if isinstance(subject, str) else list(subject)
    if not isinstance(texts, str) and len(texts) != n:
        raise FlowError(f"{len(texts)} subjects for {n} instances", expected="one subject, or one per instance")
    values = _checked(table, n, columns)
    flow = table.flow
    calls = any(node.enter for node in flow.nodes) or not flow.rests
    if not table.dense.usable or calls:
        return _one_by_one(store, stepper, table, n, texts, user, values)
    world, now = store.world, store.world.now()
    run = begin(flow, table.defaults, FlowEvent.of("", user, now, None))
    subjects: Any = texts if isinstance(texts, str) else world.symbols.intern_batch(texts)
    kind: Any = FlowState
    state = kind.columns(
        definition=flow.definition.id, state=run.config.current_state, subject=subjects,
        created_at=now, updated_at=now, done=run.config.done,
    )  # fmt: skip
    typed = {**table.typed(table.defaults), **values}
    clock = {ENTERED: now} if table.dense.clocked else {}
    made = world.spawn_batch(n, state, table.kind.columns(**{CONFIG: run.config.index, **clock, **typed}))
    ids = made.view(np.int64)
    ids.flags.writeable = False
    for deadline, node, place in run.timers:
        store.calendar.add_group(deadline, ids.copy(), node, place)
    if columns or user:
        table.begun.append((ids, values, user))
    if store.listened:
        _tell(store, flow, run.config, ids, texts)
    return ids


def _tell(store: FlowStore, flow: CompiledFlow, config: Config, ids: NDArray[np.int64], texts: str | list[str]) -> None:
    """Send the events of a batch that was started at once, if somebody subscribed to them."""
    begun, ended = store.hears(FlowStarted), config.done and store.hears(FlowFinished)
    definition, state, output = flow.definition.id, config.current_state, flow.output_of(config)
    for at, instance in enumerate(ids.tolist()) if begun or ended else ():
        name = str(instance)
        if begun:
            subject = texts if isinstance(texts, str) else texts[at]
            store.tell(FlowStarted(definition=definition, instance=name, state=state, subject_=subject))
        if ended:
            store.tell(FlowFinished(definition=definition, instance=name, state=state, output=output))


def _checked(table: FlowTable, n: int, columns: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the columns in their own types, shape (n,) each.

    Raises:
        FlowError: an unknown field, a wrong shape, or a value that would not come back as it was.
    """
    found = {}
    where = f"flow {table.flow.definition.id!r}"
    for name, given in columns.items():
        if name not in table.types:
            known = ", ".join(table.types) or "fields in context_types"
            raise FlowError(f"no typed field {name!r}", where=where, expected=known)
        dtype = table.types[name]
        try:
            array = np.asarray(given)
            wide = array if array.ndim == 0 else np.broadcast_to(array, (n,))
            cast = wide.astype(dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise FlowError(f"{name}={given!r:.60} does not fit", where=where, expected=f"{dtype}, ({n},)") from error
        changed = dtype.kind in "iub" and not np.array_equal(cast, wide)
        endless = dtype.kind == "f" and not np.isfinite(cast).all()
        if changed or endless or (dtype.kind == "b") != (wide.dtype.kind == "b"):
            raise FlowError(f"{name} holds values that {dtype} cannot", where=where, expected=f"{dtype}, finite")
        found[name] = np.broadcast_to(cast, (n,))
    return found


def _one_by_one(
    store: FlowStore,
    stepper: Stepper,
    table: FlowTable,
    n: int,
    texts: str | list[str],
    user: str,
    values: dict[str, NDArray[Any]],
) -> NDArray[np.int64]:
    made: list[int] = []
    try:
        for i in range(n):
            given = FrozenDict({name: column[i].item() for name, column in values.items()}) if values else EMPTY
            made.append(stepper.start(table, given, texts if isinstance(texts, str) else texts[i], user))
    except FlowError:
        store.world.despawn_batch(made)  # all or none
        raise
    return np.array(made, np.int64)
