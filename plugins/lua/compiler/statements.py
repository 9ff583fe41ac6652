"""The grammar of statements, functions and files."""

from __future__ import annotations

from collections.abc import Callable

from tickwright.plugins.lua.compiler.expressions import ExpressionSyntax
from tickwright.plugins.lua.compiler.lexer import tokenize
from tickwright.plugins.lua.compiler.nodes import (
    Assign,
    Block,
    Break,
    Call,
    CallStatement,
    Chunk,
    Compound,
    Continue,
    Do,
    ForIn,
    ForNumeric,
    Function,
    FunctionStatement,
    If,
    Index,
    Local,
    LocalFunction,
    MethodCall,
    Name,
    Node,
    Repeat,
    Return,
    String,
    While,
)
from tickwright.plugins.lua.compiler.scopes import MAX_LOCALS, Binding, FunctionScope, Loop, resolve
from tickwright.plugins.lua.compiler.tokens import Kind, Tokens

__all__ = ["Parser", "parse"]

_COMPOUND = frozenset(("+=", "-=", "*=", "/=", "//=", "%=", "^=", "..="))
_BLOCK_ENDS = frozenset(("end", "else", "elseif", "until", ""))
# What may follow the name `continue` where it is a variable and not the statement.
_USES_OF_A_NAME = frozenset(("=", ".", ",", "(", "[", ":", "{", *_COMPOUND))
_STRINGS = (Kind.STRING, Kind.INTERP_BEGIN, Kind.INTERP_WHOLE)


def parse(source: str, *, file: str = "plugin.luau", max_upvalues: int = 200) -> tuple[Chunk, Tokens]:
    """Parse a Luau source.

    Returns:
        The tree, and the tokens that its `at` indexes point into.

    Raises:
        CompileError: the source is not a Luau program.
    """
    parser = Parser(tokenize(source, file=file), max_upvalues=max_upvalues)
    return parser.chunk(), parser.tokens


