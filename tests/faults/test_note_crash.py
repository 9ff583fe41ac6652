"""Killed while saving, a note is the old one or the new one, never a torn one."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tickwright.ecs_core import App
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.notes import Notes, NoteWriteError

SAVE_FOREVER = """
import sys
from tickwright.ecs_core import App
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.notes import Notes
notes = App().add_plugins(VaultPlugin(sys.argv[1])).world.resource(Notes)
print("ready", flush=True)
while True:
    for letter in "ab":
        notes.save("note.md", letter * 300_000)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_during_saves_leaves_a_whole_note(tmp_path):
    for round_ in range(5):
        child = subprocess.Popen([sys.executable, "-c", SAVE_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.05 + round_ * 0.013)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        with App() as app:
            app.add_plugins(VaultPlugin(tmp_path))
            content = app.world.resource(Notes).get("note.md").content
            assert content in ("a" * 300_000, "b" * 300_000)
            assert [path.name for path in tmp_path.iterdir()] == ["note.md"]


def test_a_read_only_note_is_refused_and_kept(tmp_path, monkeypatch):
    (tmp_path / "a.md").write_text("old")
    with App() as app:
        app.add_plugins(VaultPlugin(tmp_path))
        monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everything
        with pytest.raises(NoteWriteError, match="read-only"):
            app.world.resource(Notes).save("a.md", "new")
    assert (tmp_path / "a.md").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]
