"""The engine: entities, components, queries, commands, events, schedules, app, clock, tasks, snapshots."""

from tickwright.ecs_core.app import App, AppExit
from tickwright.ecs_core.app_snapshot import AppSnapshotError
from tickwright.ecs_core.clock import Clock, ManualClock, SystemClock
from tickwright.ecs_core.commands import Commands
from tickwright.ecs_core.entity import Entity
from tickwright.ecs_core.errors import TickwrightError
from tickwright.ecs_core.esper_processors import EsperProcessors
from tickwright.ecs_core.events import EventBatch, EventError, EventQueue, EventReader, Events, EventWriter
from tickwright.ecs_core.inbox import InboxFullError
from tickwright.ecs_core.kernel import Kernel, kernel
from tickwright.ecs_core.observers import Observer, On
from tickwright.ecs_core.params import Local, Param, ParamContext, Res, ResMut
from tickwright.ecs_core.plugin import EngineContext, Plugin, PluginError, PluginGroup
from tickwright.ecs_core.policy import Failure, Failures
from tickwright.ecs_core.probe import Diagnostics
from tickwright.ecs_core.pump import SettleError
from tickwright.ecs_core.recorder import Recorder, RecorderError
from tickwright.ecs_core.rng import Rng
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
from tickwright.ecs_core.system import pipe
from tickwright.ecs_core.tasks import Task, TaskError, TaskResult, Tasks
from tickwright.ecs_core.ticking import AppClosedError, TickError
from tickwright.ecs_core.time import FixedTime, Time
from tickwright.ecs_core.world import World

__all__ = [
    "App",
    "AppClosedError",
    "AppExit",
    "AppSnapshotError",
    "Clock",
    "Commands",
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
    "First",
    "FixedTime",
    "FixedUpdate",
    "InboxFullError",
    "Kernel",
    "Last",
    "Local",
    "ManualClock",
    "NextState",
    "Observer",
    "On",
    "OnEnter",
    "OnExit",
    "OnTransition",
    "Param",
    "ParamContext",
    "Plugin",
    "PluginError",
    "PluginGroup",
    "PostUpdate",
    "PreUpdate",
    "Recorder",
    "RecorderError",
    "Res",
    "ResMut",
    "Rng",
    "RunResult",
    "ScheduleCycleError",
    "ScheduleError",
    "ScheduleGraph",
    "ScheduleLabel",
    "SettleError",
    "Startup",
    "State",
    "StateError",
    "StateTransitioned",
    "Stepping",
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
    "World",
    "all_of",
    "any_of",
    "chain",
    "every_n_ticks",
    "in_state",
    "kernel",
    "not_",
    "on_event",
    "on_timer",
    "pipe",
    "resource_exists",
    "run_many",
    "run_once",
]