class Parser(ExpressionSyntax):
    """Parse statements to nodes."""

    def chunk(self) -> Chunk:
        """Parse the whole file."""
        body = self._statements(Block(self.at))
        if self.kinds[self.at] != Kind.EOF:
            raise self.unexpected("a statement")
        return Chunk(0, body, self.at)

    # Scopes ---------------------------------------------------------------------------------------------

    def declare(self, name: str, *, is_const: bool = False) -> None:
        """Make `name` a local of the innermost block."""
        function = self.function
        self.order += 1
        function.blocks[-1][name] = Binding(function, self.order, is_const)
        function.counts[-1] += 1
        if function.active() > MAX_LOCALS:
            raise self.fail(
                f"more than {MAX_LOCALS} locals at once in one function", todo="group some of them into a table"
            )

    def block(self) -> Block:
        """Parse statements in a scope of their own."""
        self._enter()
        body = self._statements(Block(self.at))
        self._leave()
        return body

    def _enter(self) -> None:
        self.deeper()
        self.function.blocks.append({})
        self.function.counts.append(0)

    def _leave(self) -> None:
        self.depth -= 1
        self.function.blocks.pop()
        self.function.counts.pop()

    def _statements(self, body: Block) -> Block:
        while self.tok not in _BLOCK_ENDS:
            self._one_statement(body)
        return body

    def _one_statement(self, body: Block) -> None:
        if self.accept(";"):
            return
        node = self._statement()
        if node is None:
            return
        body.statements.append(node)
        if isinstance(node, (Return, Break, Continue)):
            self.accept(";")
            if self.tok not in _BLOCK_ENDS:
                if self.tok not in _RULES and self.kinds[self.at] != Kind.NAME:
                    raise self.unexpected("the end of the block")
                word = type(node).__name__.lower()
                raise self.fail(f"a statement after '{word}' can never run", expected="the end of the block")

    def _statement(self) -> Node | None:
        rule = _RULES.get(self.tok)
        if rule is not None:
            return rule(self)
        if self.kinds[self.at] == Kind.NAME:
            rule = _SOFT_RULES.get(self.tok)
            if rule is not None and self._begins_soft_statement():
                return rule(self)
        elif self.tok != "(":
            raise self.unexpected("a statement")
        return self._expression_statement()

    def _begins_soft_statement(self) -> bool:
        # These words are names in Luau, and statements only by what follows.
        after, is_name = self.peek(), self.is_name(1)
        if self.tok == "continue":
            at = min(self.at + 1, len(self.kinds) - 1)
            return after not in _USES_OF_A_NAME and self.kinds[at] not in _STRINGS
        if self.tok == "export":
            return is_name
        return is_name or after == "function"

    # Simple statements ----------------------------------------------------------------------------------

    def _local(self) -> Node:
        at = self.at
        is_const = self.tok == "const"
        self.skip()
        self.attributes()
        if self.tok == "function":
            function_at = self.expect("function")
            name = self.name("the function's name")
            self.declare(name, is_const=is_const)
            return LocalFunction(at, name, self.function_body(function_at))
        names = self._typed_names("a variable's name")
        values = self.expression_list() if self.accept("=") else []
        if is_const and not values:
            raise self.fail("a const needs a value", at, expected=f"const {names[0]} = ...")
        for name in names:
            self.declare(name, is_const=is_const)
        return Local(at, names, values)

    def _typed_names(self, what: str) -> list[str]:
        names = [self.name(what)]
        self.annotation()
        while self.accept(","):
            names.append(self.name(what))
            self.annotation()
        return names

    def _return(self) -> Return:
        at = self.expect("return")
        values = [] if self.tok in _BLOCK_ENDS or self.tok == ";" else self.expression_list()
        return Return(at, values)

    def _break(self) -> Break:
        at = self.expect("break")
        if not self.function.loops:
            raise self.fail("'break' outside a loop", at)
        return Break(at)

    def _continue(self) -> Continue:
        at = self.at
        self.skip()
        if not self.function.loops:
            raise self.fail("'continue' outside a loop", at)
        loop = self.function.loops[-1]
        if loop.continue_order < 0:
            loop.continue_order, loop.continue_at = self.order, at
        return Continue(at, loop.label)

    def _expression_statement(self) -> Node:
        at = self.at
        node = self.suffixed()
        if self.tok in _COMPOUND:
            op = self.tok[:-1]
            self._check_target(node)
            op_at = self.at
            self.skip()
            return Compound(op_at, op, node, self.expression())
        if self.tok == "=" or self.tok == ",":
            targets = [node]
            while self.accept(","):
                targets.append(self.suffixed())
            self.expect("=")
            for target in targets:
                self._check_target(target)
            return Assign(at, targets, self.expression_list())
        if not isinstance(node, (Call, MethodCall)):
            if isinstance(node, Name) and node.name == "goto":
                raise self.fail("'goto' is not part of Luau", at, expected="continue, break or a function")
            if self.tok == self.peek() == "+":
                raise self.unexpected("a statement")
            raise self.fail("an expression is no statement", at, expected="a call, an assignment or a statement")
        return CallStatement(at, node)

    def _check_target(self, node: Node) -> None:
        if isinstance(node, Name):
            binding = resolve(self.function, node.name)
            if binding is not None and binding.is_const:
                raise self.fail(f"'{node.name}' is a const and cannot be assigned to", node.at)
        elif not isinstance(node, Index):
            raise self.fail("this cannot be assigned to", node.at, expected="a variable or a field")

    # Types ----------------------------------------------------------------------------------------------

    def _export(self) -> None:
        self.skip()
        if self.tok != "type":
            raise self.unexpected("'type' after 'export'")
        self._type_alias()

    def _type_alias(self) -> None:
        at = self.at
        self.skip()
        if self.tok == "function":
            todo = "write the type itself; types are erased before a plugin runs"
            raise self.fail("type functions are not supported", at, todo=todo)
        self.name("the type's name")
        if self.tok == "<":
            self.generic_parameters()
        self.expect("=")
        self.type_or_pack()

    # Functions ------------------------------------------------------------------------------------------

    def _function_statement(self) -> FunctionStatement:
        self.attributes()
        at = self.expect("function")
        name_at = self.at
        name = self.name("the function's name")
        target: Node = Name(name_at, name, self.lookup(name, name_at))
        while self.accept("."):
            field_at = self.at
            field = self.name("a field's name")
            target = Index(field_at, target, String(field_at, f'"{field}"'), field)
        method = self.name("the method's name") if self.accept(":") else ""
        if not method:
            self._check_target(target)
        return FunctionStatement(at, target, method, self.function_body(at, has_self=bool(method)))

    def _attributed(self) -> Node:
        self.attributes()
        if self.tok in ("local", "const"):
            return self._local()
        return self._function_statement()

    def function_body(self, at: int, *, has_self: bool = False) -> Function:
        """Parse a function from its generics or parameters to its `end`."""
        if self.tok == "<":
            self.generic_parameters()
        opened = self.expect("(")
        outer = self.function
        self.function = FunctionScope(outer, is_vararg=False)
        if has_self:
            self.declare("self")
        node = Function(at, [], [], False, Block(at))
        self._parameters(node)
        self.close(")", opened)
        self.annotation()
        node.is_vararg = self.function.is_vararg
        self.deeper()
        self._statements(node.body)
        self.depth -= 1
        node.end = self.close("end", at)
        self.function = outer
        return node

    def _parameters(self, node: Function) -> None:
        while self.tok != ")":
            if self.accept("..."):
                self.annotation()
                self.function.is_vararg = True
                return
            name = self.name("a parameter's name")
            self.declare(name)
            node.parameters.append(name)
            node.annotations.append(self.annotation())
            if not self.accept(","):
                return

    # Compound statements --------------------------------------------------------------------------------

    def _do(self) -> Do:
        at = self.expect("do")
        body = self.block()
        return Do(at, body, self.close("end", at))

    def _if(self) -> If:
        at = self.expect("if")
        clauses = []
        while True:
            condition = self.expression()
            self.expect("then")
            clauses.append((condition, self.block()))
            if not self.accept("elseif"):
                break
        otherwise = self.block() if self.accept("else") else None
        return If(at, clauses, otherwise, self.close("end", at))

    def _loop(self) -> Loop:
        self.labels += 1
        loop = Loop(self.labels)
        self.function.loops.append(loop)
        return loop

    def _loop_body(self, names: list[str], opened: int) -> tuple[Block, int, int]:
        loop = self._loop()
        self._enter()
        # A for loop keeps up to four values of its own beside the variables that it names.
        self.function.counts[-1] = 4 if names else 0
        for name in names:
            self.declare(name)
        body = self._statements(Block(self.at))
        self._leave()
        self.function.loops.pop()
        return body, loop.label if loop.continue_order >= 0 else 0, self.close("end", opened)

    def _while(self) -> While:
        at = self.expect("while")
        condition = self.expression()
        self.expect("do")
        return While(at, condition, *self._loop_body([], at))

    def _for(self) -> Node:
        at = self.expect("for")
        names = self._typed_names("the loop's variable")
        if len(names) == 1 and self.accept("="):
            first = self.expression()
            self.expect(",")
            last = self.expression()
            step = self.expression() if self.accept(",") else None
            self.expect("do")
            return ForNumeric(at, names[0], first, last, step, *self._loop_body(names, at))
        if not self.accept("in"):
            raise self.unexpected("'=' or 'in'" if len(names) == 1 else "'in'")
        values = self.expression_list()
        self.expect("do")
        return ForIn(at, names, values, *self._loop_body(names, at))

    def _repeat(self) -> Repeat:
        at = self.expect("repeat")
        loop = self._loop()
        self._enter()
        body = Block(self.at)
        visible = self._repeat_statements(body, loop)
        until = self.close("until", at)
        condition_at = self.at
        condition = self.expression()
        if loop.continue_order >= 0:
            self._check_skipped(loop, condition_at)
        self._leave()
        self.function.loops.pop()
        return Repeat(at, body, condition, loop.label if loop.continue_order >= 0 else 0, visible, until)

    def _repeat_statements(self, body: Block, loop: Loop) -> int:
        """Parse the body; return how many statements end before the first that continues."""
        visible = 0
        while self.tok not in _BLOCK_ENDS:
            self._one_statement(body)
            if loop.continue_order < 0:
                visible = len(body.statements)
        return visible

    def _check_skipped(self, loop: Loop, first: int) -> None:
        """Refuse a condition that reads a local which `continue` jumps over."""
        block = self.function.blocks[-1]
        for at in range(first, self.at):
            if self.kinds[at] != Kind.NAME or self.texts[at - 1] in (".", ":"):
                continue
            binding = block.get(self.texts[at])
            if binding is not None and binding.order > loop.continue_order:
                line = self.tokens.lines[loop.continue_at]
                what = (
                    f"'{self.texts[at]}' may not exist here: the 'continue' of line {line} jumps over its declaration"
                )
                raise self.fail(what, at, todo="declare it before the continue")


_RULES: dict[str, Callable[[Parser], Node | None]] = {
    "local": Parser._local,
    "return": Parser._return,
    "break": Parser._break,
    "function": Parser._function_statement,
    "@": Parser._attributed,
    "do": Parser._do,
    "if": Parser._if,
    "while": Parser._while,
    "for": Parser._for,
    "repeat": Parser._repeat,
}
_SOFT_RULES: dict[str, Callable[[Parser], Node | None]] = {
    "continue": Parser._continue,
    "const": Parser._local,
    "type": Parser._type_alias,
    "export": Parser._export,
}
