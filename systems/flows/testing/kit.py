"""Handlers and guards of the kit's own, for definitions that strategies make up: pure, small, and ready to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright.systems.flows.guards import guard

__all__ = ["ACTIONS", "CALLS", "CONTEXT", "DATA", "GUARDS", "KIT_HANDLERS"]


class Odd(Exception):  # noqa: N818 - an error whose name does not say so, on purpose
    """What the kit's broken guard raises."""


def _count(ctx: Any, _event: Any) -> None:
    ctx.set_context("n", ctx.context()["n"] + 1)


def _note(ctx: Any, event: Any) -> None:
    ctx.set_context("seen", [*ctx.context()["seen"], {"by": event.user, "what": event.action}][-4:])


def _poke(ctx: Any, _event: Any) -> None:
    """Try to change a value in place, as a careless handler does."""
    try:
        ctx.context()["seen"].append("poked")
    except (AttributeError, TypeError):
        ctx.set_context("poked", True)


def _tell(ctx: Any, event: Any) -> None:
    ctx.emit("kit:told", {"state": ctx.current_state(), "n": ctx.context()["n"]})
    to = event.get("to")
    if isinstance(to, int):
        ctx.send(to, "a0", {"deep": True, "by": ctx.subject()})
    elif to == "itself":
        ctx.send(ctx.instance(), "a0", {"deep": True}, delay_s=0.01, label="later")
    elif to == "nobody":
        ctx.cancel("later")


def _raise_again(ctx: Any, event: Any) -> None:
    if event.get("deep") is None and not event.action.startswith("done."):
        ctx.raise_("a1", {"deep": True})


def _fail(ctx: Any, event: Any) -> None:
    ctx.set_context("n", ctx.context()["n"] + 10)
    ctx.emit("kit:lost", None)
    if event.get("fail"):
        raise ValueError("asked to fail")


@guard(columns=("n",))
def _small(n: Any) -> Any:
    return n < 3


def _even(ctx: Any, _event: Any) -> Any:
    return ctx.context()["n"] % 2 == 0, "n is odd"


def _is_ann(ctx: Any, event: Any) -> bool:
    return bool(ctx.current_user() == "ann" and event.user == "ann")


def _broken(_ctx: Any, event: Any) -> bool:
    if event.get("fail"):
        raise Odd("asked to fail")
    return True


KIT_HANDLERS: dict[str, Callable[..., Any]] = {
    "count": _count, "note": _note, "poke": _poke, "tell": _tell, "raise": _raise_again, "fail": _fail,
    "small": _small, "even": _even, "is_ann": _is_ann, "broken": _broken,
}  # fmt: skip
"""Every function that `flow_definitions` uses."""

CALLS: tuple[Any, ...] = (
    "count", "note", "poke", "tell", "raise", "fail",
    {"type": "flow.assign", "params": {"key": "n", "expr": "n + 1"}},
    {"type": "flow.send", "params": {"action": "a2", "delay_s": 0.01, "id": "soon"}},
    {"type": "flow.cancel", "params": {"id": "soon"}},
)  # fmt: skip
"""Handlers as a document writes them: the names among them, and what the engine brings itself."""

GUARDS: tuple[Any, ...] = (
    "small",
    "even",
    "is_ann",
    "broken",
    {"expr": "context.n < 4 and event.user != 'eve'"},
    {"expr": "n % 3 != 2"},
    {"not": "small"},
    {"not": "broken"},
    {"or": ["even", "is_ann"]},
    {"and": ["even", {"not": {"expr": "n > 5"}}]},
)
"""Guards as a document writes them."""

CONTEXT: dict[str, Any] = {"n": 0, "seen": []}
"""The context that the handlers expect."""

ACTIONS: tuple[str, ...] = ("a0", "a1", "a2", "a3")
"""The actions of made-up definitions."""

DATA: tuple[Any, ...] = (
    None,
    {"fail": True},
    {"user": "ann", "action": "a3", "timestamp": 0},
    {"to": "@0"},
    {"to": "@1"},
    {"to": "itself"},
    {"to": "nobody"},
)
"""Data worth sending: failing, forging, and sending on."""
