"""Bad input: one message that names file and line, exit status 2, and nothing written."""

import json
from pathlib import Path

import pytest

from tickwright.plugins.cli.main import main
from tickwright.plugins.vault import DiskStore

GOOD = """
local P = {}
function P.init(ctx) ctx:on("note:saved", function() return nil end) end
return P
"""
SYNTAX = "local P = {}\nfunction P.init(ctx\nreturn P\n"
RAISES = "local P = {}\nfunction P.init(ctx)\n    local x = nil\n    x.y = 1\nend\nreturn P\n"
SAVE = '{"do": "save", "path": "new.md", "content": "text"}\n'


@pytest.fixture
def vault(tmp_path) -> Path:
    folder = tmp_path / "vault"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n[[b]]\n")
    (folder / "b.md").write_text("# B\n")
    return folder


@pytest.fixture
def plugins(tmp_path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "good.luau").write_text(GOOD)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run(capsys, *words: object) -> tuple[int, str, str]:
    """Run the command line in this process; return exit status, stdout and stderr."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def assert_refused(capsys, before: Path, *words: object) -> str:
    """Check status 2, one line on stderr, no traceback, nothing on stdout, no file changed; return the message."""
    kept = files(before)
    status, out, err = run(capsys, *words)
    assert status == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert files(before) == kept
    return err


def test_good_input_is_taken(capsys, vault, plugins, tmp_path):
    (tmp_path / "do.jsonl").write_text(SAVE)
    status, out, _ = run(capsys, "run", vault, "--plugins", plugins, "--do", tmp_path / "do.jsonl", "--json")
    assert status == 0
    assert json.loads(out)["answers"][0]["result"]["saved"] is True
    assert (vault / "new.md").read_text() == "text"


def test_a_missing_vault(capsys, plugins, tmp_path):
    message = assert_refused(capsys, tmp_path, "run", tmp_path / "none", "--plugins", plugins)
    assert "does not exist" in message
    assert str(tmp_path / "none") in message
    assert "expected a folder of Markdown files" in message


def test_a_file_where_a_vault_should_be(capsys, vault):
    assert "is no folder" in assert_refused(capsys, vault, "run", vault / "a.md")


def test_a_binary_note_is_named_with_its_line(capsys, vault):
    (vault / "photo.md").write_bytes(b"\x89PNG\n\x1a\n\0\0")
    message = assert_refused(capsys, vault, "run", vault)
    assert "(photo.md:3)" in message
    assert "expected text" in message


def test_an_unreadable_note_is_named(capsys, vault, monkeypatch):
    read = DiskStore.read

    def refuse(self, path):
        if path == "b.md":
            raise PermissionError(13, "Permission denied", path)
        return read(self, path)

    monkeypatch.setattr(DiskStore, "read", refuse)
    message = assert_refused(capsys, vault, "run", vault)
    assert "'b.md': Permission denied (b.md)" in message


def test_invalid_frontmatter_is_kept_and_told(capsys, vault):
    (vault / "odd.md").write_text("---\ntitle: [\n---\n# Odd\n")
    kept = files(vault)
    status, out, _ = run(capsys, "run", vault, "--json")
    report = json.loads(out)
    assert status == 0
    assert report["notes"] == 3
    assert len(report["notes_with_errors"]) == 1
    assert report["notes_with_errors"][0].startswith("odd.md:3: invalid frontmatter")
    assert files(vault) == kept


@pytest.mark.parametrize(
    ("source", "place", "what"),
    [(SYNTAX, "bad.luau:3", "expected"), (RAISES, "bad.luau:4", "nil")],
    ids=["syntax error", "raises in init"],
)
def test_a_broken_plugin_is_named_with_its_line(capsys, vault, plugins, tmp_path, source, place, what):
    (plugins / "bad.luau").write_text(source)
    (tmp_path / "do.jsonl").write_text(SAVE)
    state = tmp_path / "state"
    message = assert_refused(
        capsys, vault, "run", vault, "--plugins", plugins, "--do", tmp_path / "do.jsonl", "--state", state
    )
    assert "plugin 'bad'" in message
    assert place in message
    assert what in message
    assert not state.exists()


def test_a_missing_plugin_folder(capsys, vault, tmp_path):
    message = assert_refused(capsys, vault, "run", vault, "--plugins", tmp_path / "none")
    assert "no such plugin file or folder" in message


def test_a_wrong_request_is_named_with_its_line_before_any_is_done(capsys, vault, tmp_path):
    (tmp_path / "do.jsonl").write_text(SAVE + '\n{"do": "sing"}\n')
    message = assert_refused(capsys, vault, "run", vault, "--do", tmp_path / "do.jsonl")
    assert "do.jsonl:3" in message
    assert "sing" in message


def test_a_request_that_fails_is_named_and_the_others_are_done_and_kept(capsys, vault, tmp_path):
    lines = (SAVE, '{"do": "save", "path": "../out.md", "content": ""}\n', SAVE.replace("new.md", "last.md"))
    (tmp_path / "do.jsonl").write_text("".join(lines))
    state = tmp_path / "state"
    status, out, _ = run(capsys, "run", vault, "--do", tmp_path / "do.jsonl", "--state", state, "--json")
    report = json.loads(out)
    assert status == 1
    assert len(report["failures"]) == 1
    assert report["failures"][0].startswith(f"{tmp_path / 'do.jsonl'}:2: not a path of a note")
    assert [sorted(answer["result"])[0] for answer in report["answers"]] == ["cancelled", "error", "cancelled"]
    assert (vault / "new.md").exists()
    assert (vault / "last.md").exists()
    assert state.exists()


@pytest.mark.parametrize("place", ["none/state", "vault"], ids=["no such folder", "a folder"])
def test_a_place_where_no_state_can_be_kept_is_refused_before_anything_is_done(capsys, vault, tmp_path, place):
    (tmp_path / "do.jsonl").write_text(SAVE)
    message = assert_refused(capsys, tmp_path, "run", vault, "--do", tmp_path / "do.jsonl", "--state", tmp_path / place)
    assert "the state cannot be kept" in message


def test_no_tests_are_told(capsys, vault):
    assert "there are no tests" in assert_refused(capsys, vault, "plugin", "test", vault)


@pytest.mark.parametrize("words", [("search", "a", "--limit", 0), ("links", "a", "--depth", -1)])
def test_a_search_for_nothing_is_refused(capsys, vault, words):
    status, out, err = run(capsys, "notes", words[0], vault, *words[1:])
    assert (status, out) == (2, "")
    assert "greater than or equal to 1" in err


def test_a_torn_state_file(capsys, vault, tmp_path):
    (tmp_path / "state").write_bytes(b"torn")
    message = assert_refused(capsys, tmp_path, "run", vault, "--state", tmp_path / "state")
    assert "no snapshot" in message
    assert f"--state {tmp_path / 'state'}" in message


def test_an_unknown_provider(capsys, vault, tmp_path):
    (tmp_path / "do.jsonl").write_text(SAVE)
    message = assert_refused(capsys, vault, "run", vault, "--do", tmp_path / "do.jsonl", "--provider", "oracle")
    assert "no provider 'oracle'" in message
    assert "expected extractive, local" in message


def test_modes_exclude_each_other(capsys, vault):
    assert "exclude each other" in assert_refused(capsys, vault, "run", vault, "--ticks", 3, "--until-idle")


def test_machines_get_the_parts(capsys, tmp_path):
    status, out, err = run(capsys, "run", tmp_path / "none", "--json")
    error = json.loads(err)["error"]
    assert (status, out) == (2, "")
    assert error["type"] == "VaultError"
    assert all(error[part] for part in ("what", "where", "expected", "todo"))


def test_a_handler_that_fails_is_told_with_status_1(capsys, vault, plugins, tmp_path):
    (plugins / "late.luau").write_text(
        'local P = {}\nfunction P.init(ctx)\n    ctx:on("note:saved", P.late)\nend\n'
        'function P.late(event, ctx)\n    error("too late")\nend\nreturn P\n'
    )
    (tmp_path / "do.jsonl").write_text(SAVE)
    status, out, _ = run(capsys, "run", vault, "--plugins", plugins, "--do", tmp_path / "do.jsonl", "--json")
    failures = json.loads(out)["failures"]
    assert status == 1
    assert "late.luau:6" in failures[0]
    assert (vault / "new.md").exists()
