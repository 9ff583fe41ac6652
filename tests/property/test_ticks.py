"""The ticks of a column, kept as one number where they can be, against a list of numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.ecs_core.ticks import Ticks

CAPACITY = 64
STEP = st.one_of(
    st.just(("all",)),
    st.tuples(st.just("mark"), st.sets(st.integers(0, 20), min_size=1)),
    st.tuples(st.just("append"), st.lists(st.integers(1, 3), min_size=1, max_size=4)),
    st.tuples(st.just("append same"), st.integers(1, 3), st.integers(1, 4)),
    st.tuples(st.just("append now"), st.integers(1, 4)),
    st.tuples(st.just("remove"), st.sets(st.integers(0, 20), min_size=1)),
)


@settings(max_examples=400)
@given(st.lists(STEP, max_size=25))
def test_ticks_equal_a_list_of_numbers(steps):
    ticks, model, now = Ticks(), [], 30
    for step in steps:
        now += 1
        count = len(model)
        match step:
            case ("all",):
                ticks.mark_all(now)
                model = [now] * count
            case ("mark", rows) if chosen := sorted(row for row in rows if row < count):
                ticks.mark(np.array(chosen), now, CAPACITY)
                for row in chosen:
                    model[row] = now
            case ("append", given) if count < 50:
                ticks.write(count, count + len(given), np.array(given, np.int64), CAPACITY)
                model += given
            case ("append same", tick, times) if count < 50:
                ticks.write(count, count + times, tick, CAPACITY)
                model += [tick] * times
            case ("append now", times) if count < 50:
                ticks.write(count, count + times, now, CAPACITY)
                model += [now] * times
            case ("remove", rows) if chosen := sorted(row for row in rows if row < count):
                keep = count - len(chosen)
                holes = [row for row in chosen if row < keep]
                movers = [row for row in range(keep, count) if row not in chosen]
                ticks.fill(np.array(holes, np.intp), np.array(movers, np.intp))
                for hole, mover in zip(holes, movers, strict=True):
                    model[hole] = model[mover]
                model = model[:keep]
        read = ticks.read(slice(0, len(model)), len(model))
        assert np.broadcast_to(read, len(model)).tolist() == model or not model
        for since in (0, 1, 2, 30, now - 1, now):
            newer = np.broadcast_to(ticks.since(since, 0, len(model)), len(model))
            assert newer.tolist() == [tick > since for tick in model]
