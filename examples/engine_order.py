"""Demonstrates order: sets, chains, a cycle named, an ambiguity found, the graph as data."""

from tickwright.ecs_core import App, ManualClock, Res, ResMut, ScheduleCycleError, SystemSet, Update, chain


class Budget:
    def __init__(self) -> None:
        self.cents = 0


class Step(SystemSet):
    INPUT = "input"
    WORK = "work"


def read() -> None: ...


def earn(budget: ResMut[Budget]) -> None:
    budget.cents += 5


def spend(budget: ResMut[Budget]) -> None:
    budget.cents -= 3


def report(budget: Res[Budget]) -> None: ...


with App(clock=ManualClock()) as app:
    app.insert_resource(Budget())
    app.configure_sets(Update, Step.INPUT, Step.WORK, chained=True)
    app.add_systems(Update, report, chain(earn, spend), in_set=Step.WORK).add_systems(Update, read, in_set=Step.INPUT)
    schedule = app.schedule(Update)
    print("order:", ", ".join(schedule.graph().systems))
    for ambiguity in schedule.ambiguities():
        print(f"open: {ambiguity.first} and {ambiguity.second} over {', '.join(ambiguity.conflicts)}")
    app.add_systems(Update, lambda: None, after=spend, before=earn)
    try:
        app.update()
    except ScheduleCycleError as error:
        print(len(error.cycle) - 1, "systems wait for each other")

# Output:
# order: read, report, earn, spend
# open: report and earn over resource Budget
# open: report and spend over resource Budget
# 3 systems wait for each other
