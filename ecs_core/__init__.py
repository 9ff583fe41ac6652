"""The engine: entities, components, queries, commands, events, schedules, app, clock, tasks, snapshots.

What few programs use and is slow to import loads on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tickwright.ecs_core.app import App, AppExit
from tickwright.ecs_core.clock import Clock, ManualClock, SystemClock
from tickwright.ecs_core.commands import Commands
from tickwright.ecs_core.component import (
    Bundle,
    ComponentError,
    ComponentInfo,
    FieldInfo,
    Symbol,
    column,
    columns,
    component,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
)
from tickwright.ecs_core.entity import Entity, Ids, StaleEntityError
from tickwright.ecs_core.errors import AppClosedError, TickError, TickwrightError
from tickwright.ecs_core.events import EventBatch, EventError, EventQueue, EventReader, Events, EventWriter
from tickwright.ecs_core.gather import Gather, GatherError
from tickwright.ecs_core.guard import StructuralChangeError
from tickwright.ecs_core.inbox import InboxFullError
from tickwright.ecs_core.kernel import Kernel, kernel
from tickwright.ecs_core.name import Name
from tickwright.ecs_core.observers import Observer, On
from tickwright.ecs_core.params import Local, Param, ParamContext, Res, ResMut
from tickwright.ecs_core.plugin import EngineContext, Plugin, PluginError, PluginGroup
from tickwright.ecs_core.policy import Failure, Failures
from tickwright.ecs_core.probe import Diagnostics
from tickwright.ecs_core.pump import SettleError
from tickwright.ecs_core.query import Query
from tickwright.ecs_core.relations import ChildOf, Children, RelationError, relation
from tickwright.ecs_core.removed import RemovedComponents
from tickwright.ecs_core.rows import ReadOnlyError, View
from tickwright.ecs_core.run_many import RunResult, run_many
from tickwright.ecs_core.schedule import (
    First,
    FixedUpdate,
    Last,
    PostUpdate,
    PreUpdate,
    ScheduleCycleError,
    ScheduleError,
    ScheduleGraph,
    ScheduleLabel,
    Startup,
    SystemParamError,
    SystemRunError,
    Update,
    chain,
)
from tickwright.ecs_core.schedule.conditions import (
    all_of,
    any_of,
    every_n_ticks,
    in_state,
    not_,
    on_event,
    on_timer,
    resource_exists,
    run_once,
)
from tickwright.ecs_core.sets import SystemSet
from tickwright.ecs_core.states import NextState, OnEnter, OnExit, OnTransition, State, StateError, StateTransitioned
from tickwright.ecs_core.stepping import Stepping
from tickwright.ecs_core.storage import ComponentMissingError
from tickwright.ecs_core.symbols import SymbolError, Symbols
from tickwright.ecs_core.system import pipe
from tickwright.ecs_core.tasks import Task, TaskError, TaskResult, Tasks
from tickwright.ecs_core.terms import Added, Changed, Has, Mut, Objects, Or, QueryError, With, Without
from tickwright.ecs_core.time import FixedTime, Time
from tickwright.ecs_core.world import World

if TYPE_CHECKING:
    from tickwright.ecs_core.app_snapshot import AppSnapshotError
    from tickwright.ecs_core.esper_processors import EsperProcessors
    from tickwright.ecs_core.recorder import Recorder, RecorderError
    from tickwright.ecs_core.rng import Rng

__all__ = [
    "Added",
    "App",
    "AppClosedError",
    "AppExit",
    "AppSnapshotError",
    "Bundle",
    "Changed",
    "ChildOf",
    "Children",
    "Clock",
    "Commands",
    "ComponentError",
    "ComponentInfo",
    "ComponentMissingError",
    "Diagnostics",
    "EngineContext",
    "Entity",
    "EsperProcessors",
    "EventBatch",
    "EventError",
    "EventQueue",
    "EventReader",
    "EventWriter",
    "Events",
    "Failure",
    "Failures",
    "FieldInfo",
    "First",
    "FixedTime",
    "FixedUpdate",
    "Gather",
    "GatherError",
    "Has",
    "Ids",
    "InboxFullError",
    "Kernel",
    "Last",
    "Local",
    "ManualClock",
    "Mut",
    "Name",
    "NextState",
    "Objects",
    "Observer",
    "On",
    "OnEnter",
    "OnExit",
    "OnTransition",
    "Or",
    "Param",
    "ParamContext",
    "Plugin",
    "PluginError",
    "PluginGroup",
    "PostUpdate",
    "PreUpdate",
    "Query",
    "QueryError",
    "ReadOnlyError",
    "Recorder",
    "RecorderError",
    "RelationError",
    "RemovedComponents",
    "Res",
    "ResMut",
    "Rng",
    "RunResult",
    "ScheduleCycleError",
    "ScheduleError",
    "ScheduleGraph",
    "ScheduleLabel",
    "SettleError",
    "StaleEntityError",
    "Startup",
    "State",
    "StateError",
    "StateTransitioned",
    "Stepping",
    "StructuralChangeError",
    "Symbol",
    "SymbolError",
    "Symbols",
    "SystemClock",
    "SystemParamError",
    "SystemRunError",
    "SystemSet",
    "Task",
    "TaskError",
    "TaskResult",
    "Tasks",
    "TickError",
    "TickwrightError",
    "Time",
    "Update",
    "View",
    "With",
    "Without",
    "World",
    "all_of",
    "any_of",
    "chain",
    "column",
    "columns",
    "component",
    "every_n_ticks",
    "f32",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "in_state",
    "kernel",
    "not_",
    "on_event",
    "on_timer",
    "pipe",
    "relation",
    "resource_exists",
    "run_many",
    "run_once",
    "u8",
    "u16",
    "u32",
    "u64",
]

_LATE = {
    "AppSnapshotError": "app_snapshot",
    "EsperProcessors": "esper_processors",
    "Recorder": "recorder",
    "RecorderError": "recorder",
    "Rng": "rng",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'tickwright.ecs_core' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"tickwright.ecs_core.{_LATE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})
