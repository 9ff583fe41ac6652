"""Random sets, nested and empty ones among them: systems keep the order that the sets have, whatever is in them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.ecs_core import App, ManualClock, ScheduleCycleError, SystemSet, Update


class Group(SystemSet):
    A = 0
    B = 1
    C = 2
    D = 3
    E = 4


SETS = list(Group)
NUMBER = st.integers(0, len(SETS) - 1)
PAIRS = st.lists(st.tuples(NUMBER, NUMBER), max_size=6)


def reached(edges, start):
    found, todo = set(), [start]
    while todo:
        for there in edges.get(todo.pop(), ()):
            if there not in found:
                found.add(there)
                todo.append(there)
    return found


def model(homes, nested, ordered, follows):
    """Each set is a node where it begins and one where it ends; all that is inside lies between."""
    edges = {}

    def edge(one, other):
        edges.setdefault(one, []).append(other)

    for each in range(len(SETS)):
        edge(("begin", each), ("end", each))
    for system, home in enumerate(homes):
        edge(("begin", home), system)
        edge(system, ("end", home))
    for child, parent in nested:
        edge(("begin", parent), ("begin", child))
        edge(("end", child), ("end", parent))
    for one, other in ordered:
        edge(("end", one), ("begin", other))
    for system, target in follows:
        edge(("end", target), system)
    return edges


@settings(max_examples=300)
@given(
    st.lists(NUMBER, max_size=5),
    st.lists(st.tuples(NUMBER, NUMBER).filter(lambda pair: pair[0] < pair[1]), max_size=3),
    PAIRS,
    st.lists(st.tuples(st.integers(0, 4), NUMBER), max_size=3),
    st.one_of(st.none(), st.integers(0, 5)),
)
def test_systems_keep_the_order_of_their_sets(homes, nested, ordered, follows, seed):
    follows = [(system, target) for system, target in follows if system < len(homes)]
    edges, ran = model(homes, nested, ordered, follows), []
    app = App(clock=ManualClock())
    for child, parent in nested:
        app.configure_sets(Update, SETS[child], in_set=SETS[parent])
    for one, other in ordered:
        app.configure_sets(Update, SETS[other], after=SETS[one])
    for number, home in enumerate(homes):

        def run(number=number):
            ran.append(number)

        after = [SETS[target] for system, target in follows if system == number]
        app.add_systems(Update, run, in_set=SETS[home], after=after)
    app.schedule(Update).shuffle_seed = seed
    if any(system in reached(edges, system) for system in range(len(homes))):
        with pytest.raises(ScheduleCycleError):
            app.update()
        return
    app.update()
    assert sorted(ran) == list(range(len(homes)))
    for system in range(len(homes)):
        for later in reached(edges, system):
            if isinstance(later, int):
                assert ran.index(system) < ran.index(later)


def test_an_empty_set_stands_between_others():
    ran = []
    app = App(clock=ManualClock())
    app.configure_sets(Update, Group.A, Group.B, Group.C, chained=True)
    app.add_systems(Update, lambda: ran.append("last"), in_set=Group.C)
    app.add_systems(Update, lambda: ran.append("first"), in_set=Group.A)
    app.update()
    assert ran == ["first", "last"]


def test_sets_that_contain_each_other_are_named():
    app = App(clock=ManualClock())
    app.configure_sets(Update, Group.A, in_set=Group.B).configure_sets(Update, Group.B, in_set=Group.A)
    with pytest.raises(ScheduleCycleError, match=r"Group\.A in Group\.B in Group\.A") as caught:
        app.update()
    assert caught.value.cycle == ["Group.A", "Group.B", "Group.A"]
