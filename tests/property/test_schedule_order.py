"""Random graphs: every order is respected, every cycle is found and named, sync points lie where they must."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import App, Commands, ManualClock, ScheduleCycleError, Update, World
from tickwright.ecs_core.schedule.graph import find_cycle, topological_order

EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)


def reaches(edges, start, goal):
    todo, seen = [start], set()
    while todo:
        here = todo.pop()
        for one, other in edges:
            if one == here and other not in seen:
                seen.add(other)
                todo.append(other)
    return goal in seen


def named(number, do):
    do.__qualname__ = do.__name__ = f"s{number}"
    return do


@given(EDGES)
def test_an_order_exists_exactly_when_there_is_no_cycle(edges):
    successors = [{other for one, other in edges if one == node} for node in range(10)]
    order = topological_order(successors, lambda node: (node,))
    cyclic = any(reaches(edges, node, node) for node in range(10))
    assert (order is None) == cyclic
    cycle = find_cycle(successors)
    assert bool(cycle) == cyclic
    for here, there in zip(cycle, cycle[1:] + cycle[:1], strict=True):
        assert there in successors[here]


@given(EDGES, st.sets(st.integers(0, 9)), st.one_of(st.none(), st.integers(0, 5)))
def test_systems_run_in_order_and_see_what_those_before_them_staged(edges, stagers, seed):
    edges = [(one, other) for one, other in edges if one < other]
    ran, applied, seen = [], set(), {}

    def make(number):
        def plain():
            ran.append(number)
            seen[number] = set(applied)

        def staging(commands: Commands):
            plain()
            commands.add(lambda _world: applied.add(number))

        return named(number, staging if number in stagers else plain)

    systems = [make(number) for number in range(10)]
    app = App(clock=ManualClock())
    for number in reversed(range(10)):
        after = [systems[one] for one, other in edges if other == number]
        app.add_systems(Update, systems[number], after=after)
    app.schedule(Update).shuffle_seed = seed
    app.update()
    assert sorted(ran) == list(range(10))
    for one, other in edges:
        assert ran.index(one) < ran.index(other)
    for number in range(10):
        must = {one for one in stagers if reaches(edges, one, number)}
        assert must <= seen[number]
    assert applied == stagers


@given(st.integers(2, 8), st.randoms(use_true_random=False))
def test_a_cycle_is_named(size, shuffle):
    systems = [named(number, lambda: None) for number in range(size)]
    app = App(clock=ManualClock())
    numbers = list(range(size))
    shuffle.shuffle(numbers)
    for number in numbers:
        app.add_systems(Update, systems[number], before=systems[(number + 1) % size])
    with pytest.raises(ScheduleCycleError) as caught:
        app.update()
    cycle = caught.value.cycle
    assert cycle[0] == cycle[-1]
    assert sorted(cycle[1:]) == [f"s{number}" for number in range(size)]
    assert " -> ".join(cycle) in str(caught.value)


@given(st.integers(0, 1000))
def test_unordered_systems_do_not_see_each_others_commands(seed):
    seen = []
    applied = []

    def stage(commands: Commands) -> None:
        commands.add(lambda _world: applied.append(1))

    def look(_world: World) -> None:
        seen.append(len(applied))

    def follow() -> None:
        seen.append(-len(applied))

    app = App(clock=ManualClock())
    app.add_systems(Update, stage, look).add_systems(Update, follow, after=stage)
    app.schedule(Update).shuffle_seed = seed
    app.update()
    assert sorted(seen) == [-1, 0]


@given(st.integers(0, 1000))
def test_a_sync_point_of_others_does_not_apply_what_is_unordered(seed):
    applied, seen = [], []

    def apart(commands: Commands) -> None:
        commands.add(lambda _world: applied.append("apart"))

    def stage(commands: Commands) -> None:
        commands.add(lambda _world: applied.append("stage"))

    def follow() -> None:
        seen.extend(applied)

    app = App(clock=ManualClock())
    app.add_systems(Update, apart, stage).add_systems(Update, follow, after=stage)
    app.schedule(Update).shuffle_seed = seed
    app.update()
    assert seen == ["stage"]
    assert sorted(applied) == ["apart", "stage"]
