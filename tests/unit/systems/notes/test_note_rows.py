"""Notes, links, tags and blocks are rows that can be queried, and they follow every change."""

import pytest

from tickwright.ecs_core import Added, App, Changed, Entity, EventWriter, ManualClock, Query, Update, World
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.notes import Block, Frontmatter, Link, Note, NoteRequest, Notes, NotesPlugin, Tag

TEXT = "---\ntags: [soil]\nage: 3\n---\n# Mud\n\nSee [[Tides#Spring|tides]] and ![[Mud]]. #open\n\nend ^last\n"


@pytest.fixture
def app():
    with App(clock=ManualClock(start_ms=1000)) as app:
        app.add_plugins(HooksPlugin(), NotesPlugin())
        yield app


@pytest.fixture
def notes(app):
    return app.world.resource(Notes)


def rows(app, kind):
    return list(app.world.query(Query[kind]).rows())


def test_a_note_is_an_entity_with_rows_for_what_is_in_it(app, notes):
    notes.save("Mud.md", TEXT)
    mud = notes.entity("Mud.md")
    note = app.world.get(mud, Note)
    record = notes.get("Mud.md").record
    assert (note.path, note.size, note.modified_ms, note.hash) == ("Mud.md", len(TEXT), 1000, record.hash)
    assert app.world.get(mud, Frontmatter) == Frontmatter({"tags": ["soil"], "age": 3})
    links = rows(app, Link)
    assert [(link.source, link.target, link.index, link.name, link.anchor, link.kind, link.line) for link in links] == [
        (mud, 0, 0, "Tides", "Spring", "wiki", 7),
        (mud, mud, 1, "Mud", "", "embed", 7),
    ]
    assert [(tag.note, tag.name) for tag in rows(app, Tag)] == [(mud, "soil"), (mud, "open")]
    assert [(block.kind, block.name, block.level, block.line) for block in rows(app, Block)] == [
        ("heading", "Mud", 1, 5),
        ("id", "last", 0, 9),
    ]


def test_unresolved_links_lead_to_their_target_once_it_appears_and_back(app, notes):
    notes.save("Mud.md", "[[Tides]]")
    (link,) = rows(app, Link)
    notes.save("Tides.md", "here")
    assert link.target == notes.entity("Tides.md")
    notes.delete("Tides.md")
    assert link.target == 0
    assert [row.path for row in rows(app, Note)] == ["Mud.md"]


def test_a_save_and_a_rename_keep_the_entity(app, notes):
    notes.save("a.md", "one [[b]]")
    notes.save("b.md", "back [[a]]")
    entity = notes.entity("a.md")
    notes.save("a.md", "two")
    notes.rename("a.md", "sub/a.md")
    assert notes.entity("sub/a.md") == entity
    assert notes.entity("a.md") is None
    assert app.world.get(entity, Note).path == "sub/a.md"
    assert [link.target for link in rows(app, Link)] == [entity]


def test_frontmatter_comes_and_goes_with_the_text(app, notes):
    notes.save("a.md", "---\na: 1\n---\n")
    assert app.world.get(notes.entity("a.md"), Frontmatter).data == {"a": 1}
    notes.save("a.md", "---\na: [\n---\n")
    assert "a.md:" in app.world.get(notes.entity("a.md"), Frontmatter).error
    notes.save("a.md", "none")
    assert not app.world.has(notes.entity("a.md"), Frontmatter)


def test_what_is_cancelled_leaves_the_world_as_it_was(app, notes):
    notes.save("a.md", TEXT)
    app.update()
    before = app.world.digest() if hasattr(app.world, "digest") else len(app.world)
    app.world.resource(Hooks).on("note:before_save", lambda e, c: HookResult(cancel=True, reason="no"))
    assert notes.save("a.md", "[[other]] #tag").cancelled
    assert notes.save("b.md", "[[other]] #tag").cancelled
    app.world.resource(Hooks).off(owner="")
    assert (app.world.digest() if hasattr(app.world, "digest") else len(app.world)) == before


def test_systems_hear_of_new_and_changed_notes_by_change_detection(app, notes):
    seen = []

    def watch(
        added: Query[Note, Added[Note]], changed: Query[Note, Changed[Note]], led: Query[Link, Changed[Link]]
    ) -> None:
        seen.append((sorted(row.path for row in added.rows()), sorted(row.path for row in changed.rows()), len(led)))

    app.add_systems(Update, watch)
    notes.save("a.md", "[[b]]")
    app.update()
    app.update()
    notes.save("b.md", "x")
    app.update()
    app.update()
    assert seen == [(["a.md"], ["a.md"], 1), ([], [], 0), (["b.md"], ["b.md"], 1), ([], [], 0)]


