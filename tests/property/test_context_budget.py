"""A context never exceeds its budget, and never silently; a recount agrees; a plain model places the same sources."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.systems.contracts.ports import NoteHit
from tickwright.systems.generation.assembly import Limits, fit
from tickwright.systems.generation.context_types import ContextConfig, Custom, StaticText, read_context
from tickwright.systems.generation.errors import ContextOverflowError, MissingSourceError
from tickwright.systems.generation.gather import gather
from tickwright.systems.generation.tokens import ENCODINGS, TokenCounter
from tickwright.systems.generation.truncate import BOUNDARIES, boundaries, truncate

COUNTER = TokenCounter()
FRAGMENTS = [
    "word", "Tide", " ", " ", "\n", "\n\n", ". ", "! Next", "# Head\n", "\n## Part\n\n", "- item\n", "```\n", "~~~~\n",
    "---\n", "1. one\n", "/", "é", "中文。", "😀", "👩\u200d👧", "\r\n", "\t", "<|endoftext|>", "${user_query}", "'s",
    "1234", "\udc80", "\u2028", "\x85",
]  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join)
notes = st.lists(st.sampled_from(FRAGMENTS), min_size=10, max_size=60).map("".join)
ends = st.sampled_from(["a\n", "b.\n\n", "c .\r\n", "\n"])
starts = st.sampled_from(["\n", " \n", "/", "//d", "e", " f", "\u2028", "\t\n", "\r\n", "'s", "."])
encodings = st.sampled_from(ENCODINGS)


@st.composite
def configs(draw):
    """Return a config of custom sources, and what each returns: notes of few paths, so that some repeat."""
    sources, answers = [], {}
    for number in range(draw(st.integers(0, 4))):
        name = f"s{number}"
        maximum = draw(st.none() | st.integers(1, 80))
        minimum = draw(st.integers(0, maximum or 60))
        policy = draw(st.sampled_from(["", "", "truncate", "drop"]))
        sources.append(Custom(name, id=name, min_tokens=minimum, max_tokens=maximum, on_overflow=policy))
        paths = st.sampled_from(["", "a.md", "b.md", "/c d.md"])
        answers[name] = draw(st.lists(st.builds(NoteHit, paths, notes), max_size=5))
    system = draw(st.none() | texts)
    everything = sum(COUNTER.count(hit.text) + 6 for hits in answers.values() for hit in hits)
    config = ContextConfig(
        system=system,
        sources=tuple(sources),
        max_tokens=COUNTER.count(system or "") + max(1, everything * draw(st.integers(-1, 11)) // 10),
        priorities={f"s{number}": draw(st.integers(-2, 2)) for number in range(len(sources))},
    )
    return read_context(config), answers


def gathered(config, answers):
    return gather(config, custom=lambda source: answers[source.handler])


def fitted(config, answers, user="", **limits):
    return fit(config, gathered(config, answers), user, counter=COUNTER, limits=Limits(**limits))


@settings(max_examples=200)
@given(configs(), texts, encodings, st.none() | st.integers(20, 400))
def test_the_budget_holds_a_recount_agrees_and_every_drop_has_a_reason(case, user, encoding, window):
    config, answers = case

    def tokens(text):
        return len(COUNTER.encode(text, encoding=encoding))

    fixed = tokens(config.system or "") + tokens(user)
    free = max(0, window - 4 * (len(config.sources) + 2)) if window else config.max_tokens
    if fixed > min(config.max_tokens, free):
        with pytest.raises(ContextOverflowError, match=r"system|user_message"):
            fitted(config, answers, user, encoding=encoding, window=window)
        return
    context = fitted(config, answers, user, encoding=encoding, window=window)
    reports = {report.id: report for report in context.report}
    recount = {message.source: tokens(message.content) for message in context.messages}
    assert {source.id: reports[source.id].used for source in config.sources if reports[source.id].used} == recount
    assert context.total_tokens == sum(recount.values()) + fixed
    assert context.total_tokens <= context.budget <= min(config.max_tokens, free)
    for report in context.report:
        assert report.used + report.dropped == report.asked
        assert min(report.used, report.dropped) >= 0
        assert report.reason or not report.dropped
    for source in config.sources:
        assert source.max_tokens is None or reports[source.id].used <= source.max_tokens
    assert context.truncated == any(report.dropped for report in context.report)
    assert set(context.sources_used) == set(recount)


@settings(max_examples=200)
@given(configs())
def test_a_message_is_whole_notes_then_the_head_of_one_and_no_note_comes_twice(case):
    config = msgspec.structs.replace(case[0], system=None)
    context = fitted(config, case[1])
    messages = {message.source: message.content for message in context.messages}
    found = {each.source.id: each.items for each in gathered(config, case[1])}
    for report in context.report:
        rest, cut = messages.get(report.id, ""), False
        repeats = {item.path for item in report.items if item.reason.startswith("already in")}
        fresh = [item for item in report.items if item.path not in repeats]
        notes = [item for item in found[report.id] if item.path not in repeats]
        assert [item.path for item in fresh] == [note.path for note in notes]
        for note, item in zip(notes, fresh, strict=True):
            assert not (cut and item.used), "nothing follows a cut"
            piece = note.header + note.text
            cut = bool(item.reason)
            if item.used and not cut:
                assert rest.startswith(piece)
                rest = rest[len(piece) :].removeprefix("\n\n")
            elif item.used:
                assert piece.startswith(rest)
                rest = ""
        assert rest == ""
    used = {report.id: {item.path for item in report.items if item.used} for report in context.report}
    for report in context.report:
        for item in report.items:
            owner = item.reason.removeprefix("already in ")
            assert owner == item.reason or item.path in used[owner], "what is said to be there is there"
    by_source = [{item.path for item in report.items if item.used and item.path} for report in context.report]
    assert sum(len(paths) for paths in by_source) == len(set().union(*by_source))


@settings(max_examples=200)
@given(configs(), encodings)
def test_whole_sources_are_placed_as_a_plain_model_does(case, encoding):
    config, answers = case
    sources = tuple(
        StaticText("\n\n".join(hit.text for hit in answers[each.id]) or "-", id=each.id, max_tokens=each.max_tokens)
        for each in config.sources
    )
    config = msgspec.structs.replace(config, sources=sources, on_overflow="drop", system=None)
    context = fitted(config, {}, encoding=encoding)
    left, expected = config.max_tokens, set()
    for source in sorted(config.sources, key=lambda each: -config.priority_of(each)):
        text = re.sub("[\ud800-\udfff]", "\ufffd", source.content)
        asked = len(COUNTER.encode(text, encoding=encoding))
        if text.strip() and asked <= min(left, source.max_tokens or left):
            expected.add(source.id)
            left -= asked
    assert set(context.sources_used) == expected
    assert [message.source for message in context.messages] == [s.id for s in config.sources if s.id in expected]


@settings(max_examples=200)
@given(texts, st.integers(0, 80), encodings)
def test_a_cut_is_the_texts_head_within_its_tokens_and_closes_every_fence(text, budget, encoding):
    kept = truncate(text, budget, counter=COUNTER, encoding=encoding)
    assert text.startswith(kept.text)
    assert kept.tokens == len(COUNTER.encode(kept.text, encoding=encoding)) <= budget
    assert kept.boundary in {"whole", "", *BOUNDARIES}
    assert (kept.boundary == "whole") == (kept.text == text and bool(text))
    if kept.boundary in BOUNDARIES:
        assert len(kept.text) in boundaries(text)[kept.boundary]
        assert not open_fence(kept.text)


def open_fence(text):
    """Return whether a fence is open at the end: the rule of CommonMark, said plainly."""
    fence = ""
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        bare = line.lstrip(" \t>")
        run = next((mark * count for mark in "`~" for count in (len(bare) - len(bare.lstrip(mark)),) if count >= 3), "")
        if not fence:
            fence = "" if run[:1] == "`" and "`" in bare[len(run) :] else run
        elif run[:1] == fence[0] and len(run) >= len(fence) and not bare[len(run) :].strip(" \t>"):
            fence = ""
    return bool(fence)


@settings(max_examples=200)
@given(st.lists(texts | ends | starts, max_size=8), encodings)
def test_joined_counts_are_those_of_the_joined_text(parts, encoding):
    assert COUNTER.count_joined(parts, encoding=encoding) == len(COUNTER.encode("".join(parts), encoding=encoding))


@settings(max_examples=200)
@given(configs(), st.integers(1, 30))
def test_a_source_keeps_its_minimum_from_those_above_it(case, minimum):
    config, answers = case
    low = StaticText("- tide\n" * 60, id="low", min_tokens=minimum)
    config = read_context(ContextConfig(
        sources=(*config.sources, low), max_tokens=300, priorities={**config.priorities, "low": -9}
    ))  # fmt: skip
    kept = sum(min(source.min_tokens, source.max_tokens or 999) for source in config.sources)
    context = fitted(config, answers)
    used = {report.id: report.used for report in context.report}
    assert kept > 300 or used["low"] >= minimum - COUNTER.count("- tide\n")


def test_a_required_source_without_room_or_finds_is_an_error():
    config = read_context(
        {"max_tokens": 5, "sources": [{"type": "static_text", "content": "a " * 50, "required": True}]}
    )
    with pytest.raises(MissingSourceError, match="static_text"):
        fitted(config, {})
    config = read_context({"sources": [{"type": "recent_notes", "required": True}]})
    with pytest.raises(MissingSourceError, match="the app has no notes"):
        fitted(config, {})
