"""Every type, variant, field, default and method of the plugin API sketches: its name there, in Python and in Lua.

The table is tests/data/sketch_names.tsv. Where the sketches lie beside the checkout, it is compared with them too, so
that nothing in it is missing or made up.
"""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tickwright.plugins.lua.schema import objects, table_fields
from tickwright.systems.contracts.events import CORE_EVENTS
from tickwright.systems.contracts.names import camel
from tickwright.systems.flows import GuardFailed, InvalidAction, InvalidState, Success

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/data/sketch_names.tsv"
RELATIVE = Path("shared/reference/plugin-api-sketches.md")
SKETCHES = next((page for place in ROOT.parents if (page := place / RELATIVE).is_file()), None)
MODULES = {
    "events": "tickwright.systems.contracts.events",
    "hooks": "tickwright.systems.hooks",
    "flows": "tickwright.systems.flows",
    "generation": "tickwright.systems.generation",
}


@dataclass(frozen=True)
class Row:
    """One name of the sketches.

    Attributes:
        detail: a field's or constant's default, or a method's parameters; `-` for none.
        python: `module:Type` or `module:Type.member`.
        lua: a type or `Type.member` of the plugin API; `{key}` of a document or an event; a `type` tag; `-` for none.
    """

    kind: str
    sketch: str
    detail: str
    python: str
    lua: str

    def __str__(self) -> str:
        return self.sketch

    @property
    def owner(self) -> Any:
        """The Python type."""
        module, _, path = self.python.partition(":")
        return getattr(importlib.import_module(MODULES[module]), path.partition(".")[0])

    @property
    def member(self) -> str:
        """The name within the Python type."""
        return self.python.partition(".")[2]


ROWS = [Row(*line.split("\t")) for line in TABLE.read_text().splitlines()[1:]]


def check_type(row: Row) -> None:
    assert isinstance(row.owner, type) or typing.get_args(row.owner)


def check_field(row: Row) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(row.owner)}
    assert row.member in fields
    found = fields[row.member]
    default = found.default_factory() if found.default_factory is not msgspec.NODEFAULT else found.default
    if row.detail == "-":
        return
    if row.detail in ("null", "[]", "{}"):
        assert not default  # "nothing" of whatever type holds it: an absent handler is ()
    else:
        assert str(default).lower() == row.detail


def check_variant(row: Row) -> None:
    if not row.member:
        assert issubclass(row.owner, msgspec.Struct)
        return
    assert row.member in row.owner.__members__
    assert row.detail in ("-", str(row.owner[row.member].value))


def check_method(row: Row) -> None:
    assert hasattr(row.owner, row.member)
    parameters = inspect.signature(getattr(row.owner, row.member)).parameters.values()
    places = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    wanted = [] if row.detail == "-" else row.detail.split(",")
    assert len(places) >= len(wanted) + 1  # and `self`


CHECKS = {"type": check_type, "field": check_field, "variant": check_variant, "method": check_method}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_python_has_the_name(row):
    CHECKS[row.kind](row)


API = {each.type_name: {method.name for method in each.methods} for each in objects()}
TAGS = {
    **{kind.__name__: tag for tag, kind in CORE_EVENTS.items()},
    **{kind.__name__: tag for kind, tag in ((Success, "success"), (GuardFailed, "guard_failed"))},
    **{kind.__name__: tag for kind, tag in ((InvalidAction, "invalid_action"), (InvalidState, "invalid_state"))},
}


def tag_of(row: Row) -> str:
    """Return the `type` by which Lua tells a variant."""
    if row.member:
        return str(row.owner[row.member].value)
    return TAGS.get(row.owner.__name__) or str(row.owner.__struct_config__.tag)


@pytest.mark.parametrize("row", [row for row in ROWS if row.lua != "-"], ids=str)
def test_lua_has_the_name(row):
    kind, _, member = row.lua.partition(".")
    if row.lua.startswith("{"):
        spelled = {field.name: field.encode_name for field in msgspec.structs.fields(row.owner)}[row.member]
        assert row.lua == f"{{{camel(spelled)}}}"
    elif row.kind == "variant":
        assert tag_of(row) == row.lua
    elif row.kind == "method":
        assert member in API[kind]
    else:
        assert kind in API or table_fields(kind)
        assert not member or member in table_fields(kind)


