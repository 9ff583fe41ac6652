"""Reload plugins when their files change."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tickwright.plugins.lua.errors import PluginError

if TYPE_CHECKING:
    from tickwright.plugins.lua.host import PluginHost

__all__ = ["PluginWatch"]

Stamp = tuple[int, int]
_log = logging.getLogger("tickwright.plugins.lua")


def _stamp(path: Path) -> Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (one call, no Path object per poll)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class PluginWatch:
    """Notice changed plugin files and reload their plugins; `poll` between ticks.

    Files are compared by time and size: a poll of a hundred plugins costs a hundred stat calls, and needs no thread.
    """

    def __init__(self, host: PluginHost) -> None:
        self._host = host
        self._stamps: dict[str, dict[Path, Stamp | None]] = {}
        self.poll()

    def poll(self) -> list[tuple[str, str]]:
        """Reload what changed since the last poll; return (plugin, error or empty) for each."""
        reloaded = []
        files = self._host.files()
        for name, paths in files.items():
            now = {path: _stamp(path) for path in paths}
            before = self._stamps.get(name)
            self._stamps[name] = now
            if before is not None and now != before and _settled(now.values()):
                reloaded.append((name, self._reload(name)))
        for name in set(self._stamps) - set(files):
            del self._stamps[name]
        return reloaded

    def _reload(self, name: str) -> str:
        try:
            self._host.reload(name)
        except PluginError as error:
            self._host.report(error)  # to the log, too: in an app nobody looks at what `poll` returns
            return str(error)
        _log.info("plugin '%s' is reloaded", name)
        return ""


def _settled(stamps: Iterable[Stamp | None]) -> bool:
    """Say whether every file is there: an editor that replaces a file takes it away first."""
    return all(stamp is not None for stamp in stamps)
