"""Static checks of a plugin's source: what an author gets wrong first, found without running anything.

Event names, ctx methods, their arguments and settings, result tags, the shape of define() tables, handlers that nobody
wrote and their arity. Luau's own type checker is not part of this; annotations only say which ctx a parameter is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from tickwright.plugins.lua.check_tables import Definitions, literal_type, near, text_of
from tickwright.plugins.lua.compiler import CompileError, parse
from tickwright.plugins.lua.compiler.nodes import (
    Assign,
    Block,
    Call,
    Chunk,
    Function,
    FunctionStatement,
    Index,
    Local,
    MethodCall,
    Name,
    Node,
    Return,
    String,
    Table,
    Varargs,
)
from tickwright.plugins.lua.schema import FIELDS, ApiMethod, objects

__all__ = ["Problem", "check_file", "check_source"]

# A parameter called ctx without a type may be any of the three.
_ANY_CTX = ("ctx", "the flow's ctx", "the step's ctx")
_SETTINGS = {
    ("ctx", "on"): (2, "HookConfig"),
    ("ctx", "system"): (1, "SystemSettings"),
    ("ctx", "query"): (0, "QuerySettings"),
}
_MOST_PARAMETERS = 2

# A variable's name -> the paths of the API objects that it may be.
Scope = dict[str, tuple[str, ...]]


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
    checker.finish(chunk)
    return sorted(set(checker.problems), key=lambda problem: (problem.line, problem.message))


@cache
def _methods() -> dict[str, dict[str, ApiMethod]]:
    return {each.path: {method.name: method for method in each.methods} for each in objects()}


@cache
def _paths_by_type() -> dict[str, tuple[str, ...]]:
    return {each.type_name: (each.path,) for each in objects()}


def _children(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _children(item)


class _Checker:
    """One file's findings."""

    def __init__(self, file: str, lines: list[int]) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []
        self.definitions = Definitions(self.say)
        self.functions: dict[str, Function] = {}
        self.members: dict[str, set[str]] = {}
        self.subscribed: list[tuple[Index, str]] = []

    def say(self, at: int, message: str) -> None:
        """Add a finding at a token."""
        self.problems.append(Problem(self.file, self.lines[at], message))

    # Walking ---------------------------------------------------------------------------

    def read(self, chunk: Chunk) -> None:
        """Walk the tree, without recursion: a sum of a thousand terms is a thousand levels deep."""
        waiting: list[tuple[Node, Scope]] = [(chunk, {"ctx": _ANY_CTX})]
        while waiting:
            node, scope = waiting.pop()
            self._look(node, scope)
            if isinstance(node, Block):
                waiting.extend(self._statements(node, scope))
                continue
            inner = self._parameters(node, scope) if isinstance(node, Function) else scope
            for each in fields(node):
                waiting.extend((child, inner) for child in _children(getattr(node, each.name)))

    def _statements(self, block: Block, scope: Scope) -> Iterator[tuple[Node, Scope]]:
        for statement in block.statements:
            yield statement, scope
            if isinstance(statement, Local):
                # `local flows = ctx.flows` gives a name to an object; any other value hides one.
                scope = dict(scope)
                for i, name in enumerate(statement.names):
                    value = statement.values[i] if i < len(statement.values) else None
                    scope[name] = self._paths(value, scope) if value is not None else ()

    def _parameters(self, node: Function, scope: Scope) -> Scope:
        inner = dict(scope)
        for name, annotation in zip(node.parameters, node.annotations, strict=False):
            known = _paths_by_type().get(annotation.rstrip("?"))
            inner[name] = known or (_ANY_CTX if name == "ctx" and annotation in ("", "any") else ())
        return inner

    def _look(self, node: Node, scope: Scope) -> None:
        if isinstance(node, MethodCall):
            self._method_call(node, scope)
        elif isinstance(node, Index):
            self._field(node, scope)
        elif isinstance(node, Return):
            for value in node.values:
                self.definitions.returned(value)
        elif isinstance(node, FunctionStatement):
            self._member(node.target, node.function)
            if node.method and isinstance(node.target, Name):
                self.members.setdefault(node.target.name, set()).add(node.method)
        elif isinstance(node, Assign):
            for i, target in enumerate(node.targets):
                self._member(target, node.values[i] if i < len(node.values) else None)
        elif isinstance(node, Local):
            self._fresh_table(node)

    def _member(self, target: Node, value: Node | None) -> None:
        if isinstance(target, Index) and isinstance(target.base, Name):
            name = target.dotted or text_of(target.key)
            self.members.setdefault(target.base.name, set()).add(name or "*")
            if name and isinstance(value, Function):
                self.functions[name] = value

    def _fresh_table(self, node: Local) -> None:
        for name, value in zip(node.names, node.values, strict=False):
            for key, item in value.items if isinstance(value, Table) else ():
                member = text_of(key) if key is not None else None
                self.members.setdefault(name, set()).add(member or "*")
                if member and isinstance(item, Function):
                    self.functions[member] = item

    # After the whole file ---------------------------------------------------------------------------

    def finish(self, chunk: Chunk) -> None:
        """Judge what needs the whole file: handlers that nobody wrote, and how many values they take."""
        for at, name, what in self.definitions.named:
            if self.functions and name not in self.functions:
                self.say(at, f"{what} '{name}' is not a function of this module{near(name, list(self.functions))}")
        module = self._module(chunk)
        for handler, name in self.subscribed:
            self._arity(handler, self.functions.get(name))
            base = handler.base
            if module and isinstance(base, Name) and base.name == module:
                known = self.members.get(module, set())
                if name not in known and "*" not in known:
                    self.say(handler.at, f"{module} has no function '{name}'{near(name, sorted(known))}")

    def _module(self, chunk: Chunk) -> str:
        last = chunk.body.statements[-1] if chunk.body.statements else None
        value = last.values[0] if isinstance(last, Return) and last.values else None
        return value.name if isinstance(value, Name) else ""

    # ctx ---------------------------------------------------------------------------

    def _paths(self, base: Node, scope: Scope) -> tuple[str, ...]:
        """Return which objects of the API an expression may be."""
        if isinstance(base, Name):
            return scope.get(base.name, ())
        if isinstance(base, Index) and base.dotted:
            known = _methods()
            inner = [f"{path}.{base.dotted}" for path in self._paths(base.base, scope)]
            return tuple(path for path in inner if path in known)
        return ()

    def _known(self, paths: tuple[str, ...]) -> list[str]:
        return [name for path in paths for name in (*_methods()[path], *FIELDS.get(path, ()))]

    def _field(self, node: Index, scope: Scope) -> None:
        paths = self._paths(node.base, scope) if node.dotted else ()
        if paths and node.dotted not in (known := self._known(paths)):
            self.say(node.at, f"{paths[0]} has no '{node.dotted}'{near(node.dotted, known)}")

    def _method_call(self, node: MethodCall, scope: Scope) -> None:
        paths = self._paths(node.base, scope)
        if not paths:
            return
        known = _methods()
        methods = [known[path][node.name] for path in paths if node.name in known[path]]
        if not methods:
            names = [name for path in paths for name in known[path]]
            self.say(node.at, f"{paths[0]} has no method '{node.name}'{near(node.name, names)}")
            return
        if not self._count_fits(node, methods):
            method = methods[0]
            wanted = ", ".join(name + ("?" if optional else "") for name, _, optional in method.params)
            given = len(node.arguments)
            self.say(node.at, f"{paths[0]}:{node.name} takes ({wanted}), not {given} arguments")
            return
        self._arguments(node, methods, paths[0])
        if node.name in ("on", "emit", "waitFor") and node.arguments:
            self._event(node)

    def _count_fits(self, node: MethodCall, methods: list[ApiMethod]) -> bool:
        given = len(node.arguments)
        if node.arguments and isinstance(node.arguments[-1], (Call, MethodCall, Varargs)):
            return any(given - 1 <= len(method.params) for method in methods)
        return any(method.required <= given <= len(method.params) for method in methods)

    def _arguments(self, node: MethodCall, methods: list[ApiMethod], path: str) -> None:
        for index, argument in enumerate(node.arguments):
            got = literal_type(argument)
            kinds = [method.params[index][1].rstrip("?") for method in methods if index < len(method.params)]
            plain = [kind for kind in kinds if kind in ("string", "number", "boolean")]
            if got and plain and len(plain) == len(kinds) and got not in plain and got != "nil":
                name = methods[0].params[index][0]
                self.say(node.at, f"the {name} of {path}:{node.name} is a {plain[0]}, not a {got}")
        place, type_name = _SETTINGS.get((path, node.name), (0, ""))
        if type_name and place < len(node.arguments):
            self.definitions.settings(node.arguments[place], type_name, f"{path}:{node.name}")

    # Events ---------------------------------------------------------------------------

    def _event(self, node: MethodCall) -> None:
        name = text_of(node.arguments[0])
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
        if isinstance(handler, Index) and handler.dotted:
            self.subscribed.append((handler, handler.dotted))
        elif isinstance(handler, String):
            self.say(handler.at, f"the handler of '{event}' is a function, not its name")
        self._arity(handler, handler if isinstance(handler, Function) else None)

    def _arity(self, handler: Node, function: Function | None) -> None:
        if function is not None and len(function.parameters) > _MOST_PARAMETERS:
            self.say(handler.at, f"a handler takes (event, ctx), this one takes {len(function.parameters)} parameters")
