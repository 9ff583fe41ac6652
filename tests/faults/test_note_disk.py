"""Disks that fail while notes are saved: what was there before stays, whole, and nothing is left lying about."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tickwright.ecs_core import App, Query
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.notes import Note, NoteReadError, Notes, NoteWriteError


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    (tmp_path / "a.md").write_text("old [[b]]")
    with App() as app:
        app.add_plugins(HooksPlugin(), VaultPlugin(tmp_path))
        yield app


def _full(*args: Any, **kwargs: Any) -> Any:
    raise OSError(28, "No space left on device")


def _state(app: App, folder: Path) -> Any:
    notes = app.world.resource(Notes)
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    folders = sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_dir())
    rows = sorted((row.path, row.hash) for row in app.world.query(Query[Note]).rows())
    return files, folders, rows, notes.paths(), notes.backlinks("b"), [hit.path for hit in notes.search("new")]


CHANGES: list[Callable[[Notes], Any]] = [
    lambda notes: notes.save("a.md", "new"),
    lambda notes: notes.save("deep/er/new.md", "new"),
    lambda notes: notes.rename("a.md", "deep/moved.md"),
    lambda notes: notes.delete("a.md"),
]


@pytest.mark.parametrize("change", CHANGES, ids=["overwrite", "create", "rename", "delete"])
@pytest.mark.parametrize("broken", ["open", "fsync", "replace", "mkdir", "rename", "unlink"])
def test_a_step_that_fails_leaves_disk_and_world_as_they_were(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Notes], Any], broken: str
) -> None:
    notes, heard = app.world.resource(Notes), list[str]()
    for name in ("note:saved", "note:deleted", "note:parsed"):
        app.world.resource(Hooks).on(name, lambda event, ctx: heard.append(event.path))
    before = _state(app, tmp_path)
    with monkeypatch.context() as patch:
        if broken == "fsync":
            patch.setattr(os, "fsync", _full_for_files(os.fsync))
        else:
            patch.setattr(Path, broken, _full)
        try:
            done = change(notes).saved
        except (NoteWriteError, NoteReadError) as error:
            refusal, done = str(error), False
    app.update()
    if not done:
        assert "No space left" in refusal
        assert (_state(app, tmp_path), heard) == (before, [])
    else:
        assert _state(app, tmp_path) != before
        assert heard


def _full_for_files(fsync: Callable[[int], None]) -> Callable[[int], None]:
    def full(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            fsync(handle)
        else:
            _full()

    return full


LIMITED = """
import resource, signal, sys
from tickwright.ecs_core import App
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.notes import Notes, NoteWriteError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with App() as app:
    app.add_plugins(VaultPlugin(sys.argv[1]))
    notes = app.world.resource(Notes)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        notes.save("a.md", "x" * 5000)
    except NoteWriteError as error:
        print(error)
    print(notes.get("a.md").content, notes.save("b.md", "small").saved)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the size of files")
def test_the_systems_own_refusal_in_the_middle_of_a_write_keeps_the_old_note(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("old")
    ran = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, check=True)
    refusal, rest = ran.stdout.splitlines()
    assert "cannot write 'a.md': File too large" in refusal
    assert rest == "old True"
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.md": "old", "b.md": "small"}


READ_ONLY = """
import os, sys
from tickwright.ecs_core import App
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.notes import Notes, NoteWriteError
with App() as app:
    app.add_plugins(VaultPlugin(sys.argv[1]))
    notes = app.world.resource(Notes)
    if os.geteuid() == 0:
        os.seteuid(65534)  # who may write everywhere is nobody from here on
    for change in (lambda: notes.save("a.md", "new"), lambda: notes.save("b/c.md", "new"), lambda: notes.delete("a.md"),
                   lambda: notes.rename("a.md", "b.md")):
        try:
            change()
        except NoteWriteError as error:
            print(str(error).partition(".")[0])
    ticket = notes.request_save("a.md", "new")
    app.update()
    print(ticket.outcome.saved, notes.paths(), notes.get("a.md").content)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_a_read_only_folder_is_readable_and_every_change_is_refused() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "a.md").write_text("old")
        folder.chmod(0o555)
        ran = subprocess.run([sys.executable, "-c", READ_ONLY, folder], capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines() == [
            "cannot write 'a",
            "cannot write 'b/c",
            "cannot delete 'a",
            "cannot rename 'a",
            "False ['a.md'] old",
        ]
        assert [file.name for file in folder.iterdir()] == ["a.md"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
