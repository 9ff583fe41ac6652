from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.systems.hooks.errors import GlobError
from tickwright.systems.hooks.globs import compile_glob

CASES = [
    ("search_*", ["search_", "search_web"], ["research_x", "search", "search_a/b"]),
    ("*.md", ["a.md", ".md"], ["a/b.md", "a.mdx"]),
    ("**/*.md", ["a.md", "x/a.md", "x/y/a.md"], ["a.txt"]),
    ("notes/**", ["notes/a", "notes/a/b.md"], ["notes", "note/a"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]),
    ("a?c", ["abc"], ["ac", "a/c", "abbc"]),
    ("[a-c]x", ["ax", "cx"], ["dx", "x"]),
    ("[!a-c]x", ["dx"], ["ax", "/x"]),
    ("[^a]", ["b"], ["a", "/"]),
    ("[]a]", ["]", "a"], ["b"]),
    ("[a\\]]", ["]", "a"], ["\\"]),
    ("{a,b}/c", ["a/c", "b/c"], ["c/c", "a,b/c"]),
    ("{a,{b,c}d}", ["a", "bd", "cd"], ["ad", "b"]),
    ("x{,.bak}", ["x", "x.bak"], ["x."]),
    ("!drafts/**", ["a.md", "drafts"], ["drafts/a.md"]),
    ("!{a,b}", ["c", "ab"], ["a", "b"]),
    ("!!a", ["a"], ["b"]),
    ("\\!a\\*", ["!a*"], ["a", "!ab"]),
    ("\\{a,b\\}", ["{a,b}"], ["a", "b"]),
    ("[{,}]x", ["{x", ",x", "}x"], ["x"]),
    ("日記/*.md", ["日記/一.md"], ["日記/一/二.md"]),
    ("a**b", ["ab", "a/x/b"], ["a/x"]),
    ("***", ["", "a/b"], []),
    ("a}", ["a}"], ["a"]),
]


@pytest.mark.parametrize(("pattern", "yes", "no"), CASES)
def test_pattern_matches_exactly(pattern: str, yes: list[str], no: list[str]) -> None:
    glob = compile_glob(pattern)
    assert [s for s in yes if not glob.matches(s)] == []
    assert [s for s in no if glob.matches(s)] == []


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("", "empty pattern"),
        ("!", "empty pattern"),
        ("[ab", "unclosed '['"),
        ("[]", "unclosed '['"),
        ("{a,b", "unclosed '{'"),
        ("[z-a]", "reversed range"),
        ("a\\", "ends in a backslash"),
        ("{a,b}" * 9, "too many alternatives"),
    ],
)
def test_bad_pattern_says_what_is_wrong(pattern: str, what: str) -> None:
    with pytest.raises(GlobError, match=re.escape(what)):
        compile_glob(pattern)


def naive(pattern: str, subject: str) -> bool:
    """The same language by plain recursion, for patterns of literals, `?`, `*`, `**` and `**/`."""

    def step(p: int, s: int) -> bool:
        if p == len(pattern):
            return s == len(subject)
        if pattern[p] != "*":
            fits = s < len(subject) and (subject[s] == pattern[p] or (pattern[p] == "?" and subject[s] != "/"))
            return fits and step(p + 1, s + 1)
        end = p
        while end < len(pattern) and pattern[end] == "*":
            end += 1
        if end - p == 1:
            stop = subject.find("/", s) if "/" in subject[s:] else len(subject)
            return any(step(end, k) for k in range(s, stop + 1))
        if (p == 0 or pattern[p - 1] == "/") and pattern[end : end + 1] == "/":
            starts = [s, *(k + 1 for k in range(s, len(subject)) if subject[k] == "/")]
            return any(step(end + 1, k) for k in starts)
        return any(step(end, k) for k in range(s, len(subject) + 1))

    return step(0, 0)


@given(
    st.lists(st.sampled_from(["a", "b", "/", "?", "*", "**", "**/"]), min_size=1, max_size=9).map("".join),
    st.text("ab/", max_size=9),
)
def test_compiled_glob_agrees_with_plain_recursion(pattern: str, subject: str) -> None:
    glob = compile_glob(pattern)
    assert glob.matches(subject) == naive(pattern, subject)
    if glob.matches(subject):
        assert subject.startswith(glob.beginnings) or subject.endswith(glob.endings)
        assert not glob.exact or subject in glob.exact


def test_hostile_pattern_answers_at_once() -> None:
    assert not compile_glob("*a" * 40 + "b").matches("a" * 2000)
    assert not compile_glob("**a*a" * 20 + "b").matches("a" * 2000)
