"""A pipeline's context as templates: parsed at registration, filled in when a run begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from tickwright.systems.contracts.json import freeze
from tickwright.systems.generation.context_types import ContextConfig, ContextSource, Custom
from tickwright.systems.generation.read import wrong
from tickwright.systems.generation.templates import Reference, Template, TemplateSyntaxError, templates_in

__all__ = ["ContextTemplates"]

_TEMPLATED = ("query", "folder", "from_", "content", "config")


@dataclass(frozen=True, slots=True)
class ContextTemplates:
    """A ContextConfig whose texts are parsed.

    Attributes:
        system: the system prompt, or None.
        fields: per source, its templated fields: a Template, or plain data with Templates in it.
    """

    config: ContextConfig
    system: Template | None
    fields: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, config: ContextConfig) -> ContextTemplates:
        """Parse the texts of a config.

        Raises:
            PipelineDefinitionError: a text that is no template, with its path.
        """
        try:
            system = None if config.system is None else templates_in(config.system, "context.system")
            fields = tuple(_fields(source, f"context.sources[{i}]") for i, source in enumerate(config.sources))
        except TemplateSyntaxError as error:
            raise wrong(error.what, error.where, error.expected, error.todo) from None
        return cls(config, system, fields)

    def references(self) -> Iterator[tuple[str, Reference]]:
        """Yield every reference with the path of the text it stands in."""
        if self.system is not None:
            yield from (("context.system", each) for each in self.system.references)
        for i, fields in enumerate(self.fields):
            for name, value in fields.items():
                yield from _found(value, f"context.sources[{i}].{name.rstrip('_')}")

    def handlers(self) -> Iterator[tuple[str, str]]:
        """Yield the name of every custom source's handler, with its path."""
        for i, source in enumerate(self.config.sources):
            if isinstance(source, Custom):
                yield source.handler, f"context.sources[{i}].handler"

    def render(self, value_of: Callable[[Reference], Any]) -> ContextConfig:
        """Return the config with every reference replaced."""
        sources = tuple(
            msgspec.structs.replace(source, **{name: _rendered(value, value_of) for name, value in fields.items()})
            for source, fields in zip(self.config.sources, self.fields, strict=True)
        )
        system = None if self.system is None else self.system.render(value_of)
        return msgspec.structs.replace(self.config, system=system, sources=sources)


def _fields(source: ContextSource, path: str) -> dict[str, Any]:
    present = [name for name in _TEMPLATED if getattr(source, name, None) is not None]
    return {name: templates_in(getattr(source, name), f"{path}.{name.rstrip('_')}") for name in present}


def _found(value: Any, path: str) -> Iterator[tuple[str, Reference]]:
    if isinstance(value, Template):
        yield from ((path, each) for each in value.references)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _found(each, f"{path}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _found(each, f"{path}[{index}]")


def _rendered(value: Any, value_of: Callable[[Reference], Any]) -> Any:
    if isinstance(value, Template):
        return value.render(value_of)
    if isinstance(value, dict):
        return freeze({key: _rendered(each, value_of) for key, each in value.items()})
    if isinstance(value, list):
        return tuple(_rendered(each, value_of) for each in value)
    return value
