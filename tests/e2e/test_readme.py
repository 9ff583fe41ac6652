"""The README promises two commands, a short system and a short plugin."""

import re
from pathlib import Path

import pytest

from tickwright import App, DefaultPlugins
from tickwright.plugins.lua import LuaPlugins
from tickwright.systems.notes import Notes

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def code_lines(source: str, comment: str) -> int:
    return sum(bool(line.strip()) and not line.startswith(comment) for line in source.splitlines())


def test_what_it_is_takes_three_sentences():
    paragraph = README.split("\n\n")[1]
    assert len(re.findall(r"\.(?:\s|$)", paragraph)) == 3


def test_its_commands_are_there():
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"make (\w+)", README):
        assert f"\n{command}:" in makefile, command


def test_its_system_is_short_and_prints_what_it_says(capsys):
    source = block("python")
    assert code_lines(source, "#") <= 15
    exec(compile(source, "README.md", "exec"), {"__name__": "readme"})
    said = re.search(r"# ([\d.]+)$", source, re.MULTILINE)
    assert said is not None
    assert capsys.readouterr().out.strip() == said.group(1)


@pytest.fixture
def notes(tmp_path):
    (tmp_path / "titles.luau").write_text(block("luau"))
    with App().add_plugins(DefaultPlugins(), LuaPlugins(tmp_path)) as app:
        yield app.world.resource(Notes)


def test_its_plugin_is_short_and_guards_titles(notes):
    assert code_lines(block("luau"), "--") <= 15
    refused = notes.save("Projects/a.md", "no title")
    assert (refused.saved, refused.reason) == (False, "a project's note starts with its title")
    assert notes.save("Projects/a.md", "# Title").saved
    assert notes.get("Projects/a.md").content == "# Title\n"
    assert notes.save("elsewhere.md", "no title").saved


def test_every_folder_it_names_is_there():
    for name in re.findall(r"`([\w/]+)/`", README):
        assert (ROOT / name).is_dir(), name
