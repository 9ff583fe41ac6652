"""Definitions: what is read, what is refused and where the message points, how it compiles and is drawn."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generation_doubles import Model, chain, make_app, manager
from tickwright.systems.contracts.names import camel
from tickwright.systems.generation import (
    Chain,
    ChainStep,
    PipelineDefinition,
    PipelineDefinitionError,
    TemplateError,
)
from tickwright.systems.generation.graph import compile_pipeline
from tickwright.systems.generation.read import read_definition
from tickwright.systems.generation.templates import Reference, parse_template, render_value

FULL: dict[str, Any] = {
    "id": "full",
    "context": {
        "system": "You are ${role}.",
        "sources": [
            {"type": "semantic_search", "query": "${topic}", "limit": 5},
            {"type": "custom", "handler": "facts", "config": {"user_key": ["${topic}"]}},
        ],
        "max_tokens": 900,
        "priorities": {"semantic_search": 3},
    },
    "strategy": {
        "type": "chain",
        "steps": [
            {"id": "a", "prompt": "${topic}", "max_tokens": 9, "schema": {"type": "object", "maxProperties": 3}},
            {"id": "b", "prompt": "${item}", "parallel_on": "a.parts", "split": "json", "depends_on": ["a"]},
            {"id": "c", "prompt": "ok?", "depends_on": ["b"], "wait_for": "boss:said"},
        ],
        "output": "b",
    },
    "streaming": {"enabled": True, "chunk_handler": "chunks", "buffer_size": 7},
    "limits": {"max_tokens": 100, "max_concurrency": 2, "timeout_s": 5},
    "inputs": ["extra"],
}
HANDLERS = {"facts": lambda config, ctx: "", "chunks": lambda text, ctx: None}


def camels(value: Any, *, own: bool = True) -> Any:
    """Spell a document's own keys in camelCase; user data stays."""
    if isinstance(value, dict):
        return {
            camel(key) if own else key: camels(each, own=own and key not in ("config", "schema", "priorities"))
            for key, each in value.items()
        }
    return [camels(each, own=own) for each in value] if isinstance(value, list) else value


def compiled(document: Any, models: tuple[str, ...] = ("default",)) -> Any:
    return compile_pipeline(read_definition(document), HANDLERS.get, models=models)


def test_every_form_of_a_definition_reads_the_same() -> None:
    read = read_definition(FULL)
    assert read_definition(camels(FULL)) == read
    assert read_definition(json.dumps(FULL)) == read
    assert read_definition(json.dumps(camels(FULL)).encode()) == read
    assert read_definition(read) == read
    assert read.context.sources[1].config == {"user_key": ("${topic}",)}  # type: ignore[union-attr]


def test_defaults_are_the_sketches() -> None:
    read = read_definition({"id": "p", "strategy": {"type": "single", "prompt": "x"}})
    assert (read.context.max_tokens, read.streaming.buffer_size, read.streaming.enabled) == (8000, 100, False)
    assert read == PipelineDefinition(id="p", strategy=read.strategy)
    assert (
        read_definition({"id": "p", "strategy": {"type": "single", "prompt": "x"}, "context": {}, "inputs": {}}) == read
    )


def test_a_merge_may_be_tagged_from_outside() -> None:
    branches = [{"id": "a", "prompt": "x"}]
    inner = {"type": "parallel", "branches": branches, "merge": {"type": "concatenate", "separator": "+"}}
    outer = {"type": "parallel", "branches": branches, "merge": {"concatenate": {"separator": "+"}}}
    assert read_definition({"id": "p", "strategy": inner}) == read_definition({"id": "p", "strategy": outer})


def test_register_fills_in_the_inputs() -> None:
    with make_app(Model()) as app:
        found = manager(app).register(FULL, HANDLERS)
        assert found.inputs == ("extra", "topic", "role")
        assert manager(app).definition("full") is found
        assert manager(app).registered() == ["full"]
        typed = PipelineDefinition(id="typed", strategy=Chain(steps=(ChainStep(id="a", prompt="${x}"),)))
        assert manager(app).register(typed).inputs == ("x",)


