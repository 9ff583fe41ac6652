"""What the scanner finds and what it passes over; frontmatter; odd files."""

import pytest

from tickwright.ecs_core import App
from tickwright.systems.notes import Notes, NotesPlugin, parse_blocks, parse_matter, parse_note, scan

NINE = [", ".join([f"*{letter}"] * 9) for letter in "abcd"]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{letter}: &{letter} [{inner}]" for letter, inner in zip("bcde", NINE, strict=True)
)


def links(text):
    return [(link.kind, link.target, link.anchor, link.alias, link.line) for link in scan(text).links]


def test_every_form_of_a_link():
    text = '[[A]] [[b/C#Head|shown]]\n![[pic]] [[#here]] [x](d/e%20f.md) [y](<g h.md#i> "title") [z](http://a.md)'
    assert links(text) == [
        ("wiki", "A", "", "", 1),
        ("wiki", "b/C", "Head", "shown", 1),
        ("embed", "pic", "", "", 2),
        ("wiki", "", "here", "", 2),
        ("markdown", "d/e f.md", "", "x", 2),
        ("markdown", "g h.md", "i", "y", 2),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "```\n[[no]] #no\n# no\n^no\n```",
        "~~~~ lang\n[[no]]\n~~~\n[[no]]\n~~~~",
        "> ```\n> [[no]]\n> ```",
        "`[[no]]` ``a ` [[no]] ``",
        "```\n[[no]] never closed",
        "\\[[no]] \\#no",
        "[[no\n]] [[]] [[ | ]]",
        "a#no ##no #123 #",
    ],
)
def test_code_escapes_and_near_misses_are_passed_over(code):
    found = scan(code)
    assert (found.links, found.tags, found.headings, found.anchors) == ((), (), (), ())


def test_code_ends_where_it_ends():
    assert [link[1] for link in links("```\n[[no]]\n```\n[[yes]] `a` [[and]] `` ` `` [[also]]")] == [
        "yes",
        "and",
        "also",
    ]
    assert [link[1] for link in links("a ` lone tick\n\n[[yes]] and ` another")] == ["yes"]


def test_tags_headings_and_block_ids():
    found = scan(
        "# One #\n###### Six\n####### seven\n text #a/b-c (#d) #é\n- item ^id-1\n^alone\nnot^this\n #e\n    # code?"
    )
    assert [(each.level, each.text, each.line) for each in found.headings] == [(1, "One", 1), (6, "Six", 2)]
    assert [tag.name for tag in found.tags] == ["a/b-c", "d", "é", "e"]
    assert [(anchor.id, anchor.line) for anchor in found.anchors] == [("id-1", 5), ("alone", 6)]


def test_crlf_and_byte_order_mark_change_nothing_but_the_bytes():
    text = "---\ntags: [x]\n---\n# Head\n\n[[a]] ^b\n"
    plain = scan(text)
    odd = scan("\ufeff" + text.replace("\n", "\r\n"))
    assert (odd.links, odd.tags, odd.headings, odd.anchors) == (plain.links, plain.tags, plain.headings, plain.anchors)
    record, _, _ = parse_note("a.md", ("\ufeff" + text.replace("\n", "\r\n")).encode(), 0)
    assert record.tags == ("x",)


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (None, {}),
        ("", {}),
        ("a: 1\nb: [x, 2.5, null, true]", {"a": 1, "b": ["x", 2.5, None, True]}),
        ("d: 2026-01-02\nt: 2026-01-02 03:04:05", {"d": "2026-01-02", "t": "2026-01-02T03:04:05"}),
        ("1: one\nnested: {a: {b: c}}", {"1": "one", "nested": {"a": {"b": "c"}}}),
    ],
)
def test_frontmatter_is_plain_data(raw, data):
    assert parse_matter(raw, "a.md").data == data


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("a: b: c", "a.md:2: invalid frontmatter: mapping values are not allowed"),
        ("ok: 1\nbad: {", "a.md:"),
        ("ok: 1\nbad: b: c", "a.md:3:"),
        ("- a\n- b", "it is a list"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("a: \x07", "does not allow"),
        ("[" * 200 + "]" * 200, "a.md:"),
        (BOMB, "more than 10000 values"),
    ],
)
def test_wrong_frontmatter_says_where_and_raises_nothing(raw, problem):
    matter = parse_matter(raw, "a.md")
    assert matter.data == {}
    assert problem in matter.error


def test_a_megabyte_of_anything_is_scanned_in_linear_time():
    hostile = ["[" * 1_000_000, "[[a|" * 250_000, "`" * 999_999, "#" * 1_000_000, "~~~\n" * 250_000, "a ^b\n" * 200_000]
    for text in hostile:
        found = scan(text)
        assert len(found.anchors) in (0, 200_000)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("empty.md", b""),
        ("字/日本語 ノート.md", "[[日本語 ノート]] 本文".encode()),
        ("عربي.md", "نص".encode()),
        ("emoji 🦆.md", b"quack"),
        ("latin.md", b"caf\xe9 \xff\xfe"),
        ("big.md", b"line of text with a [[link]]\n" * 36_000),
        ("crlf.md", b"\xef\xbb\xbfa\r\nb\r\n"),
        ("only matter.md", b"---\na: 1\n---"),
    ],
)
def test_every_file_comes_back_byte_by_byte_and_is_found(path, data):
    with App() as app:
        app.add_plugins(NotesPlugin())
        notes = app.world.resource(Notes)
        assert notes.save(path, data).saved
        assert notes.get(path).content.encode("utf-8", "surrogateescape") == data
        assert [hit.path for hit in notes.recent()] == [path]
        assert len(notes.blocks(path)) <= 1


def test_blocks_are_those_of_markdown_with_lines_of_the_whole_note():
    text = "---\na: 1\n---\n# H ^h\n\npara\nmore\n\n- a\n- b\n\n> q\n\n```py\n# no\n```\n"
    text += "\n| a |\n|---|\n| b |\n\n---\n<p>x</p>\n"
    found = [(each.kind, each.line, each.end_line, each.info, each.id) for each in parse_blocks(text, 13)]
    assert found == [
        ("heading", 4, 5, "", "h"), ("paragraph", 6, 8, "", ""), ("list", 9, 12, "", ""), ("quote", 12, 13, "", ""),
        ("code", 14, 17, "py", ""), ("table", 18, 21, "", ""), ("rule", 22, 23, "", ""), ("html", 23, 24, "", ""),
    ]  # fmt: skip
