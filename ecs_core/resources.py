"""Resources: one value per type, of which a world has one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["ResourceMissingError", "Resources"]

R = TypeVar("R")


class ResourceMissingError(TickwrightError):
    """A resource that nobody inserted."""


class _ByType(dict[Any, Any]):
    """Resources by type; looking one up is one call without a Python frame, and a missing one says what to do."""

    def __missing__(self, kind: Any) -> Any:
        name = getattr(kind, "__name__", str(kind))
        raise ResourceMissingError(f"no resource {name}", todo=f"add one by insert_resource({name}(...))")


class Resources:
    """The resources of one world, by type."""

    def __init__(self) -> None:
        self._resources = _ByType()
        self._persistent: set[Any] = set()

    def insert_resource(self, resource: object, as_type: Any = None, *, persistent: bool = False) -> None:
        """Insert or replace a resource."""
        if isinstance(resource, type) and as_type is None:
            raise TickwrightError(
                f"{resource.__name__} is a class",
                where="insert_resource",
                expected=f"an instance: {resource.__name__}(...)",
            )
        kind = as_type or type(resource)
        self._resources[kind] = resource
        if persistent:
            self._persistent.add(kind)

    def resource(self, kind: type[R]) -> R:
        """Return a resource.

        Raises:
            ResourceMissingError: nobody inserted one.
        """
        found: R = self._resources[kind]
        return found

    def resource_getter(self, kind: Any, *, optional: bool = False) -> Callable[[], Any]:
        """Return what gets a resource at every call: None for a missing one, if it is `optional`, else an error."""
        return partial(self._resources.get if optional else self._resources.__getitem__, kind)

    def get_resource(self, kind: type[R]) -> R | None:
        """Return a resource, or None."""
        return self._resources.get(kind)

    def has_resource(self, kind: Any) -> bool:
        """Return whether there is such a resource."""
        return kind in self._resources

    def persistent_resources(self) -> dict[Any, Any]:
        """Return the resources that are part of snapshots, by type."""
        return {kind: self._resources[kind] for kind in self._persistent}

    def remove_resource(self, kind: Any) -> Any:
        """Take a resource out and return it, None if there is none."""
        self._persistent.discard(kind)
        return self._resources.pop(kind, None)
