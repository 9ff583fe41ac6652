"""Events against a plain model: nothing is lost, nothing is read twice, whatever is skipped."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core.events import EventQueue, Events


@dataclass(frozen=True)
class Hit:
    number: int


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 4)),
        st.tuples(st.just("batch"), st.integers(0, 5)),
        st.tuples(st.just("rotate"), st.just(0)),
        st.tuples(st.sampled_from(["read0", "read1"]), st.integers(0, 9)),
        st.tuples(st.sampled_from(["columns0", "columns1"]), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_each_reader_sees_every_event_once_and_in_order(steps):
    events, sent = Events(), []
    queue = events.register(Hit)
    readers, seen = [queue.reader("a"), queue.reader("b")], [[], []]
    for what, count in steps:
        if what == "send":
            for _ in range(count):
                queue.send(Hit(len(sent)))
                sent.append(len(sent))
        elif what == "batch":
            queue.send_batch({"number": np.arange(len(sent), len(sent) + count)})
            sent.extend(range(len(sent), len(sent) + count))
        elif what == "rotate":
            queue.rotate()
        elif what.startswith("read"):
            which = int(what[-1])
            for taken, event in enumerate(readers[which], start=1):
                seen[which].append(event.number)
                if taken >= count:
                    break
        else:
            which = int(what[-1])
            for batch in readers[which].batches():
                seen[which].extend(batch["number"].tolist())
        assert events.moved() == len(sent) + len(seen[0]) + len(seen[1])
        assert [bool(reader) for reader in readers] == [len(each) < len(sent) for each in seen]
    for which, reader in enumerate(readers):
        seen[which].extend(event.number for event in reader)
        assert seen[which] == sent
        assert reader.is_empty()


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 40))
def test_a_full_queue_counts_what_each_reader_missed(sizes, cap):
    queue = EventQueue(Hit, cap=cap)
    reader = queue.reader()
    total = 0
    for size in sizes:
        if size % 2:
            queue.send_batch({"number": np.arange(total, total + size)})
        else:
            for number in range(total, total + size):
                queue.send(Hit(number))
        total += size
        assert len(queue) <= cap
    read = [event.number for event in reader]
    assert read == list(range(max(0, total - cap), total))
    assert reader.missed == queue.overflowed == max(0, total - cap)


@given(st.integers(0, 6), st.lists(st.sampled_from(["one", "batch"]), max_size=6))
def test_what_a_failed_system_sent_is_taken_back(kept, more):
    queue = EventQueue(Hit)
    reader = queue.reader()
    for number in range(kept):
        queue.send(Hit(number))
    mark = queue.end
    for kind in more:
        if kind == "one":
            queue.send(Hit(-1))
        else:
            queue.send_batch({"number": np.array([-1, -1])})
    queue.truncate(mark)
    queue.send(Hit(kept))
    assert [event.number for event in reader] == list(range(kept + 1))
