"""What a plugin says about itself: `plugin.toml` beside it, and `--!` comments at the head of its file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tickwright.plugins.lua.errors import PluginManifestError
from tickwright.plugins.lua.limits import Limits

__all__ = ["Manifest", "Permissions", "discover", "read_manifest"]

SUFFIXES = (".luau", ".lua", ".fnl")
_HEADER = re.compile(r"^--!engine[ \t]+(\w+)", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z][\w.-]{0,63}$")


@dataclass(frozen=True, slots=True)
class Permissions:
    """What of the world a plugin may reach; everything, unless its manifest has a [permissions] table.

    Attributes:
        notes: "write", "read" or "none".
        tools: may register and call tools.
        generation: may ask models.
        agents: may start agent tasks.
    """

    notes: str = "write"
    tools: bool = True
    generation: bool = True
    agents: bool = True


@dataclass(frozen=True, slots=True)
class Manifest:
    """One plugin's settings.

    Attributes:
        name: unique among the loaded plugins; everything it registers carries it.
        path: the source file.
        version: for people and `requires`.
        engine: "lua54" or "luajit"; a `--!engine` comment in the file says the same.
        requires: plugins that are loaded before this one.
        limits: its budgets.
        permissions: what it may reach.
    """

    name: str
    path: Path
    version: str = "0.0.0"
    engine: str = "lua54"
    requires: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    permissions: Permissions = field(default_factory=Permissions)

    def for_source(self, source: str) -> Manifest:
        """Return the manifest with the engine that the source's head asks for."""
        head = source[:2000]
        match = _HEADER.search(head)
        return self if match is None else replace(self, engine=match.group(1))


def discover(path: Path) -> list[Path]:
    """Return the plugins at `path`: the file itself, or a folder's files and plugin folders, sorted by name.

    Raises:
        PluginManifestError: there is nothing there, or a file that is no plugin.
    """
    if path.is_file():
        if path.suffix not in SUFFIXES and path.name != "plugin.toml":
            raise PluginManifestError(
                f"'{path.name}' is not a plugin", file=str(path), expected=f"a file ending in {', '.join(SUFFIXES)}"
            )
        return [path.parent if path.name == "plugin.toml" else path]
    if not path.is_dir():
        raise PluginManifestError(
            "no such plugin file or folder",
            file=str(path),
            expected=f"a folder, or a file ending in {', '.join(SUFFIXES)}",
            todo="name one that exists",
        )
    if (path / "plugin.toml").is_file():
        return [path]
    found = [
        entry
        for entry in sorted(path.iterdir())
        if (entry.suffix in SUFFIXES and not entry.stem.endswith("_test") and entry.name != "fennel.lua")
        or (entry / "plugin.toml").is_file()
    ]
    if not found:
        raise PluginManifestError("the folder holds no plugins", file=str(path), expected=f"files ending in {SUFFIXES}")
    return found


def read_manifest(path: Path, defaults: Limits) -> Manifest:
    """Return the manifest of a plugin file or folder; a file alone has the defaults.

    Raises:
        PluginManifestError: an unknown or wrong entry; the message names it.
    """
    if path.is_file():
        return Manifest(path.stem.replace(" ", "_"), path, limits=defaults)
    file = path / "plugin.toml"
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PluginManifestError(f"plugin.toml cannot be read: {error}", file=str(file)) from None
    reader = _Reader(str(file))
    reader.known(data, ("plugin", "limits", "permissions"), "")
    plugin = data.get("plugin", {})
    reader.known(plugin, ("name", "version", "main", "engine", "requires", "description"), "plugin.")
    name = reader.text(plugin, "name", path.name)
    if not _NAME.match(name):
        raise PluginManifestError(f"'{name}' is not a plugin name", file=str(file), expected="letters, digits, . _ -")
    source = path / reader.text(plugin, "main", "init.luau")
    if not source.is_file():
        raise PluginManifestError(f"the plugin's file '{source.name}' is missing", file=str(file))
    requires = plugin.get("requires", [])
    if not isinstance(requires, list) or not all(isinstance(each, str) for each in requires):
        raise PluginManifestError("plugin.requires must be a list of names", file=str(file))
    return Manifest(
        name=name,
        path=source,
        version=reader.text(plugin, "version", "0.0.0"),
        engine=reader.text(plugin, "engine", "lua54"),
        requires=tuple(requires),
        limits=reader.limits(data.get("limits", {}), defaults),
        permissions=reader.permissions(data.get("permissions")),
    )


class _Reader:
    """Checks of one plugin.toml, each error naming the file."""

    def __init__(self, file: str) -> None:
        self.file = file

    def known(self, table: Any, names: tuple[str, ...], prefix: str) -> None:
        if not isinstance(table, dict):
            raise PluginManifestError(f"[{prefix.rstrip('.')}] must be a table", file=self.file)
        for key in table:
            if key not in names:
                expected = ", ".join(names)
                raise PluginManifestError(f"unknown entry '{prefix}{key}'", file=self.file, expected=expected)

    def text(self, table: dict[str, Any], key: str, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise PluginManifestError(f"plugin.{key} must be a string", file=self.file)
        return value

    def limits(self, table: Any, defaults: Limits) -> Limits:
        self.known(table, tuple(each.name for each in fields(Limits)), "limits.")
        for key, value in table.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise PluginManifestError(f"limits.{key} must be a positive number", file=self.file)
        return replace(defaults, **table)

    def permissions(self, table: Any) -> Permissions:
        if table is None:
            return Permissions()
        self.known(table, tuple(each.name for each in fields(Permissions)), "permissions.")
        notes = table.get("notes", "none")
        if notes not in ("none", "read", "write"):
            raise PluginManifestError("permissions.notes must be 'none', 'read' or 'write'", file=self.file)
        flags = {key: table.get(key, False) for key in ("tools", "generation", "agents")}
        for key, value in flags.items():
            if not isinstance(value, bool):
                raise PluginManifestError(f"permissions.{key} must be true or false", file=self.file)
        return Permissions(notes=notes, **flags)
