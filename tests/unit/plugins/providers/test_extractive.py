"""The provider without a model: what it quotes, and what it says of itself."""

import json
import re

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.plugins.providers import Extractive
from tickwright.plugins.providers.filling import fill
from tickwright.plugins.providers.ranking import rank, sentences_of, words_of
from tickwright.systems.contracts.schema import compile_schema
from tickwright.systems.generation.provider import Message, Request
from tickwright.systems.generation.tokens import count_tokens

NOTES = """Note: Research/Accretion Rates.md

---
title: Accretion rates. Draft
---
# Accretion rates

Mud accretes 28 mm a year near the breach. At the back it is 9 mm.

```
accretion = 28. Code is not quoted
```

Note: Research/Redshank.md

Redshanks nest on the marsh. They accrete nothing.

- They eat worms.

Note: Projects/Sluice.md

The sluice leaks. ^leak
#todo"""


def answer(prompt, **fields):
    request = Request(**{"model": "m", "prompt": prompt, "messages": (Message("user", NOTES),), **fields})

    async def main():
        return [delta async for delta in Extractive().stream(request)]

    deltas = anyio.run(main)
    return "".join(delta.text for delta in deltas), deltas[-1]


def quotes(text):
    return re.findall(r"(?m)^> (.*)$", text)


@pytest.mark.parametrize("prompt", ["Outline: redshank", "Outline redshank", "Write an outline on the redshank"])
def test_an_outline_asked_for_in_a_word_has_headings(prompt):
    assert answer(prompt)[0].startswith("## Redshank\n\nNote: Research/Redshank.md")


def test_a_question_about_an_outline_is_no_wish_for_one():
    assert "##" not in answer("Which redshank has no outline?")[0]


def test_the_best_sentences_are_quoted_word_for_word_with_their_notes():
    text, last = answer("How fast does the mud accrete near the breach?")
    assert text == (
        "Quoted from the context, ranked by shared words; no model wrote this.\n\n"
        "Note: Research/Accretion Rates.md\n\n"
        "> Mud accretes 28 mm a year near the breach.\n\n> At the back it is 9 mm.\n\n"
        "Note: Research/Redshank.md\n\n> They accrete nothing."
    )
    assert all(quote in NOTES for quote in quotes(text))
    assert (last.finish, last.usage.output) == ("stop", count_tokens(text))
    assert last.usage.input == count_tokens(NOTES) + count_tokens("How fast does the mud accrete near the breach?")


def test_a_question_without_an_answer_is_told_so():
    assert answer("What of zebras?")[0] == (
        "No sentence of the context shares a word with the question; no model was asked."
    )


def test_the_research_pipelines_three_prompts_give_several_sections_and_a_synthesis():
    query = "How do mud and redshanks accrete?"
    outline, _ = answer(f"Create an outline for: {query}")
    sections = re.split(r"(?m)^(?=## )", outline)[1:]
    assert [section.splitlines()[0] for section in sections] == ["## Accretion Rates", "## Redshank"]
    assert all("no model wrote it" in section for section in sections)
    expanded = [answer(f"Expand this outline:\n{section}")[0] for section in sections]
    assert [text.splitlines()[0] for text in expanded] == ["## Accretion Rates", "## Redshank"]
    assert quotes(expanded[0])[0] == "Mud accretes 28 mm a year near the breach."
    assert quotes(expanded[1]) == ["Redshanks nest on the marsh.", "They accrete nothing.", "They eat worms."]
    together, _ = answer("Synthesize these sections:\n" + "\n\n".join(expanded), messages=())
    assert quotes(together) == ["Mud accretes 28 mm a year near the breach.", "They accrete nothing."]
    assert "Quoted from the context" in together


def test_max_tokens_are_kept_at_the_end_of_a_sentence():
    whole, _ = answer("mud accrete breach")
    for most in range(1, count_tokens(whole)):
        text, last = answer("mud accrete breach", max_tokens=most)
        assert count_tokens(text) <= most
        assert whole.startswith(text)
        assert last.finish == "length"
        assert not text or text.endswith(".")


