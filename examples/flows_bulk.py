"""Demonstrates a hundred thousand instances stepped at once: a guard over columns, results as columns."""

import numpy as np

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.flows import FlowFilter, FlowManager, FlowsPlugin, guard


@guard(columns=("stock",))
def in_stock(stock):
    return stock > 0


ORDER = {
    "id": "order",
    "initial": "open",
    "context_types": {"stock": "i32"},
    "states": {"open": {"on": {"ship": {"target": "shipped", "guard": "in_stock"}}}, "shipped": {"type": "final"}},
}

with App(clock=ManualClock()) as app:
    app.add_plugins(FlowsPlugin())
    flows = app.world.resource(FlowManager)
    flows.register(ORDER, handlers={"in_stock": in_stock})
    ids = flows.start_batch("order", 100_000, stock=np.arange(100_000) % 4)
    ticket = flows.send_batch(ids, "ship")
    app.update()
    print(np.bincount(ticket.columns["status"]))
    print(ticket.result(0).reason)
    print(len(flows.query(FlowFilter(state="shipped"))), flows.history(ids[1])[0].to)

# Output:
# [75000 25000]
# guard `in_stock` returned false
# 75000 shipped