def steps(*given: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return chain(*given, **extra)


def step(**fields: Any) -> dict[str, Any]:
    return {"id": "a", "prompt": "x", **fields}


MISTAKES: list[tuple[Any, str, str]] = [
    ("{", "", "is no JSON"),
    ([], "", "list instead of a table"),
    ({"strategy": {"type": "single", "prompt": "x"}}, "", "'id' is missing"),
    ({"id": "", "strategy": {"type": "single", "prompt": "x"}}, "id", "the id is empty"),
    ({"id": "p"}, "", "'strategy' is missing"),
    ({"id": "p", "strategy": {"type": "chian"}}, "strategy.type", "Did you mean 'chain'"),
    ({"id": "p", "strategy": {"prompt": "x", "model": "y"}}, "strategy.type", "the type is missing"),
    ({"id": "p", "strategy": {"type": "single"}}, "strategy", "'prompt' is missing"),
    ({"id": "p", "stratgy": {}}, "stratgy", "unknown key 'stratgy'"),
    ({"id": "p", "maxTokens": 1, "max_tokens": 2, "strategy": {}}, "maxTokens", "unknown key 'maxTokens'"),
    (steps(step(maxTokens=1, max_tokens=2)), "strategy.steps[0].max_tokens", "given twice"),
    (steps(step(max_tokens=0)), "strategy.steps[0].max_tokens", "0 is too small"),
    (steps(step(max_tokens="9")), "strategy.steps[0].max_tokens", "got `str`"),
    (steps(step(temperature=-1.0)), "strategy.steps[0].temperature", "out of range"),
    (steps(step(prompt=3)), "strategy.steps[0].prompt", "int instead of a text"),
    (steps(step(prompt="${1+1}")), "strategy.steps[0].prompt", "is no reference"),
    (steps(step(prompt="${open")), "strategy.steps[0].prompt", "is no reference"),
    (steps(step(prompt="${b.result}")), "strategy.steps[0].prompt", "no step 'b' for ${b.result}"),
    (steps(step(), step(id="ab", prompt="${a}")), "strategy.steps[1].prompt", "does not say what of the step"),
    (steps(step(), step(id="ab", prompt="${a.text}")), "strategy.steps[1].prompt", "does not say what of the step"),
    (steps(step(), step(id="ab", prompt="${a.result.x}")), "strategy.steps[1].prompt", "goes into a text"),
    (steps(step(prompt="${item}")), "strategy.steps[0].prompt", "not mapped"),
    (steps(step(), step(id="b", parallel_on="a", prompt="${index.x}")), "strategy.steps[1].prompt", "into a number"),
    (steps(step(parallel_on="nobody.parts")), "strategy.steps[0].parallel_on", "no step 'nobody'"),
    (steps(step(split="lines")), "strategy.steps[0].split", "split without parallel_on"),
    (steps(step(), step(id="b", parallel_on="a", split="words")), "strategy.steps[1].split", "unknown split"),
    (steps(step(depends_on=["b"])), "strategy.steps[0].depends_on[0]", "no step 'b'"),
    (steps(step(depends_on=["a"])), "strategy.steps[0]", "wait for each other: a -> a"),
    (steps(step(prompt="${b.result}"), step(id="b", prompt="${a.result}")), "strategy.steps[1]", "b -> a -> b"),
    (steps(step(), step()), "strategy.steps[1].id", "the id 'a' is taken"),
    (steps(step(id="a.b")), "strategy.steps[0].id", "is no step id"),
    (steps(step(id="item")), "strategy.steps[0].id", "is reserved"),
    (steps(), "strategy.steps", "there are no steps"),
    (steps(step(), step(id="b")), "strategy", "nobody comes after a, b"),
    (steps(step(), output="z"), "strategy.output", "no step 'z'"),
    (steps(step(model="big")), "strategy.steps[0].model", "unknown model 'big'"),
    (steps(step(model="defualt")), "strategy.steps[0].model", "Did you mean 'default'"),
    (steps(step(schema={"type": "objekt"})), "strategy.steps[0].schema", "the JSON schema is wrong"),
    (steps(step(schema=[1])), "strategy.steps[0].schema", "is no schema"),
    (steps(step(wait_for="said")), "strategy.steps[0].wait_for", "is no custom event"),
    (steps(step(wait_for="note:saved")), "strategy.steps[0].wait_for", "is no custom event"),
    (steps(step(wait_for="my:event", cache=True)), "strategy.steps[0].cache", "asks no model and has no cache"),
    (steps(step(wait_for="my:event", model="default")), "strategy.steps[0].model", "asks no model"),
    (steps(step(wait_for="my:event", max_tokens=9)), "strategy.steps[0].max_tokens", "asks no model"),
    (steps(step(), step(id="b", wait_for="my:x", parallel_on="a")), "strategy.steps[1].parallel_on", "asks no model"),
    (steps(step(schema={"$ref": "#/$defs/none"})), "strategy.steps[0].schema", "refers to '#/$defs/none'"),
    (steps(step(), streaming=0), "streaming", "int instead of a table"),
    (steps(step(), limits=[]), "limits", "list instead of a table"),
    (steps(step(), streaming={"chunk_handler": "nobody"}), "streaming.chunk_handler", "no handler 'nobody'"),
    (steps(step(), streaming={"buffer_size": 0}), "streaming.buffer_size", "0 is too small"),
    (steps(step(), limits={"max_cost": -1}), "limits.max_cost", "out of range"),
    (steps(step(), limits={"max_branches": "x"}), "limits.max_branches", "got `str`"),
    (steps(step(), context={"sources": [{"type": "webb"}]}), "context.sources[0].type", "unknown source type"),
    (steps(step(), context={"system": "${a.result}"}), "context.system", "before the first step"),
    (
        steps(step(), context={"sources": [{"type": "static_text", "content": "${"}]}),
        "context.sources[0].content", "is no reference",
    ),
    (
        steps(step(), context={"sources": [{"type": "custom", "handler": "nobody"}]}),
        "context.sources[0].handler", "no handler 'nobody'",
    ),
    (
        {"id": "p", "strategy": {"type": "sequential", "steps": [step(parallelOn="b")]}},
        "strategy.steps[0].parallelOn", "A step of a chain can be mapped",
    ),
    (
        {"id": "p", "strategy": {"type": "parallel", "branches": [step()], "merge": {"type": "vote"}}},
        "strategy.merge.type", "unknown type 'vote'",
    ),
    (
        {"id": "p", "strategy": {"type": "parallel", "branches": [], "merge": {"concatenate": {"separator": ""}}}},
        "strategy.branches", "there are no branches",
    ),
    (
        {
            "id": "p",
            "strategy": {"type": "parallel", "branches": [step(id="merge")], "merge": {"summarize": {"prompt": "x"}}},
        },
        "strategy.branches[0].id", "the id 'merge' is reserved",
    ),
    (
        {"id": "p", "strategy": {"type": "sequential", "steps": [step(prompt="${b.result}"), step(id="b")]}},
        "strategy.steps[1]", "wait for each other",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "path", "what"), MISTAKES, ids=[f"{i}:{m[2][:30]}" for i, m in enumerate(MISTAKES)]
)
def test_every_mistake_has_its_path(document: Any, path: str, what: str) -> None:
    with make_app(Model()) as app:
        with pytest.raises(PipelineDefinitionError) as caught:
            manager(app).register(document, HANDLERS)
        assert caught.value.path == path
        assert what in str(caught.value)
        assert manager(app).registered() == []


def test_a_definition_of_another_owner_is_not_replaced() -> None:
    with make_app(Model()) as app:
        manager(app).register(steps(step()), owner="one")
        with pytest.raises(PipelineDefinitionError, match="belongs to 'one'"):
            manager(app).register(steps(step()), owner="two")
        manager(app).register(steps(step(prompt="y")), owner="one")
        app.release("one")
        assert manager(app).registered() == []


def test_dependencies_are_those_named_and_those_referred_to() -> None:
    pipeline = compiled(FULL)
    assert [(node.id, node.deps, node.dependents, node.ancestors) for node in pipeline.nodes] == [
        ("a", (), (1,), ()), ("b", (0,), (2,), (0,)), ("c", (1,), (), (0, 1)),
    ]  # fmt: skip
    assert (pipeline.output, pipeline.order) == (1, (0, 1, 2))


def test_in_a_mapped_step_the_sources_result_is_the_part_unless_item_is_named() -> None:
    first = compiled(steps(step(), step(id="b", prompt="${a.result}", parallel_on="a")))
    assert first.nodes[1].prompt.references == (Reference("item"),)
    second = compiled(steps(step(), step(id="b", prompt="${a.result} ${index}", parallel_on="a")))
    assert second.nodes[1].prompt.references == (Reference("a", ("result",)), Reference("index"))


def test_a_drawing_shows_steps_models_and_maps() -> None:
    with make_app(Model()) as app:
        manager(app).register(FULL, HANDLERS)
        drawn = manager(app).to_mermaid("full")
        assert drawn.splitlines()[0] == "flowchart TD"
        assert 's1[["b<br/>default"]]' in drawn
        assert "s0 ==>|each| s1" in drawn
        assert 's2(["c<br/>waits for boss:said"])' in drawn
        assert "s1 --> result((result))" in drawn


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
PARTS = st.lists(
    st.one_of(st.text(max_size=8).map(lambda text: ("text", text)), NAMES.map(lambda name: ("name", name)))
)


@given(PARTS, st.dictionaries(NAMES, st.text(max_size=8)))
def test_a_template_is_its_texts_and_values_in_order(parts: list[tuple[str, str]], values: dict[str, str]) -> None:
    source = "".join(text.replace("$", "$$") if kind == "text" else f"${{{text}}}" for kind, text in parts)
    wanted = "".join(text if kind == "text" else values.get(text, "?") for kind, text in parts)
    template = parse_template(source)
    assert template.render(lambda reference: values.get(reference.head, "?")) == wanted
    assert [reference.head for reference in template.references] == [text for kind, text in parts if kind == "name"]


def test_an_undefined_reference_is_never_empty_text() -> None:
    with pytest.raises(TemplateError, match=r"\$\{x\} has no value"):
        parse_template("a ${x} b").render(lambda reference: None)
    assert parse_template("a ${x}").render(lambda reference: "") == "a "


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_values_render_as_text_lists_and_json(value: Any) -> None:
    shown = render_value(value)
    if isinstance(value, str):
        assert shown == value
    elif isinstance(value, list):
        assert shown == "\n\n".join(render_value(each) for each in value)
    else:
        assert msgspec.json.decode(shown) == value
