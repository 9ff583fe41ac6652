"""What makes a definition impossible, found when it is registered; and what makes it suspicious."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickwright.systems.flows.structure import StateType

if TYPE_CHECKING:
    from tickwright.systems.flows.compiled import CompiledFlow
    from tickwright.systems.flows.nodes import Edge, Node

__all__ = ["check_flow_graph", "check_shape", "check_targets", "dead_ends", "unreachable"]


def check_shape(flow: CompiledFlow, node: Node) -> None:
    """Refuse keys that the state's type cannot have.

    Raises:
        FlowDefinitionError: with the path of the fault.
    """
    d, real = node.definition, [c for c in node.children if flow.nodes[c].kind is not StateType.HISTORY]
    wrong, path = flow.wrong, node.path
    if node.kind is StateType.PARALLEL and (not real or d.initial):
        key = "initial" if real else "type"
        raise wrong("a parallel state needs `states` and no `initial`", path, key, todo="add regions, or drop the type")
    if node.kind is StateType.NORMAL and node.children and not d.initial:
        raise wrong("a state with children needs `initial`", path, "initial", ", ".join(d.states)[:200])
    if node.kind is StateType.NORMAL and d.initial and not node.children:
        raise wrong("`initial` in a state without children", path, "initial", "no `initial`, or `states`")
    if node.kind is StateType.FINAL and (node.children or d.on or d.always or d.after or d.on_done):
        key = next(k for k in ("on", "states", "always", "after", "on_done") if getattr(d, k))
        raise wrong(f"a final state has no `{key}`", path, key, todo="leave it out, or make the state normal")
    if node.kind is StateType.HISTORY and (node.children or d.on or d.always or d.after or d.enter or d.exit):
        todo = "move what it does to the states that it restores"
        raise wrong("a history state has `history` and `target` alone", path, "type", todo=todo)
    if node.kind is not StateType.HISTORY and (d.history or d.target):
        key = "history" if d.history else "target"
        raise wrong(f"`{key}` outside a history state", path, key, "type history")
    if node.kind is not StateType.NORMAL and node.index == 0 and node.kind is not StateType.PARALLEL:
        raise wrong(f"a flow is not {node.kind.value}", path, "type", "normal or parallel")
    if d.history not in ("", "shallow", "deep"):
        raise wrong(f"{d.history!r} is no kind of history", path, "history", "shallow or deep")
    if d.on_done and not node.children:
        raise wrong("`on_done` of a state without children", path, "on_done", "states, one of them final")
    if strangers := sorted(set(d.guards) - set(d.on)):
        what, key = f"a guard for {strangers[0]!r}, which `on` lacks", f"guards.{strangers[0]}"
        raise wrong(what, path, key, ", ".join(d.on)[:200] or "an `on`", "name an action of `on`")


def check_targets(flow: CompiledFlow, targets: tuple[int, ...], path: str, key: str) -> None:
    """Refuse targets that cannot be active together.

    Raises:
        FlowDefinitionError: two targets that are not in different regions of a parallel state.
    """
    for position, first in enumerate(targets):
        for second in targets[position + 1 :]:
            if not _orthogonal(flow, first, second):
                names = f"{flow.nodes[first].path!r} and {flow.nodes[second].path!r}"
                raise flow.wrong(f"{names} cannot be active together", path, key, "targets in different regions")


def _orthogonal(flow: CompiledFlow, first: int, second: int) -> bool:
    one = (first, *flow.nodes[first].ancestors)
    two = (second, *flow.nodes[second].ancestors)
    if first in two or second in one:
        return False
    common = next(each for each in one if each in two)
    return flow.nodes[common].definition.type is StateType.PARALLEL


def check_flow_graph(flow: CompiledFlow) -> None:
    """Refuse history states without an end and eventless cycles that nothing can stop.

    Raises:
        FlowDefinitionError: with the path of the fault.
    """
    for node in flow.nodes:
        if node.kind is StateType.HISTORY:
            _check_history(flow, node)
    if not flow.rests:
        for node in flow.nodes:
            _check_eventless(flow, node)


def _check_history(flow: CompiledFlow, node: Node) -> None:
    for target in node.history:
        if node.parent not in flow.nodes[target].ancestors:
            name = flow.nodes[target].path
            around = flow.nodes[node.parent]
            what = f"the default {name!r} is outside {around.path!r}"
            raise flow.wrong(what, node.path, "target", ", ".join(around.definition.states)[:200])
    check_targets(flow, node.history, node.path, "target")
    seen, pending = {node.index}, list(node.history or flow.nodes[node.parent].initial)
    while pending:
        index = pending.pop()
        if flow.nodes[index].kind is not StateType.HISTORY:
            continue
        if index in seen:
            todo = "give the history state a `target`"
            raise flow.wrong("the history state has no default but itself", node.path, "target", todo=todo)
        seen.add(index)
        pending += flow.nodes[index].history or flow.nodes[flow.nodes[index].parent].initial


def _check_eventless(flow: CompiledFlow, node: Node) -> None:
    """Follow the unguarded `always` of one state; it must come to an end."""
    trail: list[int] = []
    index = node.index
    while (edge := _certain(flow, index)) is not None:
        if index in trail:
            names = " -> ".join(flow.nodes[each].path or flow.definition.id for each in [*trail, index])
            raise flow.wrong(
                f"an eventless cycle that nothing stops: {names}", flow.nodes[index].path, "always", todo="guard one"
            )
        trail.append(index)
        if not edge.targets:
            continue
        index = _landing(flow, edge.targets[0])


def _certain(flow: CompiledFlow, index: int) -> Edge | None:
    """Return the `always` that is taken whenever this leaf is active alone, if there is one."""
    node = flow.nodes[index]
    chain = (index, *node.ancestors)
    if node.children or node.kind is not StateType.NORMAL:
        return None
    if any(flow.nodes[each].kind is StateType.PARALLEL for each in chain):
        return None
    first = next((flow.nodes[each].always[0] for each in chain if flow.nodes[each].always), None)
    return first if first is not None and not first.checks and len(first.targets) < 2 else None


def _landing(flow: CompiledFlow, index: int) -> int:
    """Return the leaf that entering a state leads to, or a state where that cannot be said."""
    while flow.nodes[index].initial and flow.nodes[index].kind is StateType.NORMAL:
        index = flow.nodes[index].initial[0]
    return index


def unreachable(flow: CompiledFlow) -> tuple[str, ...]:
    """Return the states that no chain of transitions can enter, whatever the guards say.

    Cost: O(states + transitions).
    """
    entered: set[int] = set()
    aimed_at: set[int] = set()  # what is entered on the way to a state inside it does not take its `initial`
    pending = [0]
    while pending:
        index = pending.pop()
        if index in aimed_at:
            continue
        aimed_at.add(index)
        node = flow.nodes[index]
        pending += node.initial
        if node.kind is StateType.HISTORY:
            pending += node.history or flow.nodes[node.parent].initial
        for each in [each for each in (index, *node.ancestors) if each not in entered]:
            entered.add(each)
            one = flow.nodes[each]
            pending += one.initial if one.kind is StateType.PARALLEL else ()
            pending += [t for group in (*one.on.values(), one.always) for edge in group for t in edge.targets]
    return tuple(node.path for node in flow.nodes if node.index not in entered)


def dead_ends(flow: CompiledFlow) -> tuple[str, ...]:
    """Return the reachable leaves that are not final and that nothing leads out of."""
    lost = set(unreachable(flow))
    found = []
    for node in flow.nodes[1:]:
        if node.children or node.kind is not StateType.NORMAL or node.path in lost:
            continue
        chain = [flow.nodes[each] for each in (node.index, *node.ancestors)]
        groups = [group for one in chain for group in (*one.on.values(), one.always)]
        if not any(edge.targets for group in groups for edge in group):
            found.append(node.path)
    return tuple(found)
