"""Static checks of a plugin's source: what an author gets wrong first, found without running anything.

Event names, ctx methods and their argument counts, result tags, the shape of define() tables, handler arity. Luau's own
type checker is not part of this.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

from tickwright.plugins.lua.compiler import CompileError, parse
from tickwright.plugins.lua.compiler.nodes import (
    Constant,
    Function,
    FunctionStatement,
    Index,
    MethodCall,
    Name,
    Node,
    Number,
    Return,
    String,
    Table,
)
from tickwright.plugins.lua.schema import ApiMethod, objects

__all__ = ["Problem", "check_file", "check_source"]

_TAGS = ("continue", "continue_modified", "cancel")
_STRATEGIES = ("single", "sequential", "parallel", "chain")
_STATE_KEYS = (
    "on", "type", "enter", "exit", "guards", "always", "after", "states", "initial", "id", "entry", "onDone", "on_done",
    "history", "target", "output", "tags", "meta", "description",
)  # fmt: skip
_STEP_KEYS = ("id", "prompt")


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding; `fatal` when the plugin would not load."""

    file: str
    line: int
    message: str
    fatal: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def check_file(path: Path) -> list[Problem]:
    """Check one source file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return [Problem(path.name, 1, f"cannot be read: {error.strerror}", fatal=True)]
    return check_source(data.decode("utf-8", "surrogateescape"), file=path.name)


def check_source(source: str, *, file: str = "plugin.luau") -> list[Problem]:
    """Check a source text; problems in line order, the compiler's first and alone."""
    try:
        chunk, tokens = parse(source, file=file)
    except CompileError as error:
        return [Problem(file, error.line, error.what, fatal=True)]
    checker = _Checker(file, tokens.lines)
    checker.read(chunk)
    checker.finish()
    return sorted(checker.problems, key=lambda problem: problem.line)


def _children(node: object) -> Iterator[object]:
    if is_dataclass(node):
        for each in fields(node):
            yield from _flat(getattr(node, each.name))


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, Node):
        yield value


def _text(node: object) -> str | None:
    if not isinstance(node, String):
        return None
    try:
        value = ast.literal_eval(node.text)
    except (SyntaxError, ValueError):
        return node.text.strip("[]=") if node.text.startswith("[") else None
    return value if isinstance(value, str) else None


def _entries(table: Table) -> dict[str, Node]:
    found = {}
    for key, value in table.items:
        name = _text(key) or (key.text if isinstance(key, String) else None)
        if name is not None:
            found[name] = value
    return found


