"""A folder of Markdown as the app's notes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tickwright.ecs_core import App, Plugin, World
from tickwright.ecs_core.errors import TickwrightError
from tickwright.plugins.vault.store import DiskStore
from tickwright.systems.contracts.ports import NoteStore
from tickwright.systems.notes import Notes, NotesPlugin

__all__ = ["VaultError", "VaultPlugin"]

_PROGRESS_FROM = 500
_RESCAN_FROM = 200  # the system may drop single messages of a burst, so a big one is followed by a look at everything


class VaultError(TickwrightError):
    """A vault that cannot be opened; `path` is the folder as given."""

    path: str


class VaultPlugin(Plugin):
    """Load a folder's notes at start, keep saves there, and follow edits from outside if asked.

    Args:
        path: the folder.
        watch: take in what other programs change, as saved, parsed and deleted events.

    Raises:
        VaultError: the folder is missing, or no folder.
        NoteReadError: a note is unreadable or binary; names the file, and nothing is loaded.
    """

    def __init__(self, path: str | Path, *, watch: bool = False) -> None:
        self.path = Path(path)
        self.watch = watch
        self._store: DiskStore | None = None
        self._stop = threading.Event()
        # a thread and no task: settle() waits for tasks, and this one never ends by itself
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """The plugin's name."""
        return "vault"

    def build(self, app: App) -> None:
        """Open the folder and offer it as the store."""
        if not self.path.is_dir():
            problem = "is no folder" if self.path.exists() else "does not exist"
            raise VaultError(
                f"the vault {str(self.path)!r} {problem}",
                where=str(self.path.absolute()),
                expected="a folder of Markdown files",
                todo="name a folder that exists",
                path=str(self.path),
            )
        self._store = store = DiskStore(self.path)
        store.sweep()
        app.insert_resource(store, as_type=NoteStore)
        if not app.world.has_resource(Notes):
            app.add_plugins(NotesPlugin())
        app.world.resource(Notes).load(_track)
        if self.watch:
            self._thread = threading.Thread(
                target=_follow, args=(store, app.call_soon, self._stop), name=f"watch {self.path.name}", daemon=True
            )
            self._thread.start()

    def cleanup(self, ctx: Any) -> None:  # noqa: ARG002 (the signature is the port's)
        """Stop following the folder."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    @property
    def store(self) -> DiskStore | None:
        """The files, once built."""
        return self._store


def _track(paths: Sequence[str]) -> Iterable[str]:
    """Show progress on a terminal when there are many notes."""
    if len(paths) < _PROGRESS_FROM or not sys.stderr.isatty():
        return paths
    from rich.console import Console
    from rich.progress import track

    return track(paths, description="Loading notes", console=Console(stderr=True), transient=True)


def _refresh(world: World, *, paths: set[str] | None) -> None:
    world.resource(Notes).refresh(paths)


def _follow(store: DiskStore, call_soon: Callable[[Callable[[World], Any]], object], stop: threading.Event) -> None:
    """Hand every change of the folder to the tick; content decides there whether it is one."""
    from watchfiles import watch

    first = True
    for changes in watch(
        store.root, stop_event=stop, debounce=200, rust_timeout=200, yield_on_timeout=True, raise_interrupt=False,
        ignore_permission_denied=True,
    ):  # fmt: skip
        paths = {path for _, name in changes if (path := store.relative(name)) is not None}
        # what changed between loading and watching was seen by neither; a renamed folder names none of its notes
        everywhere = first or len(changes) >= _RESCAN_FROM or len(paths) < len(changes)
        if changes or first:
            call_soon(partial(_refresh, paths=None if everywhere else paths))
        first = False