# What the sketches say --------------------------------------------------------------------------------------------


def without_comments(rust: str) -> str:
    return re.sub(r"//[^\n]*", "", rust)


def fields_of(body: str, owner: str, defaults: dict[str, str]) -> list[tuple[str, str, str]]:
    found = []
    pattern = r"((?:#\[[^\n]*\]\s*)*)(?:pub )?(?:r#)?(\w+): ((?:[^,<]|<(?:[^<>]|<[^<>]*>)*>)+),?"
    for attributes, name, kind in re.findall(pattern, body):
        serde = re.search(r'default(?: = "(\w+)")?', attributes)
        detail = "-"
        if serde is not None:
            detail = defaults[serde.group(1)] if serde.group(1) else zero(kind.strip())
        found.append(("field", f"{owner}.{name}", detail))
    return found


def zero(kind: str) -> str:
    """Return the default of a Rust type."""
    simple = {"bool": "false", "usize": "0", "StateType": "normal", "serde_json::Value": "{}", "StreamingConfig": "-"}
    if kind.startswith("Option"):
        return "null"
    return "[]" if kind.startswith("Vec") else "{}" if kind.startswith("HashMap") else simple[kind]


def sketched() -> list[tuple[str, str, str]]:
    """Return (kind, name, detail) of everything the host's types in sections 1 to 3 declare."""
    assert SKETCHES is not None
    text = SKETCHES.read_text()
    found: list[tuple[str, str, str]] = []
    for block in re.findall(r"^```rust\n(.*?)^```", text.partition("## 4. Lua")[0], re.MULTILINE | re.DOTALL):
        rust = without_comments(block)
        defaults = dict(re.findall(r"fn (\w+)\(\) -> usize \{ (\d+) \}", rust))
        pattern = r"((?:#\[[^\n]*\]\n)*)pub (struct|enum|trait) (\w+)(?:: [\w +]+)?(?:\((.*?)\);| \{\n(.*?)^\})"
        for attributes, kind, name, _, body in re.findall(pattern, rust, re.MULTILINE | re.DOTALL):
            found.append(("type", name, "-"))
            if kind == "struct":
                every = "Default" in attributes and "serde" not in body
                fields = fields_of(body, name, defaults)
                kinds = dict(re.findall(r"pub (\w+): ([^\n]+),", body))
                found += [(k, n, zero_of(kinds[n.partition(".")[2]]) if every else d) for k, n, d in fields]
            elif kind == "enum":
                found += variants_of(body, name, defaults)
            else:
                found += methods_of(body, name)
        found += [
            ("variant", f"Priority.{name}", value)
            for name, value in re.findall(r"pub const (\w+): Self = Self\((-?\d+)\)", rust)
        ]
    return found


def zero_of(kind: str) -> str:
    return "-" if kind.startswith("Vec") else zero(kind)


def variants_of(body: str, owner: str, defaults: dict[str, str]) -> list[tuple[str, str, str]]:
    found = []
    for name, inner in re.findall(r"^    (\w+)(?: \{(.*?)\})?,", body, re.MULTILINE | re.DOTALL):
        found.append(("variant", f"{owner}.{name}", "-"))
        found += fields_of(inner, f"{owner}.{name}", defaults)
    return found


def methods_of(body: str, owner: str) -> list[tuple[str, str, str]]:
    found = []
    for name, inside in re.findall(r"fn (\w+)\(\s*&(?:mut )?self,?(.*?)\)\s*(?:->|;)", body, re.DOTALL):
        parameters = re.findall(r"(\w+): ", inside)
        found.append(("method", f"{owner}.{name}", ",".join(parameters) or "-"))
    return found


@pytest.mark.skipif(SKETCHES is None, reason="shared/reference/plugin-api-sketches.md does not lie beside the checkout")
def test_the_table_names_exactly_what_the_sketches_declare():
    said, listed = sketched(), [(row.kind, row.sketch, row.detail) for row in ROWS]
    assert len(said) > 190
    assert sorted(said) == sorted(listed)


def test_no_name_is_listed_twice():
    assert len({(row.kind, row.sketch) for row in ROWS}) == len(ROWS)
