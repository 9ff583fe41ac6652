"""Types for authors, written from the one schema: Luau definitions, EmmyLua stubs, the reference page."""

from __future__ import annotations

import re
from importlib.resources import files

from tickwright.plugins.lua.schema import FIELDS, ApiMethod, ApiObject, objects

__all__ = ["emmylua_stubs", "luau_types", "reference_page"]


def _base() -> str:
    return files("tickwright.plugins.lua").joinpath("types.luau").read_text(encoding="utf-8")


def luau_types() -> str:
    """Return Luau type definitions: `export type` for every object and every table that crosses."""
    parts = ["--!strict", "-- Written from the plugin API's schema by `tickwright plugin types`; do not edit.", ""]
    parts.append(_base().strip())
    for each in objects():
        parts.append(f"\n-- {each.doc}\nexport type {each.type_name} = {{")
        parts += [f"    {_luau_method(each.type_name, method)}," for method in each.methods]
        parts += [f"    {name}: {kind}," for name, kind in FIELDS.get(each.path, {}).items()]
        parts.append("}")
    return "\n".join(parts) + "\n\nreturn nil\n"


def _luau_method(owner: str, method: ApiMethod) -> str:
    params = "".join(f", {name}: {kind}" for name, kind, _ in method.params)
    return f"{method.name}: (self: {owner}{params}) -> {method.returns}"


def emmylua_stubs() -> str:
    """Return the same as EmmyLua annotations, which editors with a Lua language server read."""
    parts = ["---@meta", "-- Written from the plugin API's schema by `tickwright plugin types`; do not edit.", ""]
    parts += _aliases()
    for each in objects():
        parts.append(f"---{each.doc}\n---@class {each.type_name}")
        parts += [f"---@field {name} {_emmy(kind)}" for name, kind in FIELDS.get(each.path, {}).items()]
        parts.append(f"local {each.type_name} = {{}}\n")
        parts += [_emmy_method(each, method) for method in each.methods]
    return "\n".join(parts) + "\n"


def _aliases() -> list[str]:
    """Name the tables that cross as classes; their fields come from types.luau."""
    out = []
    for match in re.finditer(r"^export type (\w+) = \{\n(.*?)^\}", _base(), re.MULTILINE | re.DOTALL):
        out.append(f"---@class {match[1]}")
        found = re.findall(r"^\s+(\w+): (.+),$", match[2], re.MULTILINE)
        out += [f"---@field {name}{'?' * kind.endswith('?')} {_emmy(kind.rstrip('?'))}" for name, kind in found]
        out.append("")
    for match in re.finditer(r"^export type (\w+) = (?!\{\n)(.+)$", _base(), re.MULTILINE):
        out.append(f"---@alias {match[1]} {_emmy(match[2])}\n")
    return out


def _emmy(kind: str) -> str:
    """Return a Luau type in EmmyLua's notation.

    >>> _emmy("{[string]: any}?"), _emmy("{Row}"), _emmy("(a: number) -> string")
    ('table<string, any>?', 'Row[]', 'fun(a: number): string')
    """
    if kind.endswith("?"):
        return _emmy(kind[:-1]) + "?"
    if match := re.fullmatch(r"\{\[(\w+)\]: (\w+)\}", kind):
        return f"table<{match[1]}, {match[2]}>"
    if match := re.fullmatch(r"\{(\w+)\}", kind):
        return f"{match[1]}[]"
    if match := re.fullmatch(r"\((.*)\) -> (.+)", kind):
        params = ", ".join(_emmy_param(i, part) for i, part in enumerate(_commas(match[1]), start=1))
        return f"fun({params})" + ("" if match[2] == "()" else f": {_emmy(match[2])}")
    return "table" if kind.startswith("{") else kind


def _commas(params: str) -> list[str]:
    parts = re.split(r",\s*(?![^{(]*[})])", params)
    return [part for part in parts if part]


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
    parts = [
        "# Lua plugin API",
        "",
        "Written from the API's schema by `tickwright plugin types --docs`; a test holds it equal to what a running",
        "plugin finds on its `ctx`. How to write a plugin is in [plugins.md](plugins.md).",
    ]
    for each in objects():
        parts += ["", f"## {each.path} : {each.type_name}", "", each.doc, "", "| method | |", "|---|---|"]
        parts += [f"| `{_signature(method)}` | {method.doc} |" for method in each.methods]
        parts += [f"| `{name}` | {kind} |" for name, kind in FIELDS.get(each.path, {}).items()]
    parts += ["", "## Tables", "", "```luau", _base().strip(), "```"]
    return "\n".join(parts) + "\n"
