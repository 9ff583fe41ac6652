"""Demonstrates paths through a flow: the shortest to each state, all simple ones, a few that take every transition."""

from tickwright.systems.flows.testing import shortest_paths, simple_paths, transition_cover

ORDER = {
    "id": "order",
    "initial": "open",
    "states": {
        "open": {"on": {"pay": {"target": "paid", "guard": "hasStock"}, "cancel": "cancelled"}},
        "paid": {"on": {"ship": "shipped", "refund": "cancelled"}, "after": {"86400000": "cancelled"}},
        "shipped": {"type": "final"},
        "cancelled": {"type": "final"},
    },
}

for state, path in shortest_paths(ORDER).items():
    print(f"{state}: {path}")
some = simple_paths(ORDER, limit=100)
print(len(some), "simple paths, all of them:", some.complete)
for path in transition_cover(ORDER):
    print(" then ".join(path.actions))

# Output:
# open: (start)
# cancelled: cancel
# paid: pay
# shipped: pay -> ship
# 5 simple paths, all of them: True
# cancel
# pay then refund
# pay then ship
# pay then after 86400000
