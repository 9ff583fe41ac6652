"""Templates: texts with `${references}`, parsed once at registration, filled in when a step begins.

`${name}` is an input, `${step.result}`, `${step.results}` and `${step.json.path}` are what earlier steps made,
`${item}` and `${index}` stand for the branch of a mapped step. `$$` is a dollar sign. What is filled in is never read
as a template again, and a reference without a value is an error, never an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tickwright.systems.generation.errors import TemplateError

__all__ = ["Reference", "Template", "TemplateSyntaxError", "at_path", "parse_template", "render_value", "templates_in"]

_TOKEN = re.compile(r"\$\$|\$\{([^}]*)\}|\$\{")
_NAME = re.compile(r"[^\W\d][\w-]*(\.[\w-]+)*\Z")


class TemplateSyntaxError(TemplateError):
    """A `${` that is no reference."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${head.path}`."""

    head: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "${" + ".".join((self.head, *self.path)) + "}"


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: literal parts and references in order; `text` is set when there are no references."""

    parts: tuple[str | Reference, ...]
    text: str | None = None

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references, in order of appearance."""
        return tuple(part for part in self.parts if isinstance(part, Reference))

    def render(self, value_of: Callable[[Reference], Any]) -> str:
        """Return the text with every reference replaced by its value.

        Raises:
            TemplateError: from `value_of`, or a value that is None.

        >>> parse_template("$$5 for ${name}").render(lambda reference: reference.head.upper())
        '$5 for NAME'
        """
        if self.text is not None:
            return self.text
        return "".join([part if isinstance(part, str) else _filled(part, value_of(part)) for part in self.parts])

    @classmethod
    def literal(cls, text: str) -> Template:
        """Return a template that is `text` as it stands, dollar signs and all."""
        return cls((text,), text)


def parse_template(text: str) -> Template:
    """Parse a text.

    Raises:
        TemplateSyntaxError: `${` without a closing brace, or with something in it that is no name.
    """
    if "$" not in text:
        return Template((text,), text)
    parts: list[str | Reference] = []
    position = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[position : token.start()])
        position = token.end()
        parts.append("$" if token.group() == "$$" else _reference(token.group(), token.group(1)))
    parts.append(text[position:])
    joined = tuple(_joined(parts))
    if any(isinstance(part, Reference) for part in joined):
        return Template(joined)
    literal = "".join(str(part) for part in joined)
    return Template((literal,), literal)


def _reference(token: str, inner: str | None) -> Reference:
    name = (inner or "").strip()
    if inner is None or not _NAME.match(name):
        raise TemplateSyntaxError(
            f"{token!r} is no reference", expected="${name} or ${step.result}", todo="write $$ for a dollar sign"
        )
    head, *path = name.split(".")
    return Reference(head, tuple(path))


def _joined(parts: list[str | Reference]) -> Iterator[str | Reference]:
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            if text:
                yield text
            text = ""
            yield part
    if text:
        yield text


def _filled(reference: Reference, value: Any) -> str:
    if value is None:
        raise TemplateError(f"{reference} has no value", reference=str(reference))
    return render_value(value)


def render_value(value: Any) -> str:
    """Return a value as prompts show it: texts as they are, lists joined by a blank line, the rest as JSON.

    >>> render_value(["one", 2, {"a": True}])
    'one\\n\\n2\\n\\n{"a":true}'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "\n\n".join([render_value(each) for each in value])
    return msgspec.json.encode(value).decode()


def at_path(value: Any, path: tuple[str, ...]) -> Any:
    """Return what lies at a path of keys and list positions in plain data; None if nothing does."""
    for key in path:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list | tuple) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def templates_in(value: Any, path: str) -> Any:
    """Return nested plain data with every text in it parsed, `(path, error)` noted on the error of a bad one."""
    if isinstance(value, str):
        try:
            return parse_template(value)
        except TemplateSyntaxError as error:
            error.where = path
            raise
    if isinstance(value, Mapping):
        return {key: templates_in(each, f"{path}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [templates_in(each, f"{path}[{index}]") for index, each in enumerate(value)]
    return value
