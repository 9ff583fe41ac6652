"""Agents' tasks in snapshots: the rows are the world's, their results are kept beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tickwright.ecs_core import ChildOf, World
from tickwright.ecs_core.app_snapshot import Section
from tickwright.ecs_core.plain import pack, plain, unpack
from tickwright.systems.agents.components import AgentTask
from tickwright.systems.agents.manager import Agents
from tickwright.systems.agents.records import AgentRecord

__all__ = ["agents_section"]


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    """What the row of a task does not hold; a result that is no plain data is left out."""

    id: str
    error: str
    result: Any


def agents_section(world: World, agents: Agents) -> Section:
    """Return the tasks' part of snapshots; tasks that run here are interrupted by a restore, and fail."""
    return Section("agents", lambda: _save(agents), lambda body, _: _load(world, agents, body))


def _save(agents: Agents) -> bytes:
    return pack([[record.id, record.error, _plain(record.result)] for record in agents.records()])


def _plain(result: Any) -> Any:
    try:
        return plain([result])[0]
    except (TypeError, AttributeError):
        return None


def _load(world: World, agents: Agents, body: Any) -> Callable[[], object]:
    saved = msgspec.convert(unpack(body), list[_Saved])
    return lambda: agents.replace_all([_record(world, each) for each in saved if world.contains(int(each.id))])


def _record(world: World, saved: _Saved) -> AgentRecord:
    entity = int(saved.id)
    row = world.get(entity, AgentTask)
    parent = world.get_or_none(entity, ChildOf)
    return AgentRecord(
        id=saved.id,
        agent=row.agent,
        parent=str(int(parent.parent)) if parent is not None else "",
        status=row.status,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        timeout_s=row.timeout_s or None,
        owner=row.owner,
        result=saved.result,
        error=saved.error,
        external=row.external,
    )
