"""The root of the error tree and the shape every message has.

TickwrightError
├── ecs_core: storage, query, schedule, snapshot errors (see the modules that raise them)
└── systems, plugins: each feature derives its own, e.g. FlowError, GenerationError, PluginError
"""

from __future__ import annotations

__all__ = ["AppClosedError", "TickError", "TickwrightError"]


class TickwrightError(Exception):
    """Base of every error this package raises on purpose.

    The message has up to four parts: what went wrong, where, what was expected, what to do.
    Anything a program may want to read is kept as data in `details` and as attributes.

    Args:
        what: one sentence, names put back in (`component 'Position' has no field 'z'`).
        where: the place: a definition path, file:line, system, entity.
        expected: what would have been right.
        todo: the next step for the reader.
        details: further data, each also an attribute of the error.

    >>> str(TickwrightError("no state 'drfat'", where="flow 'review': states.a.on.go", expected="draft, done"))
    "no state 'drfat' (flow 'review': states.a.on.go); expected draft, done"
    """

    def __init__(self, what: str, *, where: str = "", expected: str = "", todo: str = "", **details: object) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.todo = todo
        self.details = details
        for key, value in details.items():
            setattr(self, key, value)
        super().__init__(what)

    def __str__(self) -> str:
        text = self.what
        if self.where:
            text += f" ({self.where})"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.todo:
            text += f". {self.todo[0].upper()}{self.todo[1:]}"
        return text


class AppClosedError(TickwrightError):
    """Use after close."""


class TickError(TickwrightError):
    """A tick inside a tick, or use from another thread than the one that ticks."""
