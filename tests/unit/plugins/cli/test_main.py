import importlib.metadata
import subprocess
import sys

import pytest

from tickwright.ecs_core import TickwrightError
from tickwright.plugins.cli import main as cli
from tickwright.plugins.cli.output import Printer, fail


def status(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    return int(stopped.value.code or 0)


def test_version_and_help(capsys):
    assert status("--version") == 0
    assert capsys.readouterr().out.strip() == importlib.metadata.version("tickwright")
    assert status() == 0
    bare = capsys.readouterr().out
    assert status("--help") == 0
    assert capsys.readouterr().out == bare
    assert all(f"\n  {command} " in bare for command in ("doctor", "notes", "plugin", "run"))


def test_unknown_commands_and_options_are_status_2(capsys):
    assert status("dance") == 2
    assert "No such command 'dance'" in capsys.readouterr().err
    assert status("doctor", "--dance") == 2


def test_a_pipe_gets_neither_colours_nor_boxes():
    ran = subprocess.run(
        [sys.executable, "-c", "from tickwright.plugins.cli.main import main; main(['doctor', '--help'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b" not in ran.stdout
    assert ran.stdout.isascii()


def test_the_traceback_can_be_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("TICKWRIGHT_TRACEBACK", "1")
    with pytest.raises(TickwrightError, match="does not exist"):
        cli.main(["run", str(tmp_path / "none")])


def test_plain_tables_are_aligned_and_numbers_stand_right(capsys):
    printer = Printer()
    printer.heading("Heads")
    printer.fields({"a": 1, "long": "x"})
    printer.table(("name", "count"), [("a", 1), ("bcd", 1200)])
    printer.text("stream")
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["", "Heads", "  a     1", "  long  x", "  name  count", "  a         1", "  bcd   1,200", "stream"]


def test_what_a_model_or_note_says_does_not_steer_the_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    printer = Printer()
    said = "a\x1b]52;c;AAAA\x07\x1b[31m\x9b2J\rb\tc\nd"
    printer.heading(said)
    printer.line(said)
    printer.fields({"x": said})
    printer.table(("y",), [(said,)])
    printer.text(said)
    out = capsys.readouterr().out
    assert out.count("]52;c;AAAA[31m2Jb") == 5
    assert not set("\x07\x9b\r") & set(out)
    assert "\x1b]" not in out
    assert "\x1b[31m" not in out


def test_a_quiet_printer_prints_nothing(capsys):
    printer = Printer(quiet=True)
    printer.heading("a")
    printer.line("b")
    printer.fields({"c": 1})
    printer.table(("d",), [(1,)])
    printer.text("e")
    assert capsys.readouterr().out == ""


def test_errors_without_parts_are_told_too(capsys):
    assert fail(OSError(13, "Permission denied", "x"), as_json=True).exit_code == 2
    assert "Permission denied" in capsys.readouterr().err
    assert fail(ValueError("a\x1b]0;b\x07\nc")).exit_code == 2
    assert capsys.readouterr().err == "error: a]0;b\nc\n"
