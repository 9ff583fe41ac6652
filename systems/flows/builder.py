"""Definitions written in Python: each call adds to the state that was named last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tickwright.systems.flows.errors import FlowDefinitionError
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.structure import FlowDefinition

__all__ = ["FlowBuilder"]

Handler: TypeAlias = "str | Callable[..., Any] | Mapping[str, Any]"
"""A handler's name, the function itself, or {type, params}."""


class FlowBuilder:
    """Builds a `FlowDefinition`; functions are taken by their names and kept in `handlers`.

    Args:
        flow_id: the definition's id.
        context: what instances begin with.
        context_types: fields that live in columns.
        version: text that tells definitions of one id apart.
        parallel: whether the top states are regions.
        settings: further keys of the document, such as `enter`, `meta`, `max_microsteps`.

    >>> door = FlowBuilder("door").state("closed").on("open", "open").state("open").on("close", "closed")
    >>> door.build().states["closed"].on["open"][0].target
    ('open',)
    """

    def __init__(
        self,
        flow_id: str,
        *,
        context: Mapping[str, Any] | None = None,
        context_types: Mapping[str, str] | None = None,
        version: str = "",
        parallel: bool = False,
        **settings: Any,
    ) -> None:
        self.handlers: dict[str, Callable[..., Any]] = {}
        self._root: dict[str, Any] = {
            "id": flow_id,
            "states": {},
            "context": dict(context or {}),
            "context_types": dict(context_types or {}),
            "version": version,
            **({"type": "parallel"} if parallel else {}),
            **self._named(settings),
        }
        self._at: dict[str, Any] = self._root
        self._path = ""

    # -- states ------------------------------------------------------------------------------------------

    def state(self, path: str, **settings: Any) -> FlowBuilder:
        """Name a state by its dotted path; the first one of each level is where that level begins.

        Args:
            path: such as `review.legal`; the states on the way are made.
            settings: `enter`, `exit`, `initial`, `tags`, `meta`, `output`, `id`, `description`.
        """
        node, names = self._root, path.split(".")
        for name in names:
            states = node.setdefault("states", {})
            if not states and node.get("type") != "parallel":
                node.setdefault("initial", name)
            node = states.setdefault(name, {})
        node.update(self._named(settings))
        self._at, self._path = node, path
        return self

    def final(self, path: str, **settings: Any) -> FlowBuilder:
        """Name a final state."""
        return self.state(path, type="final", **settings)

    def parallel(self, path: str, **settings: Any) -> FlowBuilder:
        """Name a state whose children are regions, all active at once."""
        return self.state(path, type="parallel", **settings)

    def history(self, path: str, *, deep: bool = False, target: str = "") -> FlowBuilder:
        """Name a history state: entering it restores what was active in its parent, at first `target`."""
        settings = {"target": target} if target else {}
        return self.state(path, type="history", history="deep" if deep else "shallow", **settings)

    # -- transitions of the state named last -------------------------------------------------------------

    def on(
        self,
        action: str,
        target: str | Sequence[str] | None = None,
        *,
        guard: Any = None,
        actions: Handler | Sequence[Handler] = (),
        reenter: bool = True,
    ) -> FlowBuilder:
        """Add a transition for an action; without a target it runs its actions and stays.

        Args:
            action: its name; `*` and `prefix.*` stand for many.
            target: a state as seen from this one, `#id`, `.child`, or several in different regions.
            guard: a name, a function, or {and | or | not | in | expr: ...}.
            actions: handlers to run between exit and entry.
            reenter: whether a target at or inside this state leaves it first.
        """
        self._add("on", action, self._transition(target, guard, actions, reenter=reenter))
        return self

    def after(
        self,
        delay: int | Handler,
        target: str | Sequence[str] | None = None,
        *,
        guard: Any = None,
        actions: Handler | Sequence[Handler] = (),
        reenter: bool = True,
    ) -> FlowBuilder:
        """Add a transition that is taken so many ms after entering, or after what a handler returns."""
        name = str(delay) if isinstance(delay, int) else str(self._name(delay))
        self._add("after", name, self._transition(target, guard, actions, reenter=reenter))
        return self

    def always(
        self,
        target: str | Sequence[str] | None = None,
        *,
        guard: Any = None,
        actions: Handler | Sequence[Handler] = (),
    ) -> FlowBuilder:
        """Add a transition that is taken as soon as its guard holds."""
        self._at.setdefault("always", []).append(self._transition(target, guard, actions, reenter=True))
        return self

    def on_done(
        self,
        target: str | Sequence[str] | None = None,
        *,
        guard: Any = None,
        actions: Handler | Sequence[Handler] = (),
    ) -> FlowBuilder:
        """Add a transition that is taken when what is inside this state has come to its end."""
        self._at.setdefault("on_done", []).append(self._transition(target, guard, actions, reenter=True))
        return self

    # -- the result --------------------------------------------------------------------------------------

    def build(self) -> FlowDefinition:
        """Return the definition; register it with `handlers=builder.handlers`.

        Raises:
            FlowDefinitionError: with the path of the fault.
        """
        return read_definition(self._root)

    def _add(self, key: str, name: str, transition: dict[str, Any]) -> None:
        self._at.setdefault(key, {}).setdefault(name, []).append(transition)

    def _transition(
        self, target: str | Sequence[str] | None, guard: Any, actions: Handler | Sequence[Handler], *, reenter: bool
    ) -> dict[str, Any]:
        many = actions if isinstance(actions, list | tuple) else (actions,)
        made: dict[str, Any] = {"actions": [self._name(each) for each in many]}
        if target is not None:
            made["target"] = target if isinstance(target, str) else list(target)
        if guard is not None:
            made["guard"] = self._guard(guard)
        if not reenter:
            made["reenter"] = False
        return made

    def _named(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        out = dict(settings)
        for key in ("enter", "exit"):
            if key in out:
                many = out[key] if isinstance(out[key], list | tuple) else (out[key],)
                out[key] = [self._name(each) for each in many]
        return out

    def _guard(self, guard: Any) -> Any:
        if isinstance(guard, list | tuple):
            return [self._guard(each) for each in guard]
        if isinstance(guard, Mapping):
            inside = ("and", "or", "not")
            return {key: self._guard(each) if key in inside else each for key, each in guard.items()}
        return self._name(guard)

    def _name(self, handler: Any) -> Any:
        if not callable(handler):
            return handler
        name = getattr(handler, "__name__", "")
        if not name.isidentifier():
            raise FlowDefinitionError(
                f"{handler!r:.60} has no name", where=self._path, expected="a function made by def", path=self._path
            )
        if self.handlers.setdefault(name, handler) is not handler:
            raise FlowDefinitionError(
                f"two handlers are named {name!r}", where=self._path, todo="rename one of them", path=self._path
            )
        return name
