"""The link graph and the catalogue equal a rebuild from scratch, and a cancelled save changes nothing."""

from hypothesis import example, given
from hypothesis import strategies as st

from tickwright.ecs_core import App
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.notes import LinkGraph, Notes, NotesPlugin, parse_note, scan

PATHS = ["a.md", "b.md", "x/a.md", "x/b.md", "x/y/a.md", "X/C.md", "c.md"]
TARGETS = ["a", "A.md", "x/a", "y/a", "c", "nick", "../a", "missing", "b#head", "./b"]
texts = st.builds(
    lambda links, alias: (
        (f"---\naliases: [{alias}]\n---\n" if alias else "") + " ".join(f"[[{link}]]" for link in links)
    ),
    st.lists(st.sampled_from(TARGETS), max_size=4),
    st.sampled_from(["", "", "nick", "c"]),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("save"), st.sampled_from(PATHS), texts),
        st.tuples(st.just("delete"), st.sampled_from(PATHS), st.just("")),
        st.tuples(st.just("rename"), st.sampled_from(PATHS), st.sampled_from(PATHS)),
    ),
    max_size=12,
)


def _state(notes):
    return {
        path: (tuple(link.target for link in notes.links(path)), tuple(notes.backlinks(path))) for path in notes.paths()
    }


def _apply(notes, step):
    verb, path, other = step
    if verb == "save":
        notes.save(path, other)
    elif verb == "delete" and path in notes.catalog:
        notes.delete(path)
    elif verb == "rename" and path in notes.catalog and other not in notes.catalog:
        notes.rename(path, other)


NICK = "---\naliases: [nick]\n---\n"


@given(steps)
@example([("save", "a.md", "[[nick]]"), ("save", "b.md", NICK), ("save", "b.md", "")])  # an alias that goes
def test_the_graph_equals_a_rebuild_after_any_sequence(sequence):
    with App() as app:
        app.add_plugins(NotesPlugin())
        notes = app.world.resource(Notes)
        for step in sequence:
            _apply(notes, step)
        fresh = LinkGraph()
        fresh.put_many(parse_note(path, notes.store.read(path), 0)[0] for path in notes.store.paths())
        rebuilt = {
            path: (tuple(link.target for link in fresh.links(path)), tuple(fresh.backlinks(path)))
            for path in notes.paths()
        }
        assert _state(notes) == rebuilt
        assert len(notes.catalog.words) == len(notes.paths()) == len(list(notes.store.paths()))


@given(steps, st.sampled_from(PATHS), texts)
def test_a_cancelled_save_leaves_store_and_catalogue_unchanged(sequence, path, text):
    with App() as app:
        app.add_plugins(HooksPlugin(), NotesPlugin())
        notes = app.world.resource(Notes)
        for step in sequence:
            _apply(notes, step)
        app.update()
        before = (_state(notes), {each: notes.store.read(each) for each in notes.paths()}, notes.search("nick", 9))
        heard = []
        hooks = app.world.resource(Hooks)
        hooks.on("note:saved", lambda e, c: heard.append(e))
        hooks.on("note:before_save", lambda e, c: HookResult(cancel=True, reason="no"))
        assert notes.save(path, text).cancelled
        app.update()
        after = (_state(notes), {each: notes.store.read(each) for each in notes.paths()}, notes.search("nick", 9))
        assert (after, heard) == (before, [])


@given(st.text(alphabet=st.sampled_from("[]#|^!`~-\n\r ()a/\\.md>:é字\ufeff\udcff"), max_size=200))
def test_scanning_never_raises_and_lines_are_real(text):
    found = scan(text)
    lines = text.count("\n") + 1
    marks = [*found.links, *found.tags, *found.headings, *found.anchors]
    assert all(1 <= mark.line <= lines for mark in marks)


@given(st.binary(max_size=300))
def test_any_bytes_parse_and_come_back(data):
    record, text, _ = parse_note("a.md", b"---\n" + data + b"\n---\n" + data, 0)
    assert text.encode("utf-8", "surrogateescape").endswith(data)
    assert record.size == 2 * len(data) + 9
