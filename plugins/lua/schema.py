"""The plugin API as data: suggestions, static checks, Luau types, EmmyLua stubs and the reference page come from it.

A signature reads `name(param: type, param?: type) -> type`, in Luau's notation; a test holds the list equal to what a
running plugin finds on its `ctx`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["FIELDS", "ApiMethod", "ApiObject", "method_names", "objects", "table_fields"]

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


def _split(params: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, char in enumerate(params):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(params[start:i].strip())
            start = i + 1
    return [*parts, params[start:].strip()] if params.strip() else []


def _method(signature: str, doc: str) -> ApiMethod:
    match = _SIGNATURE.match(signature)
    assert match is not None, signature
    params = []
    for part in _split(match[2]):
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


@cache
def table_fields(type_name: str) -> tuple[str, ...]:
    """Return the field names of a table type of types.luau; empty for an unknown one."""
    text = files("tickwright.plugins.lua").joinpath("types.luau").read_text(encoding="utf-8")
    found = re.search(rf"^export type {type_name} = \{{\n(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
    return tuple(re.findall(r"^\s+(\w+): ", found[1], re.MULTILINE)) if found else ()
