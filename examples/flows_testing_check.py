"""Demonstrates `check_flow`: a rule of one's own, and the shortest script that breaks it."""

from tickwright.systems.flows.testing import ALL, check_flow, invariant

REVIEW = {
    "id": "review",
    "initial": "draft",
    "context": {"author": "ann", "approver": ""},
    "states": {
        "draft": {"on": {"submit": "pending"}},
        "pending": {"on": {"approve": "approved", "reject": "draft"}},
        "approved": {"type": "final", "enter": "onApproved"},
    },
}
HANDLERS = {"onApproved": lambda ctx, event: ctx.set_context("approver", event.user)}


@invariant("approved implies another approver")
def four_eyes(seen):
    if any(each.context["approver"] == each.context["author"] for each in seen.instances):
        return "the author approved"
    return None


report = check_flow(REVIEW, HANDLERS, users=["ann", "bob"], invariants=(*ALL, four_eyes))
print(report.failure)

GUARDED = {**REVIEW["states"]["pending"], "guards": {"approve": {"expr": "event.user != author"}}}
fixed = {**REVIEW, "states": {**REVIEW["states"], "pending": GUARDED}}
report = check_flow(fixed, HANDLERS, users=["ann", "bob"], invariants=(*ALL, four_eyes))
print(report.ok, report.untaken, report.one_sided)

# Output:
# approved implies another approver: the author approved
#   1. start 0 by ann
#   2. send 0 submit by ann
#   3. send 0 approve by ann
# stateDiagram-v2
#     [*] --> draft : 1. start by ann
#     draft --> pending : 2. submit by ann
#     pending --> approved : 3. approve by ann
#
# True () {}
