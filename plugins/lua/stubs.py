"""Types for authors, written from the one schema: Luau definitions, EmmyLua stubs, the reference page."""

from __future__ import annotations

import re

from tickwright.plugins.lua.schema import (
    FIELDS,
    ApiMethod,
    ApiObject,
    objects,
    parts,
    record,
    table_types,
    types_text,
)

__all__ = ["emmylua_stubs", "luau_types", "reference_page"]


def luau_types() -> str:
    """Return Luau type definitions: `export type` for every object and every table that crosses."""
    out = ["--!strict", "-- Written from the plugin API's schema by `tickwright plugin types`; do not edit.", ""]
    out.append(types_text())
    for each in objects():
        out.append(f"\n-- {each.doc}\nexport type {each.type_name} = {{")
        out += [f"    {_luau_method(each.type_name, method)}," for method in each.methods]
        out += [f"    {name}: {kind}," for name, kind in FIELDS.get(each.path, {}).items()]
        out.append("}")
    return "\n".join(out) + "\n\nreturn nil\n"


def _luau_method(owner: str, method: ApiMethod) -> str:
    params = "".join(f", {name}: {kind}" for name, kind, _ in method.params)
    return f"{method.name}: (self: {owner}{params}) -> {method.returns}"


def emmylua_stubs() -> str:
    """Return the same as EmmyLua annotations, which editors with a Lua language server read."""
    out = ["---@meta", "-- Written from the plugin API's schema by `tickwright plugin types`; do not edit.", ""]
    out += _aliases()
    for each in objects():
        out.append(f"---{each.doc}\n---@class {each.type_name}")
        out += [f"---@field {name} {_emmy(kind)}" for name, kind in FIELDS.get(each.path, {}).items()]
        out.append(f"local {each.type_name} = {{}}\n")
        out += [_emmy_method(each, method) for method in each.methods]
    return "\n".join(out) + "\n"


def _aliases() -> list[str]:
    """Name the tables that cross: records as classes, the rest as aliases."""
    out = []
    for name, variants in table_types().items():
        fields = record(variants[0]) if len(variants) == 1 else None
        if fields is not None:
            out += [f"---@class {name}", *(f"---@field {_emmy_field(*field, ' ')}" for field in fields.items()), ""]
        elif len(variants) == 1:
            out.append(f"---@alias {name} {_emmy(variants[0])}\n")
        else:
            out += [f"---@alias {name}", *(f"---| {_emmy(each)}" for each in variants), ""]
    return out


def _emmy_field(name: str, kind: str, separator: str = ": ") -> str:
    """Return a field; one that may be left out is marked at its name."""
    mark = "?" if kind.endswith("?") or kind == "any" else ""
    return f"{name}{mark}{separator}{_emmy(kind.removesuffix('?'))}"


def _emmy(kind: str) -> str:
    """Return a Luau type in EmmyLua's notation.

    >>> _emmy("{[string]: any}?"), _emmy("{Row}"), _emmy("(a: number) -> string")
    ('table<string, any>?', 'Row[]', 'fun(a: number): string')
    >>> _emmy("(string | {Step})?"), _emmy('{ type: "cancel", reason: string? }')
    ('(string|Step[])?', '{ type: "cancel", reason?: string }')
    """
    if len(either := parts(kind, "|")) > 1:
        return "|".join(_emmy(each) for each in either)
    if match := re.fullmatch(r"\((.*)\) -> (.+)", kind):
        params = ", ".join(_emmy_param(i, part) for i, part in enumerate(parts(match[1]), start=1))
        returned = ", ".join(_emmy(each) for each in parts(match[2].removeprefix("(").removesuffix(")")))
        return f"fun({params})" + (f": {returned}" if returned else "")
    if kind.endswith("?"):
        return _emmy(kind[:-1]) + "?"
    if kind.startswith("("):
        return f"({_emmy(kind[1:-1])})"
    if not kind.startswith("{"):
        return kind
    fields = record(kind)
    if fields is None:
        inner = _emmy(kind[1:-1].strip())
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if list(fields) == ["[string]"]:
        return f"table<string, {_emmy(fields['[string]'])}>"
    return f"{{ {', '.join(_emmy_field(*field) for field in fields.items())} }}"


def _emmy_param(index: int, part: str) -> str:
    name, colon, kind = part.partition(": ")
    return f"{name}: {_emmy(kind)}" if colon and name.isidentifier() else f"a{index}: {_emmy(part)}"


def _emmy_method(owner: ApiObject, method: ApiMethod) -> str:
    lines = [f"---{method.doc}"]
    for name, kind, optional in method.params:
        mark = "?" if optional else ""
        lines.append(f"---@param {name}{mark} {_emmy(kind.rstrip('?'))}")
    if method.returns != "()":
        lines.append(f"---@return {_emmy(method.returns)}")
    names = ", ".join(name for name, _, _ in method.params)
    return "\n".join([*lines, f"function {owner.type_name}:{method.name}({names}) end\n"])


def _signature(method: ApiMethod) -> str:
    params = ", ".join(f"{name}: {kind}" for name, kind, _ in method.params)
    return f"{method.name}({params})" + ("" if method.returns == "()" else f" -> {method.returns}")


def reference_page() -> str:
    """Return docs/lua-api.md."""
    out = [
        "# Lua plugin API",
        "",
        "Written from the API's schema by `tickwright plugin types --docs`; a test holds it equal to what a running",
        "plugin finds on its `ctx`. How to write a plugin is in [plugins.md](plugins.md).",
    ]
    for each in objects():
        out += ["", f"## {each.path} : {each.type_name}", "", each.doc, "", "| method | |", "|---|---|"]
        out += [f"| `{_signature(method)}` | {method.doc} |" for method in each.methods]
        out += [f"| `{name}` | {kind} |" for name, kind in FIELDS.get(each.path, {}).items()]
    out += ["", "## Tables", "", "```luau", types_text(), "```"]
    return "\n".join(out) + "\n"