def test_saving_inside_a_querys_loop_writes_the_rows_after_it(app, notes):
    notes.save("a.md", "x")
    for _ in app.world.query(Query[Note]):
        assert notes.save("b.md", "[[a]]").saved
        assert notes.backlinks("a") == ["b.md"]
    assert {note.path for note in rows(app, Note)} == {"a.md"}
    app.update()
    assert {note.path for note in rows(app, Note)} == {"a.md", "b.md"}
    assert rows(app, Link)[0].target == notes.entity("a.md")


def test_a_despawned_note_comes_back_with_its_next_change(app, notes):
    notes.save("a.md", "x #tag")
    app.world.despawn(notes.entity("a.md"))
    notes.save("a.md", "y #tag")
    assert app.world.get(notes.entity("a.md"), Note).path == "a.md"
    assert len(rows(app, Tag)) == 1


def test_a_system_asks_for_a_save_by_an_event(app, notes):
    def save(requests: EventWriter[NoteRequest]) -> None:
        if not notes.paths():
            requests.send(NoteRequest(verb="save", path="a.md", content=b"by a system"))

    app.add_systems(Update, save)
    app.run(ticks=2)
    assert notes.get("a.md").content == "by a system"


def test_requests_are_asked_before_commit_and_told_after(app, notes):
    heard = []
    hooks = app.world.resource(Hooks)
    hooks.on("note:before_save", lambda event, ctx: heard.append(("before", event.path, notes.paths())))
    hooks.on("note:saved", lambda event, ctx: heard.append(("saved", event.path, notes.paths())))
    notes.request_save("a.md", "1")
    notes.request_save("b.md", "2")
    app.update()
    assert heard == [
        ("before", "a.md", []), ("before", "b.md", []),
        ("saved", "a.md", ["a.md", "b.md"]), ("saved", "b.md", ["a.md", "b.md"]),
    ]  # fmt: skip


def test_a_request_by_an_after_handler_is_done_in_the_same_tick(app, notes):
    def log(event, ctx):
        if event.path == "a.md":
            notes.request_save("log.md", "seen a")

    app.world.resource(Hooks).on("note:saved", log)
    notes.request_save("a.md", "x")
    app.update()
    assert notes.paths() == ["a.md", "log.md"]
    assert app.world.resource(Hooks).errors.total == 0


def test_requests_of_one_tick_build_on_each_other(app, notes):
    notes.save("old.md", "old")
    tickets = [
        notes.request_save("a.md", "one"),
        notes.request_rename("a.md", "b.md"),
        notes.request_delete("old.md"),
        notes.request_rename("b.md", "old.md"),
        notes.request_delete("a.md"),
        notes.request_save("a.md", "two"),
        notes.request_delete("a.md"),
    ]
    app.update()
    assert [ticket.outcome.saved for ticket in tickets] == [True, True, True, True, False, True, True]
    assert "no note 'a.md'" in tickets[4].outcome.reason
    assert {path: notes.get(path).content for path in notes.paths()} == {"old.md": "one"}
    assert [row.path for row in rows(app, Note)] == ["old.md"]


def test_a_change_that_cannot_be_written_makes_the_ones_built_on_it_fail(app, notes, monkeypatch):
    write = notes.store.write

    def full(path, data):
        if path == "a.md":
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(notes.store, "write", full)
    tickets = [notes.request_save("a.md", "x"), notes.request_rename("a.md", "b.md"), notes.request_save("c.md", "y")]
    app.update()
    assert [ticket.outcome.saved for ticket in tickets] == [False, False, True]
    assert "No space left" in tickets[0].outcome.reason
    assert notes.paths() == ["c.md"]


def test_a_rename_whose_text_cannot_be_written_is_undone(app, notes, monkeypatch):
    notes.save("a.md", "x")
    app.world.resource(Hooks).on("note:before_save", lambda e, c: HookResult(payload={"content": "stamped"}))

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notes.store, "write", full)
    with pytest.raises(Exception, match="No space left"):
        notes.rename("a.md", "b.md")
    assert (notes.paths(), list(notes.store.paths()), notes.get("a.md").content) == (["a.md"], ["a.md"], "x")


def test_rows_are_found_by_anybody_through_the_world(app, notes):
    notes.save("hub.md", "[[a]] [[b]]")
    notes.save("a.md", "#x")
    notes.save("b.md", "#x #y")

    def most_used_tag(world: World, tags: Query[tuple[Entity, Tag]]) -> str:
        names = [tag.name for _, tag in tags.rows()]
        return max(names, key=names.count)

    assert app.run_system(most_used_tag) == "x"
