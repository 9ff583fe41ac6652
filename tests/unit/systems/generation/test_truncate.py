"""Where a text may be cut."""

import pytest

from tickwright.systems.generation.tokens import TokenCounter
from tickwright.systems.generation.truncate import boundaries, truncate

COUNTER = TokenCounter()

NOTE = """---
title: A. B
---
# Title

One. Two ends here, e.g. with this. Three
goes on over a line.
Four starts a line.

- item one
- item two

```python
code. Here

## no heading
```

## Next

1. First. Then
2. Second

The end."""


def heads(text, level):
    return [text[:end] for end in boundaries(text)[level]]


def ends_of(text, level, size=9):
    return [head[-size:] for head in heads(text, level)]


def test_headings_paragraphs_and_sentences_are_found():
    assert ends_of(NOTE, "heading", 3) == ["```"]
    assert ends_of(NOTE, "paragraph") == ["s a line.", " item two", "2. Second"]
    assert ends_of(NOTE, "sentence") == ["tle\n\nOne.", "ith this.", "r a line.", " item one", "1. First.", "rst. Then"]
    assert ends_of(NOTE, "line") == ["is. Three"]


def test_nothing_is_cut_in_a_fence_in_frontmatter_or_after_a_heading():
    for head in [each for level in ("heading", "paragraph", "sentence", "line") for each in heads(NOTE, level)]:
        assert head.count("```") % 2 == 0
        assert head.count("---") % 2 == 0
        assert not head.splitlines()[-1].startswith("#")


@pytest.mark.parametrize(
    "text",
    [
        "Before.\n\n```\na. B\n\nc. D\n",
        "Before.\n\n~~~~\na. B\n~~~\n\n```\n\nc. D\n",
        "Before.\n\n> ```\n> a. B\n>\n> c. D\n",
        "Before.\n\n  ````md\n```\na. B\n```\n\nc. D\n",
    ],
)
def test_an_open_fence_lasts_to_the_end(text):
    assert {head for level in boundaries(text) for head in heads(text, level)} == {"Before."}


def test_a_coarse_boundary_is_preferred_if_it_keeps_enough():
    words = "Some words that make a sentence. "
    text = f"{words * 4}\n\n{words}{words}"
    kept = truncate(text, COUNTER.count(text) - 3, counter=COUNTER)
    assert (kept.boundary, kept.text) == ("paragraph", (words * 4).rstrip())
    text = f"{words}\n\n{words * 4}"
    kept = truncate(text, COUNTER.count(text) - 3, counter=COUNTER)
    assert (kept.boundary, kept.text) == ("sentence", f"{words}\n\n{words * 3}".rstrip())


def test_lines_are_used_where_no_sentence_ends():
    text = "\n".join(f"level {number} gauge {number * 7}" for number in range(50))
    kept = truncate(text, 60, counter=COUNTER)
    assert kept.boundary == "line"
    assert text.startswith(kept.text + "\n")
    assert kept.tokens <= 60


def test_chinese_sentences_end_without_a_space():
    text = "潮水每天涨落两次。泥滩慢慢升高。鸟来了\uff01"
    kept = truncate(text, COUNTER.count("潮水每天涨落两次。泥滩慢慢升高。"), counter=COUNTER)
    assert kept.text == "潮水每天涨落两次。泥滩慢慢升高。"


def test_a_text_without_any_boundary_is_kept_whole_or_not_at_all():
    text = "a" * 5000
    assert truncate(text, 100, counter=COUNTER) == truncate(text, 0, counter=COUNTER)
    assert truncate(text, 100, counter=COUNTER).boundary == ""
    assert truncate(text, 5000, counter=COUNTER).boundary == "whole"


def test_a_long_text_is_not_encoded_whole():
    encoded = []

    class Watching(TokenCounter):
        def encode(self, text, *, encoding="o200k_base"):
            encoded.append(len(text))
            return super().encode(text, encoding=encoding)

    kept = truncate("Some words that make a sentence. " * 50_000, 100, counter=Watching())
    assert 90 <= kept.tokens <= 100
    assert max(encoded) < 10_000


def test_a_head_that_has_more_tokens_alone_than_in_the_whole_is_shortened():
    class Hopeful(TokenCounter):
        def head(self, text, tokens, *, encoding="o200k_base"):
            return super().head(text, tokens + 9, encoding=encoding)

    text = "One two three. Four five six. Seven eight nine. Ten."
    kept = truncate(text, 8, counter=Hopeful())
    assert (kept.text, kept.tokens) == ("One two three. Four five six.", 8)
