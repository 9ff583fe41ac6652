"""Assembling a context from its five sources, and what the report says."""

import pytest

from tickwright.ecs_core.errors import TickwrightError
from tickwright.systems.contracts.ports import NoteHit
from tickwright.systems.generation.assembly import Limits, assemble
from tickwright.systems.generation.context_types import ContextConfig, read_context
from tickwright.systems.generation.errors import ContextError, ContextOverflowError, MissingSourceError
from tickwright.systems.generation.tokens import TokenCounter

COUNTER = TokenCounter()
RESEARCH = {
    "system": "You are a research assistant...",
    "sources": [
        {"type": "semantic_search", "query": "tide", "limit": 2},
        {"type": "recent_notes", "folder": "Research", "limit": 3},
        {"type": "linked_notes", "from": "Home.md", "depth": 1},
    ],
    "priorities": {"system": 100, "user_message": 90, "semantic_search": 70, "recent_notes": 50, "linked_notes": 30},
}


class Shelf:
    def __init__(self):
        self.asked = []

    def search(self, text, limit=5):
        self.asked.append(("search", text, limit))
        return [
            NoteHit("Tide.md", "Tides rise. Tides fall.", 2.0, "words"),
            NoteHit("Mud.md", "Mud stays.", 1.0, "words"),
        ]

    def recent(self, folder=None, limit=5):
        self.asked.append(("recent", folder, limit))
        return [NoteHit("Mud.md", "Mud stays."), NoteHit("Empty.md", " \n")]

    def linked(self, path, depth=1):
        self.asked.append(("linked", path, depth))
        if path == "Nowhere.md":
            raise TickwrightError("no note 'Nowhere.md'")
        return [NoteHit("Gulls.md", "Gulls cry ${user_query} <|endoftext|>.")]


def config(**changes):
    return read_context({**RESEARCH, **changes})


def custom(answer):
    def call(source):
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


def static(content="One. Two. Three.", **fields):
    return {"type": "static_text", "content": content, **fields}


def test_the_sketches_context_is_assembled_and_reported():
    shelf = Shelf()
    context = assemble(config(), "What of the tide?", notes=shelf, counter=COUNTER)
    assert shelf.asked == [("search", "tide", 2), ("recent", "Research", 3), ("linked", "Home.md", 1)]
    assert context.system_prompt == "You are a research assistant..."
    assert [(message.role, message.source) for message in context.messages] == [
        ("user", "semantic_search"),
        ("user", "linked_notes"),
    ]
    assert context.messages[0].content == "Note: Tide.md\n\nTides rise. Tides fall.\n\nNote: Mud.md\n\nMud stays."
    assert context.messages[1].content == "Note: Gulls.md\n\nGulls cry ${user_query} <|endoftext|>."
    assert context.sources_used == ("semantic_search", "linked_notes")
    assert [report.id for report in context.report][:2] == ["system", "user_message"]
    search, recent, _ = context.report[2:]
    assert [(item.path, item.by) for item in search.items] == [("Tide.md", "words"), ("Mud.md", "words")]
    assert (recent.used, recent.reason) == (0, "already in semantic_search")
    assert (context.truncated, context.budget, context.encoding, context.encoding_known) == (
        True,
        8000,
        "o200k_base",
        True,
    )


def test_the_lowest_priority_is_cut_first_and_at_a_sentence():
    sources = [static(id="low"), static("Keep this whole.", id="high")]
    document = {"sources": sources, "max_tokens": 9, "priorities": {"high": 1}}
    context = assemble(read_context(document), counter=COUNTER)
    assert [(message.source, message.content) for message in context.messages] == [
        ("low", "One. Two."),
        ("high", "Keep this whole."),
    ]
    low = context.report[0]
    assert (low.asked, low.used, low.dropped, low.reason) == (6, 4, 2, "cut at a sentence for the budget")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (static(max_tokens=2), "cut at a sentence for its max_tokens"),
        (static(max_tokens=1), "no boundary of it fits its max_tokens"),
        (static(on_overflow="drop", max_tokens=2), "6 tokens do not fit its max_tokens and on_overflow is drop"),
        (static(min_tokens=6), "5 tokens are left, min_tokens are 6"),
        (static(" \n"), "the text is empty"),
        ({"type": "linked_notes", "from": "Nowhere.md"}, "no note 'Nowhere.md'"),
        ({"type": "custom", "handler": "h"}, "the handler returned nothing"),
    ],
)
def test_a_reason_is_given(source, reason):
    document = read_context({"sources": [source], "max_tokens": 5})
    report = assemble(document, notes=Shelf(), custom=custom(None), counter=COUNTER).report[0]
    assert report.reason == reason
    needed = read_context({"sources": [{**source, "required": True}], "max_tokens": 5})
    if report.used:
        assert assemble(needed, counter=COUNTER).report[0].used == report.used
    else:
        with pytest.raises(MissingSourceError, match="required source"):
            assemble(needed, notes=Shelf(), custom=custom([]), counter=COUNTER)


def test_overflow_error_names_the_source_and_the_tokens():
    with pytest.raises(ContextOverflowError, match=r"static_text has 6 tokens.*at most 5: the budget") as caught:
        assemble(read_context({"sources": [static()], "max_tokens": 5, "on_overflow": "error"}), counter=COUNTER)
    assert (caught.value.source, caught.value.asked, caught.value.budget) == ("static_text", 6, 5)


def test_the_window_less_the_reserve_caps_the_budget():
    document = read_context({"sources": [static("word. " * 500)]})
    context = assemble(document, "Q", counter=COUNTER, limits=Limits(window=300, reserve=100, model="SmolLM2"))
    assert context.budget == 300 - 100 - 3 * 4
    assert (context.truncated, context.encoding_known) == (True, False)
    with pytest.raises(ContextOverflowError, match="user_message has 401 tokens"):
        assemble(ContextConfig(), "a " * 400, counter=COUNTER, limits=Limits(window=300))
    with pytest.raises(ContextOverflowError):
        assemble(ContextConfig(), "a", counter=COUNTER, limits=Limits(window=100, reserve=200))


def test_an_empty_context_is_one():
    context = assemble(ContextConfig(), counter=COUNTER)
    assert (context.messages, context.total_tokens, context.report, context.truncated) == ((), 0, (), False)


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        ("plain", "plain"),
        (["a", " ", "b"], "a\n\nb"),
        ([{"path": "X.md", "text": " x "}], "Note: X.md\n\nx"),
        ((NoteHit("Y.md", "y"),), "Note: Y.md\n\ny"),
        ("bytes \udcff", "bytes \ufffd"),
    ],
)
def test_a_handler_may_return_texts_or_notes(answer, content):
    document = read_context({"sources": [{"type": "custom", "handler": "h"}]})
    messages = assemble(document, custom=custom(answer), counter=COUNTER).messages
    assert messages[0].content.rstrip("\ufffd") == content.rstrip("\ufffd")
    messages[0].content.encode()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (3, "returned int at 0"),
        (["a", {"path": "b"}], "returned dict at 1"),
        (ValueError("boom"), "raised ValueError: boom"),
    ],
)
def test_a_handler_that_fails_is_named(answer, message):
    document = read_context({"sources": [{"type": "custom", "handler": "fetch"}]})
    with pytest.raises(ContextError, match=f"'fetch' {message}") as caught:
        assemble(document, custom=custom(answer), counter=COUNTER)
    assert caught.value.source == "custom"
    if isinstance(answer, Exception):
        assert caught.value.__cause__ is answer
    with pytest.raises(ContextError, match="no handler 'fetch' can be called"):
        assemble(document, counter=COUNTER)
