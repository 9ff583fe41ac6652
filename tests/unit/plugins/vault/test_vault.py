import io
import sys
import time
from pathlib import Path

import pytest

from tickwright.ecs_core import App
from tickwright.plugins.vault import DiskStore, VaultError, VaultPlugin
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.notes import NotePathError, NoteReadError, Notes, NotesPlugin, NoteWriteError

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "vault"


def _app(path, **settings):
    return App().add_plugins(HooksPlugin(), NotesPlugin(), VaultPlugin(path, **settings))


def test_the_example_vault_loads_whole():
    with _app(EXAMPLE) as app:
        notes = app.world.resource(Notes)
        assert len(notes.paths()) == len(list(EXAMPLE.rglob("*.md"))) >= 36
        assert [record.matter.error for record in notes.records() if record.matter.error] == []
        assert [link.ref.target for link in notes.unresolved()] == ["Oak Sluice"]
        assert len(notes.backlinks("Research/Redshank.md")) >= 5


def test_saves_deletes_and_renames_reach_the_disk_and_leave_no_temporary_file(tmp_path):
    with _app(tmp_path) as app:
        notes = app.world.resource(Notes)
        notes.save("a/b.md", b"\xff\r\n")
        assert (tmp_path / "a/b.md").read_bytes() == b"\xff\r\n"
        notes.rename("a/b.md", "c/d.md")
        notes.save("e.md", "x")
        notes.delete("e.md")
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == ["c/d.md"]


def test_a_missing_vault_and_a_binary_note_are_one_clear_error(tmp_path):
    with pytest.raises(VaultError, match="does not exist"):
        _app(tmp_path / "none")
    (tmp_path / "bin.md").write_bytes(b"a\0b")
    with pytest.raises(NoteReadError, match=r"'bin\.md' is a binary file"):
        _app(tmp_path)


def test_links_that_point_out_are_no_notes_and_cannot_be_written(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret.md").write_text("x")
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / "link").symlink_to(tmp_path / "out")
    (vault / "file.md").symlink_to(tmp_path / "out" / "secret.md")
    with _app(vault) as app:
        notes = app.world.resource(Notes)
        assert notes.paths() == []
        with pytest.raises(NotePathError, match="points out"):
            notes.save("link/secret.md", "y")
    assert (tmp_path / "out" / "secret.md").read_text() == "x"


def test_a_store_that_cannot_rename_leaves_the_old_note(tmp_path, monkeypatch):
    with _app(tmp_path) as app:
        notes = app.world.resource(Notes)
        notes.save("a.md", "old")
        monkeypatch.setattr(Path, "replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for path in ("a.md", "new/folder/b.md"):
            with pytest.raises(NoteWriteError, match="No space left"):
                notes.save(path, "new")
        assert notes.paths() == ["a.md"]
    assert [p.name for p in tmp_path.rglob("*")] == ["a.md"]
    assert (tmp_path / "a.md").read_text() == "old"


def test_sweep_removes_what_a_crash_left(tmp_path):
    (tmp_path / ".0123.tickwright-tmp").write_text("half")
    assert DiskStore(tmp_path).sweep() == 1
    assert list(tmp_path.iterdir()) == []


def test_progress_is_shown_on_a_terminal_for_many_notes_only(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def shown(count, terminal):
        for number in range(count):
            (tmp_path / f"n{number}.md").write_text("x")
        monkeypatch.setattr(sys, "stderr", terminal)
        with _app(tmp_path) as app:
            assert len(app.world.resource(Notes).paths()) == count
        return terminal.getvalue()

    assert shown(499, Terminal()) == ""
    assert "Loading notes" in shown(500, Terminal())
    assert shown(500, io.StringIO()) == ""


def test_watching_takes_in_a_burst_from_outside_and_does_not_echo_our_writes(tmp_path):
    with _app(tmp_path, watch=True) as app:
        notes, heard = app.world.resource(Notes), []
        app.world.resource(Hooks).on("note:saved", lambda event, ctx: heard.append(event.path))
        _pump(app, lambda: False, seconds=1.0)
        for number in range(1000):
            (tmp_path / f"n{number}.md").write_text(f"note {number}")
        _pump(app, lambda: len(notes.paths()) == 1000, seconds=30)
        notes.save("own.md", "mine")
        (tmp_path / "n0.md").unlink()
        _pump(app, lambda: "n0.md" not in notes.paths(), seconds=10)
        _pump(app, lambda: False, seconds=1.0)
        assert len(notes.paths()) == 1000
        assert sorted(heard) == sorted([f"n{number}.md" for number in range(1000)] + ["own.md"])


def _pump(app, until, *, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        app.update()
        time.sleep(0.02)
