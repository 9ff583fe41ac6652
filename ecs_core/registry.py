"""The components one world has met: numbers, names and presence bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tickwright.ecs_core.component import ComponentError, ComponentInfo, FieldInfo, info_of

__all__ = ["Components"]


class Components:
    """Component types by number and by name; a name belongs to one type. `fresh` is told of each new one."""

    def __init__(self) -> None:
        self.infos: list[ComponentInfo] = []
        self.numbers: dict[type[Any], int] = {}
        self.bits: dict[int, int] = {}
        self.by_bit: list[int] = []
        self._names: dict[str, int] = {}
        self.replaced: dict[int, int] = {}
        self.fresh: Callable[[ComponentInfo], object] = lambda _info: None

    def number(self, kind: type[Any]) -> int:
        """Return a type's number, a new one at the first meeting.

        Raises:
            ComponentError: no component, or another type has its name.
        """
        found = self.numbers.get(kind)
        return self._add(kind) if found is None else found

    def usable(self, kind: type[Any]) -> int:
        """Return the number of a type that entities are to get.

        Raises:
            ComponentError: no component, or its schema was replaced by another one.
        """
        number = self.number(kind)
        self._check_kept(number)
        if number in self.replaced:
            name = self.infos[number].name
            raise ComponentError(
                f"component '{name}' has got another schema since",
                expected="the type that world.register returned last",
                todo=f'take world.component_named("{name}")',
                component=name,
                field="",
            )
        return number

    def removable(self, kind: type[Any]) -> int:
        """Return the number of a type that may be taken from entities.

        Raises:
            ComponentError: no component, or one that the engine keeps itself.
        """
        number = self.number(kind)
        self._check_kept(number)
        return number

    def _check_kept(self, number: int) -> None:
        info = self.infos[number]
        if relation := getattr(info.kind, "__kept_by__", ""):
            raise ComponentError(
                f"'{info.name}' is kept by the engine",
                expected=f"a change of {relation}, on the other side",
                todo=f"insert or remove {relation}; {info.name} follows",
                component=info.name,
                field="",
            )

    def _add(self, kind: type[Any]) -> int:
        info = info_of(kind)
        if info.kind in self.numbers:  # the class of a handle
            return self.numbers[info.kind]
        other = self._names.get(info.name)
        if other is not None:
            raise ComponentError(
                f"two components are named '{info.name}'",
                where=f"{self.infos[other].kind.__module__} and {kind.__module__}",
                expected="one type per name in a world",
                todo='rename one: @component(name="...")',
                component=info.name,
                field="",
            )
        number = len(self.infos)
        self.infos.append(info)
        self.numbers[info.kind] = self._names[info.name] = number
        self.fresh(info)
        if not info.is_dense:
            self.bits[number] = len(self.by_bit)
            self.by_bit.append(number)
        return number

    def info(self, kind: type[Any]) -> ComponentInfo:
        """Return a type's description, registering it."""
        return self.infos[self.number(kind)]

    def named(self, name: str) -> type[Any] | None:
        """Return the component of a name, None if the world has none."""
        number = self._names.get(name)
        return None if number is None else self.infos[number].kind

    def require(self, name: str) -> type[Any]:
        """Return the component of a name.

        Raises:
            ComponentError: there is none; the nearest is suggested.
        """
        found = self.named(name)
        if found is None:
            import difflib

            near = difflib.get_close_matches(name, self._names, n=1)
            raise ComponentError(
                f"no component is named '{name}'",
                expected=", ".join(self._names) or "a registered component",
                todo=f"did you mean '{near[0]}'?" if near else "register it, or spawn one, first",
                component=name,
                field="",
            )
        return found

    def replace(self, number: int, kind: type[Any]) -> None:
        """Give a component's name to another type; the number stays with the old one, which nobody gets any more."""
        del self._names[self.infos[number].name]
        self.replaced[number] = self.number(kind)

    def present(self, number: int) -> int:
        """Return the number of the type that holds now in a replaced one's place, or the number itself."""
        while number in self.replaced:
            number = self.replaced[number]
        return number

    def names(self) -> list[str]:
        """Return every component's name, in the order of meeting."""
        return [info.name for info in self.current()]

    def current(self) -> list[ComponentInfo]:
        """Return the descriptions of all but replaced components, in the order of meeting."""
        return [info for number, info in enumerate(self.infos) if number not in self.replaced]

    def fields(self, kind: type[Any]) -> Mapping[str, FieldInfo]:
        """Return a component's columns by name; empty for objects and tags."""
        return {each.name: each for each in info_of(kind).fields}
