"""The static checks' view of table constructors: literals, flow and pipeline definitions, hook results, settings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from tickwright.plugins.lua.compiler.literals import string_value
from tickwright.plugins.lua.compiler.nodes import Constant, Function, Node, Number, String, Table
from tickwright.plugins.lua.schema import table_fields, table_tags
from tickwright.systems.contracts.names import camel

__all__ = ["Definitions", "entries_of", "literal_type", "near", "text_of"]

_STEP_KEYS = ("id", "prompt")


def text_of(node: Node | None) -> str | None:
    """Return a string literal's value, None for anything else."""
    return string_value(node.text).decode("utf-8", "replace") if isinstance(node, String) else None


def entries_of(table: Node | None) -> dict[str, Node]:
    """Return the named entries of a table constructor; empty for anything else."""
    if not isinstance(table, Table):
        return {}
    return {name: value for key, value in table.items if (name := text_of(key)) is not None}


def near(name: str, known: Sequence[str]) -> str:
    """Return `; did you mean 'x'?` for the closest known name, or nothing."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{found[0]}'?" if found else ""


def literal_type(node: Node) -> str:
    """Return the type of a literal, an empty string where only running would tell."""
    if isinstance(node, String):
        return "string"
    if isinstance(node, Number):
        return "number"
    if isinstance(node, Constant):
        return "nil" if node.text == "nil" else "boolean"
    if isinstance(node, Table):
        return "table"
    return "function" if isinstance(node, Function) else ""


class Definitions:
    """Look at the tables that functions return and that calls are given.

    Args:
        say: takes a token and a message.

    Attributes:
        named: handlers named by a string, (token, name, what it is); judged when the whole file is known.
    """

    def __init__(self, say: Callable[[int, str], None]) -> None:
        self.say = say
        self.named: list[tuple[int, str, str]] = []

    def returned(self, value: Node) -> None:
        """Look at a returned table: a flow, a pipeline, a list of them, or a hook's result."""
        entries = entries_of(value)
        if "states" in entries:
            self._flow(value, entries)
        elif "strategy" in entries:
            self._pipeline(value, entries)
        elif "type" in entries and set(entries) <= {"type", "payload", "reason"}:
            tag = text_of(entries["type"])
            tags = table_tags("HookResult")
            if tag is not None and tag not in tags:
                self.say(value.at, f"'{tag}' is no result type{near(tag, tags)}; expected {', '.join(tags)}")
        elif isinstance(value, Table) and not entries:
            for _, item in value.items:
                if entries_of(item).keys() & {"states", "strategy"}:
                    self.returned(item)

    def settings(self, table: Node, type_name: str, what: str) -> None:
        """Look for settings that the table type `type_name` does not have."""
        known = table_fields(type_name)
        for key, value in entries_of(table).items():
            if camel(key) not in known:
                self.say(value.at, f"{what} has no setting '{key}'{near(key, known)}")

    def _handler(self, node: Node | None, what: str) -> None:
        name = text_of(node)
        if name is not None and node is not None:
            self.named.append((node.at, name, what))

    def _flow(self, table: Node, entries: dict[str, Node]) -> None:
        for key in ("id", "initial"):
            if key not in entries:
                self.say(table.at, f"a flow needs `{key}`")
        named = entries_of(entries["states"])
        initial = text_of(entries.get("initial"))
        if initial is not None and named and initial not in named:
            at = entries["initial"].at
            self.say(at, f"the initial state '{initial}' is not a state{near(initial, list(named))}")
        for name, state in named.items():
            self._state(name, entries_of(state), list(named))

    def _state(self, name: str, entries: dict[str, Node], names: list[str]) -> None:
        known = table_fields("StateDefinition")
        for key, value in entries.items():
            if camel(key) not in known:
                self.say(value.at, f"state '{name}' has an unknown `{key}`{near(key, known)}")
        for key in ("enter", "exit"):
            self._handler(entries.get(key), f"the {key} handler")
        for action, guard in entries_of(entries.get("guards")).items():
            self._handler(guard, f"the guard of '{action}'")
        for action, target in entries_of(entries.get("on")).items():
            to = text_of(target)
            if to is not None and to not in names and not to.startswith("#") and "." not in to:
                self.say(target.at, f"'{action}' of state '{name}' leads to '{to}', no state{near(to, names)}")

    def _pipeline(self, table: Node, entries: dict[str, Node]) -> None:
        for key in ("id", "context"):
            if key not in entries:
                self.say(table.at, f"a pipeline needs `{key}`")
        strategy = entries["strategy"]
        if not isinstance(strategy, Table):
            return
        inner = entries_of(strategy)
        kind = text_of(inner.get("type"))
        if "type" not in inner:
            self.say(strategy.at, "a strategy needs `type`")
        elif kind is not None and kind not in (kinds := table_tags("GenerationStrategy")):
            self.say(strategy.at, f"'{kind}' is no strategy{near(kind, kinds)}")
        steps = inner.get("steps") or inner.get("branches")
        for _, step in steps.items if isinstance(steps, Table) else ():
            missing = [key for key in _STEP_KEYS if isinstance(step, Table) and key not in entries_of(step)]
            if missing:
                self.say(step.at, f"a step needs `{missing[0]}`")
        self._handler(entries_of(entries.get("streaming")).get("chunkHandler"), "the chunk handler")
