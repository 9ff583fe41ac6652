"""Notes in snapshots: rows and texts come back; what differs on disk is an edit from outside."""

from contextlib import ExitStack

import pytest

from tickwright.ecs_core import App, Entity, ManualClock, Query, component
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.notes import Frontmatter, Link, Note, Notes, NotesPlugin


@component
class Pinned:
    by: Entity = Entity(0)


@pytest.fixture
def make():
    with ExitStack() as stack:

        def build(vault=None):
            app = stack.enter_context(App(clock=ManualClock(start_ms=5)))
            app.add_plugins(HooksPlugin(), NotesPlugin(), *([] if vault is None else [VaultPlugin(vault)]))
            app.world.components.number(Pinned)
            heard = []
            hooks = app.world.resource(Hooks)
            for name in ("saved", "deleted"):
                hooks.on(f"note:{name}", lambda event, ctx: heard.append((event.event_name, event.path)), desc=name)
            return app, app.world.resource(Notes), heard

        yield build


def test_notes_in_memory_come_back_with_their_entities(make):
    app, notes, _ = make()
    notes.save("a.md", "---\nn: 1\n---\n# A\n[[b]] violin")
    notes.save("b.md", b"caf\xe9 [[\xff]]")
    app.world.insert(notes.entity("a.md"), Pinned(notes.entity("b.md")))
    app.update()
    other, others, heard = make()
    others.save("gone.md", "never was")
    other.update()
    heard.clear()
    other.restore(app.snapshot())
    assert others.paths() == ["a.md", "b.md"]
    assert others.get("b.md").content.encode("utf-8", "surrogateescape") == b"caf\xe9 [[\xff]]"
    assert [hit.path for hit in others.search("violin")] == ["a.md"]
    assert others.backlinks("b") == ["a.md"]
    a, b = others.entity("a.md"), others.entity("b.md")
    assert other.world.get(a, Pinned).by == b == notes.entity("b.md")
    assert other.world.get(a, Frontmatter).data == {"n": 1}
    assert other.world.digest() == app.world.digest()
    other.update()
    assert heard == []
    others.delete("b.md")
    assert [link.target for link in other.world.query(Query[Link]).rows()] == [0]


def test_queued_requests_and_events_go_on_after_a_restore(make):
    app, notes, _ = make()
    notes.save("a.md", "# One\n\ntext")
    notes.request_save("b.md", b"\xff raw")
    data = app.snapshot()
    other, others, heard = make()
    parsed = []
    other.world.resource(Hooks).on(
        "note:parsed", lambda event, ctx: parsed.append((event.path, [block.kind for block in event.blocks]))
    )
    other.restore(data)
    mine = others.request_save("c.md", "mine")
    other.update()
    assert heard == [("note:saved", "a.md"), ("note:saved", "b.md"), ("note:saved", "c.md")]
    assert parsed[0] == ("a.md", ["heading", "paragraph"])
    assert mine.outcome.path == "c.md"
    assert others.get("b.md").content == "\udcff raw"


def test_what_changed_in_the_folder_meanwhile_is_an_edit_from_outside(make, tmp_path):
    for name in ("same", "edited", "deleted"):
        (tmp_path / f"{name}.md").write_text(f"[[{name}]] [[new]]")
    app, notes, _ = make(tmp_path)
    edited = notes.entity("edited.md")
    data = app.snapshot()
    assert b"[[same]]" not in data
    (tmp_path / "edited.md").write_text("now this")
    (tmp_path / "deleted.md").unlink()
    (tmp_path / "new.md").write_text("new")
    other, others, heard = make(tmp_path)
    other.restore(data)
    other.update()
    assert heard == [("note:saved", "edited.md"), ("note:saved", "new.md"), ("note:deleted", "deleted.md")]
    assert others.entity("edited.md") == edited
    assert {note.path for note in other.world.query(Query[Note]).rows()} == {"same.md", "edited.md", "new.md"}
    links = {(link.name, link.target) for link in other.world.query(Query[Link]).rows()}
    assert links == {("same", others.entity("same.md")), ("new", others.entity("new.md"))}
