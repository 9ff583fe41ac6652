"""Strategies that build flows and scripts; hypothesis is imported when they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.structure import FlowDefinition
from tickwright.systems.flows.testing.kit import ACTIONS, CALLS, CONTEXT, GUARDS
from tickwright.systems.flows.testing.script import Step
from tickwright.systems.flows.testing.structure import Structure

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["actions_for", "as_strategy", "flow_definitions"]


def as_strategy(values: Any) -> SearchStrategy[Any]:
    """Return a strategy as it is, and a sequence as the choice among its values."""
    from hypothesis import strategies as st

    return st.sampled_from(list(values)) if isinstance(values, Sequence) else values


def flow_definitions(
    *,
    max_states: int = 6,
    nested: bool = True,
    timers: bool = True,
    guards: Sequence[Any] = GUARDS,
    handlers: Sequence[Any] = CALLS,
    typed: bool = False,
) -> SearchStrategy[dict[str, Any]]:
    """Make up flow definitions, every state of which can be reached.

    They are built, not filtered: a spanning tree of transitions first, in every compound state, then more of them.

    Args:
        max_states: how many children the root may have; compound children have two or three of their own.
        nested: whether there are compound, parallel and history states.
        timers: whether there are `after` transitions.
        guards: guards to draw from, as a document writes them; none for unguarded flows.
        handlers: handlers to draw from for enter, exit and actions, as a document writes them; none for no handlers.
        typed: put the field `n` in a column, so that flows can be stepped in bulk.

    Returns:
        Documents for `register(document, handlers=KIT_HANDLERS)`.
    """
    from hypothesis import strategies as st

    @st.composite
    def definitions(draw: DrawFn) -> dict[str, Any]:
        builder = _Builder(draw, nested=nested, timers=timers, guards=guards, handlers=handlers)
        flow = {
            "id": "made_up",
            "context": CONTEXT,
            "options": {"max_microsteps": 100},
            **builder.compound(max_states, depth=0),
        }
        builder.more_ways(flow)
        return flow | ({"context_types": {"n": "i32"}} if typed else {})

    return definitions()


class _Builder:
    """Draws one definition."""

    def __init__(
        self, draw: DrawFn, *, nested: bool, timers: bool, guards: Sequence[Any], handlers: Sequence[Any]
    ) -> None:
        self.draw = draw
        self.nested = nested
        self.timers = timers
        self.guards = list(guards)
        self.handlers = list(handlers)

    def one_of(self, *values: Any) -> Any:
        from hypothesis import strategies as st

        return self.draw(st.sampled_from(values))

    def often(self, times: int, of: int) -> bool:
        from hypothesis import strategies as st

        return self.draw(st.integers(0, of - 1)) >= of - times

    def compound(self, most: int, *, depth: int) -> dict[str, Any]:
        """Draw a state with children, each the target of a transition of one before it."""
        from hypothesis import strategies as st

        count = self.draw(st.integers(2, max(2, most)))
        names = [f"s{number}" for number in range(count)]
        states = {name: self.child(depth) for name in names}
        if self.often(1, 2):
            states[names[-1]] = {"type": "final"} | self.calls("enter")
        for number in range(1, count):
            free = [name for name in names[:number] if states[name].get("type") != "final" and self.free(states[name])]
            source = states[self.one_of(*free)]
            source["on"][self.one_of(*self.free(source))] = self.way(names[number], guarded=self.often(1, 4))
        if self.nested and depth and self.often(1, 3):
            states["h"] = {"type": "history", "history": self.one_of("shallow", "deep")}
        return {"initial": names[0], "states": states}

    def child(self, depth: int) -> dict[str, Any]:
        state: dict[str, Any] = {"on": {}} | self.calls("enter") | self.calls("exit")
        if not self.nested or depth > 1 or not self.often(1, 3):
            return state
        if self.often(1, 2):
            regions = {name: {"on": {}} | self.compound(2, depth=depth + 2) for name in ("left", "right")}
            return state | {"type": "parallel", "states": regions}
        return state | self.compound(3, depth=depth + 1)

    def calls(self, key: str) -> dict[str, Any]:
        return {key: self.one_of(*self.handlers)} if self.handlers and self.often(1, 3) else {}

    def free(self, state: Mapping[str, Any]) -> list[str]:
        return [action for action in ACTIONS if action not in state["on"]]

    def way(self, target: str | None, *, guarded: bool) -> dict[str, Any]:
        way: dict[str, Any] = {} if target is None else {"target": target}
        if guarded and self.guards:
            way["guard"] = self.one_of(*self.guards)
        if self.handlers and (target is None or self.often(1, 4)):
            way["actions"] = [self.one_of(*self.handlers)]
        return way

    def anywhere(self, paths: Iterable[str]) -> str:
        return "#" + str(self.one_of(*paths)).replace(".", "_")

    def more_ways(self, flow: dict[str, Any]) -> None:
        """Add transitions from anywhere to anywhere, and what ends, waits or follows by itself."""
        from hypothesis import strategies as st

        paths = dict(_walk(flow, ""))
        for path, state in paths.items():
            state["id"] = path.replace(".", "_")
        open_ = [path for path, state in paths.items() if state.get("type") not in ("final", "history")]
        for _ in range(self.draw(st.integers(0, 5))):
            path = self.one_of(*open_)
            state, home = paths[path], self.often(1, 4)  # at home: to itself or into it, which it need not leave
            targets = [each for each in paths if _inside(each, path)] if home else paths
            target = self.anywhere(targets) if self.often(4, 5) or not self.handlers else None
            stays = self.often(1, 2 if home else 5)
            way = self.way(target, guarded=self.often(1, 2)) | ({"reenter": False} if stays else {})
            action = "*" if self.often(1, 12) else self.one_of(*ACTIONS)
            listed = state["on"].get(action, [])
            state["on"][action] = [*(listed if isinstance(listed, list) else [listed]), way]
        for path in open_:
            self._by_itself(paths, path)

    def _by_itself(self, paths: dict[str, dict[str, Any]], path: str) -> None:
        state = paths[path]
        # What follows by itself leads on in the document, and out of the parallel around it: it comes to an end.
        around = next((p for p, each in paths.items() if each.get("type") == "parallel" and _inside(path, p)), path)
        after = list(paths)[list(paths).index(path) + 1 :]
        later = [p for p in after if not _inside(p, around) and paths[p].get("type") != "history"]
        if later and self.often(1, 8):
            guard = self.one_of({"expr": "n > 2"}, {"expr": "n > 4"})
            state["always"] = {"target": self.anywhere(later), "guard": guard}
        if self.timers and self.often(1, 5):
            state["after"] = {str(self.one_of(5, 10, 25)): self.way(self.anywhere(paths), guarded=False)}
        if "states" in state and (later or self.handlers) and self.often(1, 2):
            onwards = later and (self.often(2, 3) or not self.handlers)
            state["on_done"] = self.way(self.anywhere(later) if onwards else None, guarded=False)


def _inside(path: str, other: str) -> bool:
    return f"{path}.".startswith(f"{other}.")


def _walk(state: Mapping[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, child in state.get("states", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        found += [(inner, child), *_walk(child, inner)]
    return found


def actions_for(
    definition: FlowDefinition | Mapping[str, Any] | str,
    *,
    users: Sequence[str] = ("ann", "bob"),
    data: Mapping[str, Any] | None = None,
    instance: int = 0,
    among: Callable[[], Sequence[str]] | None = None,
) -> SearchStrategy[Step]:
    """Draw sends: every action that the definition lists, and now and then one that no state knows.

    Args:
        definition: the flow.
        users: who sends.
        data: action -> what its data may be, a sequence or a strategy; the key `*` holds for actions not named.
        instance: the script's number of the instance.
        among: called at every draw; the actions to choose from (all of the definition's without it).
    """
    from hypothesis import strategies as st

    known = Structure(read_definition(definition)).actions
    values = dict(data or {})

    @st.composite
    def sends(draw: DrawFn) -> Step:
        action = draw(st.sampled_from([*(among() if among else known), "no_such_action"]))
        given = values.get(action, values.get("*", (None,)))
        return Step("send", instance, action, draw(as_strategy(given)), draw(st.sampled_from(list(users))))

    return sends()
