"""Search against a plain model: notes with every word first, then notes with any; every hit has what it is found by."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from tickwright.systems.notes import WordIndex, parse_note

WORDS = ["mud", "tide", "bird", "salt", "reed", "sky"]  # no two of one stem
COMMON = "common"
notes_ = st.lists(
    st.tuples(st.lists(st.sampled_from(WORDS), max_size=4), st.sampled_from([True, True, True, False])),
    min_size=1,
    max_size=60,
)
queries = st.lists(st.sampled_from([*WORDS, COMMON]), min_size=1, max_size=3, unique=True)
changes = st.lists(st.tuples(st.integers(0, 59), st.lists(st.sampled_from(WORDS), max_size=3)), max_size=4)


def _index(texts: dict[str, str]) -> WordIndex:
    index = WordIndex()
    index.load(parse_note(path, text.encode(), 0)[:2] for path, text in texts.items())
    return index


@example(  # two scores just above and just below the lowest of the notes with every word
    [([], True)] * 3 + [(["sky"], True), (["reed", "sky"], True), (["sky"], True), (["reed", "sky"], False)],
    ["reed", "sky", COMMON], 3, [(0, ["mud", "mud", "reed"])],
)  # fmt: skip
@example([([], True)] * 40 + [(["mud"], False), (["mud", "tide"], True)], ["mud", COMMON], 3, [])
@given(notes_, queries, st.integers(1, 8), changes)
def test_every_word_first_then_any_and_no_hit_without(
    notes: list[tuple[list[str], bool]], query: list[str], limit: int, changed: list[tuple[int, list[str]]]
) -> None:
    texts = {
        f"n{n}.md": " ".join([*words, *([COMMON] if is_common else [])]) for n, (words, is_common) in enumerate(notes)
    }
    index = _index(texts)
    index.search(" ".join(query), limit)
    for number, words in changed:
        path = f"n{number % len(notes)}.md"
        texts[path] = " ".join(words)
        index.put_many([parse_note(path, texts[path].encode(), 0)[:2]])
    found = index.search(" ".join(query), limit)
    has = {path: sum(word in re.findall(r"\w+", text) for word in query) for path, text in texts.items()}
    every = {path for path, count in has.items() if count == len(query)}
    paths = [hit.path for hit in found]
    assert len(set(paths)) == len(paths) <= limit
    assert set(paths[: len(every)]) <= every
    assert len(set(paths) & every) == min(limit, len(every))
    assert all(has[path] for path in paths)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    index.close()
