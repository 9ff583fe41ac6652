"""Order as plain graph work: topological order, cycles by name, reachability, sync levels.

Nodes are the integers 0..n-1 and edges are successor lists; nothing here knows what a system is.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

__all__ = ["descendants", "find_cycle", "sync_levels", "topological_order"]


def topological_order(successors: Sequence[set[int]], key: Callable[[int], tuple[int, ...]]) -> list[int] | None:
    """Return an order that respects every edge, the smallest `key` first among the free; None if there is a cycle.

    Cost: O(V log V + E).
    """
    waiting = [0] * len(successors)
    for following in successors:
        for node in following:
            waiting[node] += 1
    free: list[tuple[tuple[int, ...], int]] = [(key(node), node) for node, count in enumerate(waiting) if not count]
    heapq.heapify(free)
    order: list[int] = []
    while free:
        node = heapq.heappop(free)[1]
        order.append(node)
        for following_node in successors[node]:
            waiting[following_node] -= 1
            if not waiting[following_node]:
                heapq.heappush(free, (key(following_node), following_node))
    return order if len(order) == len(successors) else None


def find_cycle(successors: Sequence[set[int]]) -> list[int]:
    """Return the nodes of one cycle in order (the smallest first), or [] if there is none."""
    state = [0] * len(successors)  # 0 new, 1 on the path, 2 done
    for root in range(len(successors)):
        if state[root]:
            continue
        path: list[int] = [root]
        branches = [iter(sorted(successors[root]))]
        state[root] = 1
        while path:
            following = next(branches[-1], None)
            if following is None:
                state[path.pop()] = 2
                branches.pop()
            elif state[following] == 1:
                return _from_smallest(path[path.index(following) :])
            elif state[following] == 0:
                state[following] = 1
                path.append(following)
                branches.append(iter(sorted(successors[following])))
    return []


def descendants(successors: Sequence[set[int]], order: Sequence[int]) -> list[int]:
    """Return for each node the set of all that must come after it, as the bits of an integer.

    Cost: O(E * V / 64).
    """
    reach = [0] * len(successors)
    for node in reversed(order):
        for following in successors[node]:
            reach[node] |= reach[following] | (1 << following)
    return reach


def sync_levels(successors: Sequence[set[int]], order: Sequence[int], stages: Sequence[bool]) -> list[int]:
    """Return for each node how many sync points must lie before it: one between a stager and all that follow it."""
    levels = [0] * len(successors)
    for node in order:
        after = levels[node] + bool(stages[node])
        for following in successors[node]:
            levels[following] = max(levels[following], after)
    return levels


def _from_smallest(cycle: list[int]) -> list[int]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]
