"""What a plugin may use, and what it has used."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "Usage"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of one plugin; each call from the host starts with a full one.

    Attributes:
        fuel: steps of a call (a step is a loop iteration or a function call); the same on every machine.
        memory_mb: what the plugin's runtime may hold; hard on lua54, checked every 10,000 steps on luajit.
        call_ms: wall time of a call, a safety net behind `fuel`.
        result_kb: plain data that may leave the runtime at once.
        string_mb: the longest string a library function may build.
        registrations: subscriptions, components, systems and the like together; tasks at once.
        emits: events a single call may emit.
        tick_emits: events of the plugin in one tick, whichever calls they come from.
        commands: changes of entities, started flows and runs, and queued saves of a single call, together.
        symbols: texts the world keeps (in symbol columns, of subscriptions) that the plugin may bring, altogether.
        depth: calls from Lua to the host and back into the same plugin, inside each other.
        strikes: calls stopped by a limit before the plugin is marked failed.
    """

    fuel: int = 5_000_000
    memory_mb: float = 16.0
    call_ms: float = 2_000.0
    result_kb: int = 1_024
    string_mb: float = 4.0
    registrations: int = 1_000
    emits: int = 1_000
    tick_emits: int = 10_000
    commands: int = 100_000
    symbols: int = 100_000
    depth: int = 12
    strikes: int = 3

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"Limits.{name} must be positive, not {getattr(self, name)!r}")


@dataclass(slots=True)
class Usage:
    """What a plugin has used since it was loaded.

    Attributes:
        calls: calls from the host into the plugin.
        errors: calls that ended in an error, limits included.
        limit_hits: calls stopped by a limit.
        fuel: steps.
        time_s: wall time inside the plugin.
        memory_bytes: what its runtime holds now.
    """

    calls: int = 0
    errors: int = 0
    limit_hits: int = 0
    fuel: int = 0
    time_s: float = 0.0
    memory_bytes: int = 0
