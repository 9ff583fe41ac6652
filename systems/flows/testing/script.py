"""What was done to a flow, as data: a script of steps replays a run, and is what a failure is shrunk to."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["Script", "Step"]


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing done to the flow under test.

    Attributes:
        do: start an instance, send or enqueue an action, or let a tick pass.
        instance: which instance, counted in the order of the script's starts.
        action: what is sent.
        data: its data.
        user: who sends it, or starts the instance.
        context: the initial context of a start.
        wait_ms: how long a tick takes.
    """

    do: Literal["start", "send", "enqueue", "tick"]
    instance: int = 0
    action: str = ""
    data: Any = None
    user: str = ""
    context: dict[str, Any] = {}
    wait_ms: int = 0

    def __str__(self) -> str:
        """Return the step as one reads it: `send 0 approve by bob with {'score': 3}`."""
        if self.do == "tick":
            return f"tick {self.wait_ms} ms"
        what = f"{self.do} {self.instance}" + (f" {self.action}" if self.action or self.do != "start" else "")
        by = f" by {self.user}" if self.user else ""
        with_ = self.context if self.do == "start" else self.data
        return what + by + (f" with {with_}" if with_ else "")


Script = tuple[Step, ...]
"""Steps in order."""