def _near(name: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


class _Checker:
    """One file's findings."""

    def __init__(self, file: str, lines: list[int]) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []
        self.functions: dict[str, Function] = {}
        self.named: list[tuple[int, str, str]] = []
        self.subscribed: list[tuple[Node, str]] = []
        self._methods = {each.path: {method.name: method for method in each.methods} for each in objects()}

    def say(self, at: int, message: str) -> None:
        """Add a finding at a token."""
        self.problems.append(Problem(self.file, self.lines[at], message))

    def read(self, node: object) -> None:
        """Walk the tree."""
        if isinstance(node, FunctionStatement):
            self._function(node)
        elif isinstance(node, MethodCall):
            self._method_call(node)
        elif isinstance(node, Return):
            for value in node.values:
                self._returned(value)
        for child in _children(node):
            self.read(child)

    def finish(self) -> None:
        """Judge what needs the whole file: handlers that nobody wrote."""
        for at, name, what in self.named:
            if self.functions and name not in self.functions:
                self.say(at, f"{what} '{name}' is not a function of this module{_near(name, list(self.functions))}")

        for handler, name in self.subscribed:
            self._arity(handler, self.functions.get(name))

    def _function(self, node: FunctionStatement) -> None:
        target = node.target
        if isinstance(target, Index) and isinstance(target.base, Name) and target.dotted:
            self.functions[target.dotted] = node.function

    # ctx ------------------------------------------------------------------------------------------------------

    def _path(self, base: Node) -> str | None:
        if isinstance(base, Name) and base.name == "ctx":
            return "ctx"
        if isinstance(base, Index) and base.dotted:
            inner = self._path(base.base)
            path = f"{inner}.{base.dotted}" if inner else None
            return path if path in self._methods else None
        return None

    def _candidates(self, path: str) -> list[dict[str, ApiMethod]]:
        if path != "ctx":
            return [self._methods[path]]
        return [self._methods[each] for each in ("ctx", "the flow's ctx", "the step's ctx")]

    def _method_call(self, node: MethodCall) -> None:
        path = self._path(node.base)
        if path is None:
            return
        methods = [each[node.name] for each in self._candidates(path) if node.name in each]
        if not methods:
            known = [name for each in self._candidates(path) for name in each]
            self.say(node.at, f"{path} has no method '{node.name}'{_near(node.name, known)}")
            return
        given = len(node.arguments)
        if not any(method.required <= given <= len(method.params) for method in methods):
            method = methods[0]
            wanted = ", ".join(name + ("?" if optional else "") for name, _, optional in method.params)
            self.say(node.at, f"{path}:{node.name} takes ({wanted}), not {given} arguments")
            return
        self._arguments(node, methods, path)
        if path == "ctx" and node.name in ("on", "emit", "waitFor") and node.arguments:
            self._event(node)

    def _arguments(self, node: MethodCall, methods: list[ApiMethod], path: str) -> None:
        for index, argument in enumerate(node.arguments):
            got = _literal_type(argument)
            kinds = [method.params[index][1].rstrip("?") for method in methods if index < len(method.params)]
            plain = [kind for kind in kinds if kind in ("string", "number", "boolean")]
            if got and plain and len(plain) == len(kinds) and got not in plain and got != "nil":
                name = methods[0].params[index][0]
                self.say(node.at, f"the {name} of {path}:{node.name} is a {plain[0]}, not a {got}")

    def _event(self, node: MethodCall) -> None:
        name = _text(node.arguments[0])
        if name is None:
            return
        from tickwright.ecs_core.errors import TickwrightError
        from tickwright.systems.hooks.names import check_emittable, check_event

        try:
            (check_emittable if node.name == "emit" else check_event)(name)
        except TickwrightError as error:
            self.say(node.at, f"{error.what}; expected {error.expected}")
            return
        if node.name == "on" and len(node.arguments) > 1:
            self._handler(node.arguments[1], name)

    def _handler(self, handler: Node, event: str) -> None:
        function: Function | None = handler if isinstance(handler, Function) else None
        if isinstance(handler, Index) and handler.dotted:
            self.subscribed.append((handler, handler.dotted))
        if isinstance(handler, String):
            self.say(handler.at, f"the handler of '{event}' is a function, not its name")
        self._arity(handler, function)

    def _arity(self, handler: Node, function: Function | None) -> None:
        if function is not None and len(function.parameters) > 2:
            self.say(handler.at, f"a handler takes (event, ctx), this one takes {len(function.parameters)} parameters")

    # Results and definitions -----------------------------------------------------------------------------------

    def _returned(self, value: object) -> None:
        if not isinstance(value, Table):
            return
        entries = _entries(value)
        if "states" in entries:
            self._flow(value, entries)
        elif "strategy" in entries:
            self._pipeline(value, entries)
        elif "type" in entries and set(entries) <= {"type", "payload", "reason"}:
            tag = _text(entries["type"])
            if tag is not None and tag not in _TAGS:
                self.say(value.at, f"'{tag}' is no result type{_near(tag, _TAGS)}; expected {', '.join(_TAGS)}")

    def _flow(self, table: Table, entries: dict[str, Node]) -> None:
        for key in ("id", "initial"):
            if key not in entries:
                self.say(table.at, f"a flow needs `{key}`")
        states = entries["states"]
        if not isinstance(states, Table):
            return
        named = _entries(states)
        initial = _text(entries.get("initial"))
        if initial is not None and named and initial not in named:
            self.say(
                entries["initial"].at, f"the initial state '{initial}' is not a state{_near(initial, list(named))}"
            )
        for name, state in named.items():
            if isinstance(state, Table):
                self._state(name, state, list(named))

    def _state(self, name: str, state: Table, names: list[str]) -> None:
        entries = _entries(state)
        for key, value in entries.items():
            if key not in _STATE_KEYS:
                self.say(value.at, f"state '{name}' has an unknown `{key}`{_near(key, _STATE_KEYS)}")
        for key in ("enter", "exit"):
            if (handler := _text(entries.get(key))) is not None:
                self.named.append((entries[key].at, handler, f"the {key} handler"))
        guards = entries.get("guards")
        for action, guard in (_entries(guards) if isinstance(guards, Table) else {}).items():
            if (handler := _text(guard)) is not None:
                self.named.append((guard.at, handler, f"the guard of '{action}'"))
        on = entries.get("on")
        for action, target in (_entries(on) if isinstance(on, Table) else {}).items():
            to = _text(target)
            if to is not None and to not in names and not to.startswith("#") and "." not in to:
                self.say(target.at, f"'{action}' of state '{name}' leads to '{to}', no state{_near(to, names)}")

    def _pipeline(self, table: Table, entries: dict[str, Node]) -> None:
        for key in ("id", "context"):
            if key not in entries:
                self.say(table.at, f"a pipeline needs `{key}`")
        strategy = entries["strategy"]
        if not isinstance(strategy, Table):
            return
        inner = _entries(strategy)
        kind = _text(inner.get("type"))
        if kind is None:
            self.say(strategy.at, "a strategy needs `type`")
        elif kind not in _STRATEGIES:
            self.say(strategy.at, f"'{kind}' is no strategy{_near(kind, _STRATEGIES)}")
        steps = inner.get("steps") or inner.get("branches")
        for _, step in steps.items if isinstance(steps, Table) else ():
            missing = [key for key in _STEP_KEYS if isinstance(step, Table) and key not in _entries(step)]
            if missing:
                self.say(step.at, f"a step needs `{missing[0]}`")
        streaming = entries.get("streaming")
        handler = _entries(streaming).get("chunkHandler") if isinstance(streaming, Table) else None
        if (name := _text(handler)) is not None and handler is not None:
            self.named.append((handler.at, name, "the chunk handler"))


def _literal_type(node: Node) -> str:
    if isinstance(node, String):
        return "string"
    if isinstance(node, Number):
        return "number"
    if isinstance(node, Constant):
        return "nil" if node.text == "nil" else "boolean"
    if isinstance(node, Table):
        return "table"
    return "function" if isinstance(node, Function) else ""
