"""The Lua blocks of the plugin API sketches, verbatim, loaded from files into a real app, on both engines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.lua import LuaPlugins
from tickwright.systems.contracts.events import NoteBeforeSave
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.tools import Tools, ToolsPlugin

RELATIVE = Path("..") / "shared" / "reference" / "plugin-api-sketches.md"


def sketch_blocks() -> list[str]:
    """Return the ```lua blocks, a fence counting only at the start of a line."""
    root = Path(__file__).parents[2]
    for place in (root, *root.parents):
        for page in (place / RELATIVE, place / Path(*RELATIVE.parts[1:])):
            if page.is_file():
                text = page.read_text(encoding="utf-8")
                return re.findall(r"^```lua\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return []


BLOCKS = sketch_blocks()
pytestmark = pytest.mark.skipif(not BLOCKS, reason=f"{RELATIVE} does not lie beside the checkout")


@pytest.fixture(params=["lua54", "luajit"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def make(name: str, block: int, *features: Any) -> App:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "init.luau").write_text(BLOCKS[block], encoding="utf-8")  # the text itself stays as it is
        (folder / "plugin.toml").write_text(f'[plugin]\nname = "{name}"\nengine = "{request.param}"\n')
        app = App(clock=ManualClock(start_ms=1_700_000_000_000))
        apps.append(app)
        app.add_plugins(HooksPlugin(), ToolsPlugin(), *features, LuaPlugins(folder))
        return app

    yield make
    for app in apps:
        app.close()


def test_there_are_three_blocks() -> None:
    assert len(BLOCKS) == 3
    assert [block.startswith("--!strict\n") for block in BLOCKS] == [True] * 3


class TestHooks:
    """Section 4.1."""

    def test_subscribes_with_priorities_and_a_pattern(self, load: Callable[..., App]) -> None:
        hooks = load("hooks", 0).world.resource(Hooks)
        found = [(row.event, row.priority, row.pattern) for row in rows(hooks)]
        assert found == [("note:before_save", -50, None), ("note:saved", 0, None), ("tool:after", 0, "search_*")]

    def test_cancels_an_empty_note_and_stamps_others(self, load: Callable[..., App]) -> None:
        hooks = load("hooks", 0).world.resource(Hooks)
        refused = hooks.dispatch("note:before_save", {"path": "a.md", "content": ""})
        assert (refused.cancelled, refused.reason) == (True, "Empty note not allowed")
        saved = hooks.dispatch("note:before_save", {"path": "a.md", "content": "text"})
        assert saved.event == NoteBeforeSave(path="a.md", content="text\n<!-- modified: 1700000000000 -->")

    def test_logs_a_save(self, load: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        hooks = load("hooks", 0).world.resource(Hooks)
        with caplog.at_level("INFO", logger="tickwright.plugin.hooks"):
            assert hooks.dispatch("note:saved", {"path": "a.md"}).errors == ()
        assert caplog.messages == ["Saved: a.md"]

    def test_tells_how_many_results_a_search_found(self, load: Callable[..., App]) -> None:
        app = load("hooks", 0)
        tools, payloads = app.world.resource(Tools), []
        app.world.resource(Hooks).on("custom:search_completed", lambda event, ctx: payloads.append(event.payload))
        tools.register("search_notes", lambda: {"results": ["a", "b", "c"]}, {"type": "object"})
        tools.register("other", lambda: {"results": ["a"]}, {"type": "object"})
        tools.call("search_notes")
        tools.call("other")
        for _ in range(3):
            app.update()
        assert payloads == [{"count": 3}]


def rows(hooks: Hooks) -> list[Any]:
    """The plugin's subscriptions, in the order in which they were made."""
    entries = [hooks._entries[int(each.id)] for each in hooks.subscriptions(owner="hooks")]
    found = []
    for entry in entries:
        pattern = entry.glob.text if entry.glob else None
        found.append(type("Row", (), {"event": entry.event, "priority": entry.order[0], "pattern": pattern}))
    return found
