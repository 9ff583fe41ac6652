"""Reading a context's definition: both spellings, ids, and the path of every fault."""

import pytest

from tickwright.systems.generation.context_types import (
    CONTEXT_SOURCES,
    ContextConfig,
    Custom,
    LinkedNotes,
    RecentNotes,
    SemanticSearch,
    StaticText,
    read_context,
)
from tickwright.systems.generation.errors import PipelineDefinitionError

SOURCES = [
    {"type": "semantic_search", "query": "${user_query}", "limit": 5},
    {"type": "recent_notes", "folder": "Research", "limit": 3, "minTokens": 7},
    {"type": "linked_notes", "from": "${current_note}", "depth": 1},
    {"type": "static_text", "content": "text"},
    {"type": "custom", "handler": "fetch", "config": {"userKey": {"innerKey": [1]}}},
]


def test_both_spellings_read_to_the_same_config():
    camel = read_context({"maxTokens": 10, "onOverflow": "drop", "sources": SOURCES})
    snake = read_context({"max_tokens": 10, "on_overflow": "drop", "sources": SOURCES})
    assert camel == snake
    assert camel.sources[:3] == (
        SemanticSearch("${user_query}", 5, id="semantic_search"),
        RecentNotes("Research", 3, id="recent_notes", min_tokens=7),
        LinkedNotes("${current_note}", id="linked_notes"),
    )
    assert camel.sources[3:] == (
        StaticText("text", id="static_text"),
        Custom("fetch", {"userKey": {"innerKey": (1,)}}, id="custom"),
    )


def test_an_empty_document_has_the_sketches_defaults():
    for empty in (None, {}, {"sources": {}}, ContextConfig()):
        assert read_context(empty) == ContextConfig(system=None, sources=(), max_tokens=8000)


def test_reading_twice_changes_nothing():
    once = read_context({"sources": SOURCES, "priorities": {"system": 100, "custom": -1}})
    assert read_context(once) == once


def test_repeated_types_are_numbered_around_ids_that_are_taken():
    text = {"type": "static_text", "content": "x"}
    ids = [
        source.id for source in read_context({"sources": [text, {**text, "id": "static_text_2"}, text, text]}).sources
    ]
    assert ids == ["static_text", "static_text_2", "static_text_3", "static_text_4"]


def test_priorities_go_by_id_then_type_then_zero():
    text = {"type": "static_text", "content": "x"}
    config = read_context(
        {"sources": [text, {**text, "id": "mine"}, SOURCES[1]], "priorities": {"mine": 7, "static_text": 3}}
    )
    assert [config.priority_of(source) for source in config.sources] == [3, 7, 0]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"maxtokens": 1}, "context.maxtokens"),
        ({"max_tokens": 1, "maxTokens": 1}, "context.maxTokens"),
        ({"max_tokens": 0}, "context.max_tokens"),
        ({"max_tokens": "8000"}, "context.max_tokens"),
        ({"system": 3}, "context.system"),
        ({"sources": {"type": "static_text"}}, "context.sources"),
        ({"sources": ["static_text"]}, "context.sources[0]"),
        ({"sources": [{"content": "x"}]}, "context.sources[0].type"),
        ({"sources": [{"type": "statictext", "content": "x"}]}, "context.sources[0].type"),
        ({"sources": [{"type": ["static_text"]}]}, "context.sources[0].type"),
        ({"sources": [{"type": "static_text"}]}, "context.sources[0]"),
        ({"sources": [{"type": "static_text", "content": "x", "limit": 2}]}, "context.sources[0].limit"),
        ({"sources": [{"type": "static_text", "content": 1}]}, "context.sources[0].content"),
        ({"sources": [{"type": "recent_notes", "limit": 0}]}, "context.sources[0].limit"),
        ({"sources": [{"type": "linked_notes", "from": "a", "depth": -1}]}, "context.sources[0].depth"),
        ({"sources": [{"type": "recent_notes", "minTokens": 5, "maxTokens": 4}]}, "context.sources[0].min_tokens"),
        ({"sources": [{"type": "recent_notes", "onOverflow": "shrink"}]}, "context.sources[0].on_overflow"),
        ({"sources": [{"type": "recent_notes", "id": "system"}]}, "context.sources[0].id"),
        ({"sources": [{"type": "recent_notes", "id": "a"}] * 2}, "context.sources[1].id"),
        ({"sources": [{"type": "custom", "handler": "x", "config": {"a": {1}}}]}, "context.sources[0].config.a"),
        ({"priorities": {"semantic_serch": 1}}, "context.priorities.semantic_serch"),
        ({"priorities": {"system": 1.5}}, "context.priorities[...]"),
        ({"on_overflow": "cut"}, "context.on_overflow"),
        ([], "context"),
    ],
)
def test_a_fault_names_its_path(document, path):
    with pytest.raises(PipelineDefinitionError) as caught:
        read_context(document)
    assert caught.value.path == path
    assert path in str(caught.value)


def test_near_misses_are_offered():
    with pytest.raises(PipelineDefinitionError, match="Did you mean 'semantic_search'"):
        read_context({"sources": [{"type": "semantic_serch", "query": "x"}]})


def test_every_source_of_the_sketches_is_there():
    assert sorted(CONTEXT_SOURCES) == ["custom", "linked_notes", "recent_notes", "semantic_search", "static_text"]
