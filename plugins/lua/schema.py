"""The plugin API as data: suggestions, static checks, Luau types, EmmyLua stubs and the reference page come from it.

A signature reads `name(param: type, param?: type) -> type`, in Luau's notation; a test holds the list equal to what a
running plugin finds on its `ctx`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = [
    "FIELDS",
    "ApiMethod",
    "ApiObject",
    "method_names",
    "objects",
    "parts",
    "record",
    "table_fields",
    "table_tags",
    "table_types",
    "types_text",
]

# What an object has beside its methods: path -> {field: Luau type}.
FIELDS = {
    "ctx": {
        "notes": "NoteApi",
        "tools": "ToolApi",
        "agents": "AgentApi",
        "flows": "FlowManager",
        "generation": "GenerationManager",
        "state": "{[string]: any}",
        "null": "any",
    }
}


@dataclass(frozen=True, slots=True)
class ApiMethod:
    """One method: `params` are (name, Luau type, optional)."""

    name: str
    params: tuple[tuple[str, str, bool], ...]
    returns: str
    doc: str

    @property
    def required(self) -> int:
        """How many arguments must be given."""
        return sum(not optional for _, _, optional in self.params)


@dataclass(frozen=True, slots=True)
class ApiObject:
    """One object: where it is reached, its type's name, its methods."""

    path: str
    type_name: str
    doc: str
    methods: tuple[ApiMethod, ...]


_SIGNATURE = re.compile(r"^(\w+)\((.*)\) -> (.+)$")
_TYPE = re.compile(r"^export type (\w+) =\s+(.*?)(?=^export type|\Z)", re.MULTILINE | re.DOTALL)


def parts(text: str, separator: str = ",") -> list[str]:
    """Return what stands between the separators that no bracket or text encloses.

    >>> parts("a: {b: c, d: e}, f: (g, h) -> i")
    ['a: {b: c, d: e}', 'f: (g, h) -> i']
    """
    found, depth, start = [], 0, 0
    for i, char in enumerate(text):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == separator and depth == 0:
            found.append(text[start:i])
            start = i + 1
    return [part for each in [*found, text[start:]] if (part := each.strip())]


def _method(signature: str, doc: str) -> ApiMethod:
    match = _SIGNATURE.match(signature)
    assert match is not None, signature
    params = []
    for part in parts(match[2]):
        name, _, kind = part.partition(": ")
        params.append((name, kind, kind.endswith("?") or kind == "any"))
    return ApiMethod(match[1], tuple(params), match[3], doc)


@cache
def objects() -> tuple[ApiObject, ...]:
    """Return the whole API, parsed."""
    text = files("tickwright.plugins.lua").joinpath("api.toml").read_text(encoding="utf-8")
    return tuple(
        ApiObject(each["path"], each["type"], each["doc"], tuple(_method(*method) for method in each["methods"]))
        for each in tomllib.loads(text)["object"]
    )


def method_names(path: str) -> tuple[str, ...]:
    """Return the method names of the object reached at `path`; empty for an unknown one."""
    return tuple(method.name for each in objects() if each.path == path for method in each.methods)


def types_text() -> str:
    """Return the Luau types of everything that crosses as a table."""
    return files("tickwright.plugins.lua").joinpath("types.luau").read_text(encoding="utf-8").strip()


@cache
def table_types() -> Mapping[str, tuple[str, ...]]:
    """Return those types in the order of the file: name -> its variants, one unless it is a union."""
    return {name: tuple(parts(text, "|")) for name, text in _TYPE.findall(types_text())}


def record(text: str) -> dict[str, str] | None:
    """Return the fields of a table type with their types; None for any other type.

    >>> record('{ type: "cancel", reason: string?, [string]: any }')
    {'type': '"cancel"', 'reason': 'string?', '[string]': 'any'}
    """
    if not (text.startswith("{") and text.endswith("}") and ": " in text):
        return None
    fields = [part.partition(": ") for part in parts(text[1:-1])]
    return {name: kind for name, _, kind in fields}


@cache
def table_fields(type_name: str) -> tuple[str, ...]:
    """Return the field names of a table type, of all its variants; empty for an unknown one."""
    variants = [record(each) or {} for each in table_types().get(type_name, ())]
    return tuple(dict.fromkeys(name for each in variants for name in each))


@cache
def table_tags(type_name: str) -> tuple[str, ...]:
    """Return the `type` of every variant of a union, in the order of the file."""
    variants = [record(each) or {} for each in table_types().get(type_name, ())]
    return tuple(each["type"].strip('"') for each in variants if "type" in each)