def test_a_schema_of_sections_is_filled_with_titles():
    schema = {
        "type": "object",
        "required": ["sections", "score"],
        "properties": {
            "sections": {"type": "array", "items": {"type": "string"}},
            "quote": {"type": "string", "maxLength": 12},
            "score": {"type": "integer", "minimum": 0, "maximum": 10},
        },
    }
    text, _ = answer("Create an outline for: mud and redshanks", json_schema=schema)
    assert json.loads(text) == {"sections": ["Accretion Rates", "Redshank"], "quote": "Mud accretes", "score": 2}


def test_code_frontmatter_tags_and_block_ids_are_not_sentences():
    found = [sentence.text for sentence in sentences_of([("", NOTES)])]
    assert found == [
        "Mud accretes 28 mm a year near the breach.",
        "At the back it is 9 mm.",
        "Redshanks nest on the marsh.",
        "They accrete nothing.",
        "They eat worms.",
        "The sluice leaks.",
    ]


def test_kin_of_a_word_match():
    assert words_of("Accretion accretes, accreted") == ["accret"] * 3
    assert words_of("The sluices of a sluice") == ["sluice", "sluice"]


@given(
    st.lists(st.sampled_from(["mud rises.", "Tides fall!", "mud mud mud.", "Gulls cry?", "x", "中文。"]), max_size=9)
)
def test_ranking_is_of_sentences_that_share_a_word_each_once_and_stable(parts):
    sentences = sentences_of([("", "\n\n".join(parts))])
    ranked = rank(sentences, words_of("mud tide"))
    texts = [sentence.text for _, sentence in ranked]
    assert len(set(texts)) == len(texts)
    assert set(texts) == {each.text for each in sentences if set(words_of(each.text)) & {"mud", "tide"}}
    assert [score for score, _ in ranked] == sorted((score for score, _ in ranked), reverse=True)
    assert ranked == rank(sentences, words_of("tide mud mud"))


names = st.sampled_from(["sections", "text", "score", "tags"])
leaves = st.one_of(
    st.builds(lambda n: {"type": "string", "maxLength": n, "minLength": min(n, 3)}, st.integers(0, 30)),
    st.builds(lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size},
              st.integers(-9, 9), st.integers(0, 9)),
    st.just({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 5}),
    st.just({"type": ["boolean", "null"]}),
    st.just({"type": "null"}),
    st.just({"enum": ["a", 1]}),
    st.just({"const": {"a": 1}}),
    st.just({"anyOf": [{"type": "string"}, {"type": "null"}]}),
    st.just({"$ref": "#/$defs/leaf"}),
)  # fmt: skip
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda items, low, size: {"type": "array", "items": items, "minItems": low, "maxItems": low + size},
                  inner, st.integers(0, 3), st.integers(0, 3)),
        st.builds(lambda properties: {"type": "object", "properties": properties, "required": list(properties),
                                      "additionalProperties": False}, st.dictionaries(names, inner, max_size=3)),
    ),
    max_leaves=8,
)  # fmt: skip


@given(schemas, st.lists(st.text(max_size=20), max_size=4), st.integers(0, 20))
def test_a_filled_schema_is_kept(schema, texts, number):
    schema = {**schema, "$defs": {"leaf": {"type": "string", "maxLength": 4}}}
    value = json.loads(json.dumps(fill(schema, texts=texts, titles=texts[:1], number=number)))
    assert compile_schema(schema, where="the value")(value) == value


@pytest.mark.parametrize(
    "text", ["", "\n\n", "a" * 100_000, "```\n" * 50, "#" * 5000 + " word", "^" * 5000, "---\n" * 99]
)
def test_odd_prompts_and_contexts_are_answered(text):
    assert answer(text)[1].finish == "stop"
    assert answer("mud", messages=(Message("user", text),))[1].finish == "stop"
