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
    for line in ("a_x --> a_y : go", "a_x --> b : far", "a --> b : done", "b --> a_x_5 : always [g]"):
        assert line in mermaid
    assert "%% anywhere: reset --> a" in mermaid
    assert '"b" -> "a_x" [label="always [g]"]' in dot
    assert '"(anywhere)" -> "a" [label="reset"]' in dot


def test_transitions_stand_behind_all_states_so_that_none_is_drawn_inside_of_another():
    region = {"initial": "x", "states": {"x": {"on": {"out": "#end", "in": {"actions": "note"}}}}}
    document = {
        "id": "d",
        "initial": "p",
        "states": {"p": {"type": "parallel", "states": {"a": region, "b": region}}, "end": {"id": "end"}},
    }
    lines = to_mermaid(read_definition(document)).splitlines()
    ways = [line for line in lines if "-->" in line and "[*]" not in line]
    assert lines[-len(ways) :] == ways
    assert "    p_a_x --> p_a_x : in (stays)" in ways
    dot = to_dot(read_definition(document))
    assert '"p.a.x" -> "p.a.x" [label="in" style=dashed];' in dot
    assert '"(start) p.a" -> "p.a.x";' in dot


def test_a_flow_of_regions_alone_is_drawn_as_one_state():
    region = {"initial": "x", "states": {"x": {}}}
    text = to_mermaid(read_definition({"id": "two", "type": "parallel", "states": {"a": region, "b": region}}))
    assert text.splitlines()[1] == '    state "two" as flow_two {'
    assert text.splitlines()[-1] == "    }"


def test_guards_are_drawn_as_they_are_written():
    guards = [
        "plain",
        {"type": "typed", "params": {"n": 1}},
        {"and": ["a", {"not": {"or": ["b", {"in": "s"}]}}]},
        {"expr": "n % 3 != 2"},
    ]
    document = {
        "id": "d",
        "initial": "s",
        "states": {"s": {"on": {"go": [{"target": "s", "guard": each} for each in guards]}, "guards": {"go": "too"}}},
    }
    labels = [line.partition(" : ")[2] for line in to_mermaid(read_definition(document)).splitlines()[3:]]
    assert labels == [
        "go [plain and too]",
        "go [typed and too]",
        "go [(a and not (b or in s)) and too]",
        "go [n % 3 != 2 and too]",
    ]


def test_words_of_mermaid_are_no_names_in_it():
    document = {"id": "d", "initial": "note", "states": {"note": {"on": {"a%%b": "State"}}, "State": {}}}
    text = to_mermaid(read_definition(document))
    assert "note_1 --> State_2 : a% %b" in text
