"""Definitions as text."""

from tickwright.systems.flows import read_definition, to_dot, to_json, to_mermaid

DOCUMENT = {
    "id": "d",
    "initial": "a",
    "states": {
        "a": {"on": {"go": "b"}},
        "b": {"initial": "x", "states": {"x": {"on": {"up": "#end"}}}, "after": {"10": "a"}},
        "end": {"id": "end", "type": "final"},
    },
}


def test_json_reads_back():
    definition = read_definition(DOCUMENT)
    assert read_definition(to_json(definition)) == definition


def test_mermaid_and_dot_name_every_transition():
    definition = read_definition(DOCUMENT)
    mermaid, dot = to_mermaid(definition), to_dot(definition)
    for line in ("[*] --> a", "a --> b : go", "b_x --> end : up", "b --> a : after 10", "end --> [*]"):
        assert line in mermaid
    for line in ('"a" -> "b" [label="go"]', '"b.x" -> "end" [label="up"]', '"end" [shape=doublecircle]'):
        assert line in dot


def test_targets_are_drawn_where_they_lead():
    document = {
        "id": "d",
        "initial": "a",
        "on": {"reset": ".a"},
        "states": {
            "a": {"initial": "x", "states": {"x": {"on": {"go": "y", "far": "b"}}, "y": {}}, "onDone": "b"},
            "b": {"id": "bee", "always": {"target": "#d_a", "guard": "g"}},
            "a_x": {"id": "d_a"},
        },
    }
    mermaid, dot = to_mermaid(read_definition(document)), to_dot(read_definition(document))
    for line in ("a_x --> a_y : go", "a_x --> b : far", "a --> b : done", "b --> a_x_5 : always [guarded]"):
        assert line in mermaid
    assert "%% anywhere: reset --> a" in mermaid
    assert '"b" -> "a_x" [label="always [guarded]"]' in dot
    assert '"(anywhere)" -> "a" [label="reset"]' in dot
