from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from tickwright.systems.contracts.schema import SchemaError, compile_schema, json_schema_of, signature_schema

COUNT = {
    "type": "object",
    "properties": {"count": {"type": "integer"}, "tags": {"type": "array"}},
    "required": ["count"],
}


class Opaque: ...


class Point(msgspec.Struct):
    x: int
    y: int = 0


def test_fitting_data_come_back_as_they_are() -> None:
    data = {"count": 1, "more": None}
    assert compile_schema(COUNT, where="here")(data) is data


def test_frozen_data_count_as_objects_and_arrays() -> None:
    data = MappingProxyType({"count": 1, "tags": ("a",)})
    assert compile_schema(COUNT, where="here")(data) is data


def test_a_type_converts() -> None:
    assert compile_schema(Point, where="here")({"x": 1}) == Point(1)


@pytest.mark.parametrize(
    ("schema", "data", "what"),
    [
        (COUNT, {}, "'count' is a required property (here)"),
        (COUNT, {"count": "x"}, "'x' is not of type 'integer' (here, at $.count)"),
        (Point, {"x": "1"}, "Expected `int`, got `str` (here, at $.x)"),
    ],
)
def test_unfitting_data_are_named_with_their_place(schema: Any, data: Any, what: str) -> None:
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema, where="here")(data)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "reference"),
    [
        ({"$ref": "https://example.org/s"}, "https://example.org/s"),
        ({"type": "object", "properties": {"x": {"items": {"$ref": "#/$defs/none"}}}, "$defs": {"n": {}}}, "none"),
        ({"$dynamicRef": "#nobody"}, "#nobody"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_at_once(schema: Any, reference: str) -> None:
    with pytest.raises(SchemaError, match=rf"refers to '.*{reference}', which is not in it \(here\)"):
        compile_schema(schema, where="here")


def test_references_within_a_schema_are_followed() -> None:
    tree = {
        "$defs": {"node": {"$id": "urn:node", "properties": {"next": {"$ref": "#"}}, "required": ["n"]}},
        "$ref": "urn:node",
    }
    check = compile_schema(tree, where="here")
    assert check({"n": 1, "next": {"n": 2}}) == {"n": 1, "next": {"n": 2}}
    with pytest.raises(SchemaError, match="'n' is a required property"):
        check({"n": 1, "next": {}})


@pytest.mark.parametrize("schema", [{"type": "objekt"}, 3, None, "object", [1], Opaque])
def test_a_wrong_schema_is_refused_at_once(schema: Any) -> None:
    with pytest.raises(SchemaError):
        compile_schema(schema, where="here")


def search(query: str, limit: int = 5, *, tags: list[str] | None = None, free=3) -> None: ...  # type: ignore[no-untyped-def]


def test_a_signature_is_a_schema() -> None:
    kind = signature_schema(search, name="arguments")
    check = compile_schema(kind, where="here")
    assert check({"query": "a"}) == kind(query="a")
    assert check({"query": "a", "limit": 2, "tags": None, "free": {}}) == kind(query="a", limit=2, tags=None, free={})
    for bad in ({}, {"query": 1}, {"query": "a", "limit": "x"}, {"query": "a", "other": 1}):
        with pytest.raises(SchemaError):
            check(bad)
    assert "'query': {'type': 'string'}" in str(json_schema_of(kind))


def test_arguments_without_a_name_are_refused() -> None:
    with pytest.raises(SchemaError, match="'args' cannot be given by name"):
        signature_schema(lambda *args: None, name="arguments")
