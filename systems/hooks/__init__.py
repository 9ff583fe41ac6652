"""Event hooks: subscribe to an event by name, hear of it in order, change or cancel it beforehand."""

from tickwright.systems.contracts.events import CustomEvent, EventTiming
from tickwright.systems.contracts.ports import Outcome, PluginContext
from tickwright.systems.hooks.components import Subscription, SubscriptionHandler
from tickwright.systems.hooks.context import HookContext
from tickwright.systems.hooks.errors import (
    EventPayloadError,
    GlobError,
    HandlerError,
    HookCycleError,
    HookError,
    ReservedEventError,
    UnknownEventError,
)
from tickwright.systems.hooks.failures import HookErrors, HookFailure
from tickwright.systems.hooks.globs import Glob, compile_glob
from tickwright.systems.hooks.manager import Hooks, SubscriptionHandle
from tickwright.systems.hooks.plugin import HooksPlugin
from tickwright.systems.hooks.table import HookTable
from tickwright.systems.hooks.types import BatchHandler, CoreEvent, Handler, HookConfig, HookResult, Priority

__all__ = [
    "BatchHandler",
    "CoreEvent",
    "CustomEvent",
    "EventPayloadError",
    "EventTiming",
    "Glob",
    "GlobError",
    "Handler",
    "HandlerError",
    "HookConfig",
    "HookContext",
    "HookCycleError",
    "HookError",
    "HookErrors",
    "HookFailure",
    "HookResult",
    "HookTable",
    "Hooks",
    "HooksPlugin",
    "Outcome",
    "PluginContext",
    "Priority",
    "ReservedEventError",
    "Subscription",
    "SubscriptionHandle",
    "SubscriptionHandler",
    "UnknownEventError",
    "compile_glob",
]
