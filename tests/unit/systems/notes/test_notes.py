import pytest

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.contracts.ports import LinkSource, NoteStore
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.notes import (
    NoteExistsError,
    NoteNotFoundError,
    NotePathError,
    Notes,
    NotesPlugin,
    NoteWriteError,
    SaveOutcome,
)


@pytest.fixture
def app():
    with App(clock=ManualClock(start_ms=1000)) as app:
        app.add_plugins(HooksPlugin(), NotesPlugin())
        yield app


@pytest.fixture
def notes(app):
    return app.world.resource(Notes)


def test_a_saved_note_is_read_back_with_its_bytes(notes):
    assert notes.save("a/b.md", b"\xff raw") == SaveOutcome(saved=True, path="a/b.md")
    assert notes.get("a/b.md").content.encode("utf-8", "surrogateescape") == b"\xff raw"
    assert notes.get("none.md") is None


def test_saved_and_parsed_follow_in_the_next_tick_with_blocks(app, notes):
    heard = []
    app.world.resource(Hooks).on("note:saved", lambda event, ctx: heard.append((event.path, "saved")))
    app.world.resource(Hooks).on(
        "note:parsed", lambda event, ctx: heard.append((event.path, [block.kind for block in event.blocks]))
    )
    notes.save("a.md", "# One\n\ntext")
    app.update()
    assert heard == [("a.md", "saved"), ("a.md", ["heading", "paragraph"])]


def test_a_cancelled_save_says_why_and_changes_nothing(app, notes):
    app.world.resource(Hooks).on("note:before_save", lambda e, c: HookResult(cancel=True, reason="no"))
    assert notes.save("a.md", "x") == SaveOutcome(saved=False, cancelled=True, reason="no", path="a.md")
    assert (notes.paths(), list(notes.store.paths())) == ([], [])


def test_a_handler_may_change_text_and_path_and_the_path_is_checked_again(app, notes):
    hooks = app.world.resource(Hooks)
    first = hooks.on("note:before_save", lambda e, c: HookResult(payload={"path": "moved/a.md", "content": "stamped"}))
    assert notes.save("a.md", "x").path == "moved/a.md"
    assert notes.get("moved/a.md").content == "stamped"
    first.off()
    hooks.on("note:before_save", lambda e, c: HookResult(payload={"path": "../out.md"}))
    with pytest.raises(NotePathError, match="leads out"):
        notes.save("b.md", "x")
    assert notes.paths() == ["moved/a.md"]


def test_queued_requests_are_processed_in_the_tick_in_order(app, notes):
    saved = notes.request_save("a.md", "x")
    renamed = notes.request_rename("a.md", "b.md")
    deleted = notes.request_delete("none.md")
    assert (saved.outcome, notes.waiting) == (None, 3)
    app.update()
    assert (saved.outcome.saved, renamed.outcome.path) == (True, "b.md")
    assert (deleted.outcome.saved, "none.md" in deleted.outcome.reason) == (False, True)
    assert notes.paths() == ["b.md"]


def test_notes_work_without_hooks():
    with App() as app:
        app.add_plugins(NotesPlugin())
        notes = app.world.resource(Notes)
        ticket = notes.request_save("a.md", "x")
        app.update()
        assert ticket.outcome.saved
        assert app.world.resource(LinkSource) is notes


def test_rename_asks_both_guards_and_never_overwrites(app, notes):
    notes.save("a.md", "x")
    notes.save("b.md", "y")
    with pytest.raises(NoteExistsError):
        notes.rename("a.md", "b.md")
    asked = []
    for name in ("note:before_save", "note:before_delete"):
        app.world.resource(Hooks).on(name, lambda e, c: asked.append((e.name_of_event, e.path)))
    assert notes.rename("a.md", "c.md").saved
    assert asked == [("note:before_save", "c.md"), ("note:before_delete", "a.md")]
    assert notes.paths() == ["b.md", "c.md"]
    with pytest.raises(NoteNotFoundError):
        notes.delete("a.md")


class _FullStore:
    def __init__(self, inner):
        self.inner = inner

    def write(self, path, data):
        raise OSError(28, "No space left on device")

    def __getattr__(self, name):
        return getattr(self.inner, name)


def test_a_full_disk_is_one_typed_error_and_changes_nothing(app, notes):
    notes.save("a.md", "old")
    app.insert_resource(_FullStore(notes.store), as_type=NoteStore)
    with pytest.raises(NoteWriteError, match=r"cannot write 'a\.md': No space left"):
        notes.save("a.md", "new")
    assert notes.get("a.md").content == "old"
    ticket = notes.request_save("a.md", "new")
    app.update()
    assert not ticket.outcome.saved
    assert "No space left" in ticket.outcome.reason


def test_links_are_kept_until_their_target_appears(notes):
    notes.save("a.md", "see [[Later]] and [[b/c|other]]")
    assert [link.target for link in notes.links("a.md")] == [None, None]
    notes.save("x/later.md", "")
    notes.save("b/c.md", "[[a]]")
    assert [link.target for link in notes.links("a.md")] == ["x/later.md", "b/c.md"]
    assert notes.backlinks("a") == ["b/c.md"]
    assert [hit.path for hit in notes.linked("b/c.md", 2)] == ["a.md", "x/later.md"]
    notes.delete("x/later.md")
    assert [link.ref.target for link in notes.unresolved()] == ["Later"]


def test_search_puts_notes_with_every_word_first(notes):
    notes.save("one.md", "salt " * 30)
    notes.save("both.md", "salt and marsh grasses far away from here")
    assert [hit.path for hit in notes.search("salt marsh")] == ["both.md", "one.md"]
    assert notes.search('"(* ^:') == []
    notes.save("cjk.md", "塩性湿地の復元")
    assert [hit.path for hit in notes.search("湿地")] == ["cjk.md"]
    notes.delete("both.md")
    assert [hit.path for hit in notes.search("salt marsh")] == ["one.md"]


def test_recent_is_newest_first_within_a_folder(app, notes):
    for path in ("r/a.md", "r/b.md", "s/c.md"):
        notes.save(path, path)
        app.update()
    assert [hit.path for hit in notes.recent("r")] == ["r/b.md", "r/a.md"]
    assert [hit.path for hit in notes.recent(limit=1)] == ["s/c.md"]


class _Letters:
    def embed(self, texts):
        return [[text.count("a"), text.count("b"), 1.0] for text in texts]


def test_an_embedder_has_a_second_opinion(notes):
    notes.save("a.md", "aaaa")
    notes.save("b.md", "bbbb")
    notes.use_embedder(_Letters())
    assert [hit.path for hit in notes.search("aaa", limit=1)] == ["a.md"]
    notes.save("c.md", "bbbbb")
    notes.delete("b.md")
    assert [(hit.path, hit.by) for hit in notes.search("bb", limit=1)] == [("c.md", "meaning")]


@pytest.mark.parametrize(
    "path", ["", "../a.md", "/a.md", "a/../b.md", "C:/a.md", "a\\b.md", "a//b.md", "./a.md", ".git/a.md", "a", "a\n.md",
             ".md", "x" * 260 + ".md", "\ud800.md"],
)  # fmt: skip
def test_paths_that_are_none_are_refused(notes, path):
    with pytest.raises(NotePathError):
        notes.save(path, "x")
    assert notes.paths() == []
