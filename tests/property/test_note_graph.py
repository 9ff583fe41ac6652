"""The link graph and the catalogue equal a rebuild from scratch, and a cancelled save changes nothing."""

from hypothesis import example, given
from hypothesis import strategies as st

from tickwright.ecs_core import App, Query
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.notes import Block, Link, LinkGraph, Note, Notes, NotesPlugin, Tag, parse_note, scan

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


def _rows(app, notes):
    """What the entities say, by path."""
    world = app.world
    paths = {notes.entity(path): path for path in notes.paths()}
    found = {row.path: [row.hash, [], [], 0] for row in world.query(Query[Note]).rows()}
    for link in sorted(world.query(Query[Link]).rows(), key=lambda link: link.index):
        found[paths[link.source]][1].append((link.name, paths.get(link.target)))
    for tag in world.query(Query[Tag]).rows():
        found[paths[tag.note]][2].append(tag.name)
    for block in world.query(Query[Block]).rows():
        found[paths[block.note]][3] += 1
    return found


def _expected_rows(notes):
    return {
        record.path: [
            record.hash,
            [(link.ref.target, link.target) for link in notes.links(record.path)],
            list(record.tags),
            len(record.headings) + len(record.anchors),
        ]
        for record in notes.records()
    }


def _request(notes, step):
    verb, path, other = step
    if verb == "save":
        notes.request_save(path, other)
    elif verb == "delete":
        notes.request_delete(path)
    else:
        notes.request_rename(path, other)


def _apply(notes, step):
    verb, path, other = step
    if verb == "save":
        notes.save(path, other)
    elif verb == "delete" and path in notes.catalog:
        notes.delete(path)
    elif verb == "rename" and path in notes.catalog and other not in notes.catalog:
        notes.rename(path, other)


def _everything(app, notes):
    texts = {path: notes.store.read(path) for path in notes.store.paths()}
    return _state(notes), texts, notes.search("nick", 9), _rows(app, notes)


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
        assert _rows(app, notes) == _expected_rows(notes)
        assert len(notes.catalog.words) == len(notes.paths()) == len(list(notes.store.paths()))


def _within(notes, start, depth):
    """Path -> distance, by widening circles."""
    near = {start: 0}
    for distance in range(1, depth + 1):
        edge = [path for path, at in near.items() if at == distance - 1]
        targets = [link.target for path in edge for link in notes.links(path) if link.target is not None]
        near.update({target: distance for target in targets if target not in near})
    del near[start]
    return near


@given(steps, st.sampled_from(PATHS), st.integers(0, 4))
def test_linked_is_breadth_first_and_backlinks_are_links_turned_round(sequence, start, depth):
    with App() as app:
        app.add_plugins(NotesPlugin())
        notes = app.world.resource(Notes)
        for step in [*sequence, ("save", start, "[[a]] [[b]] [[x/a]]")]:
            _apply(notes, step)
        found = [(hit.path, round(1 / hit.score)) for hit in notes.linked(start, depth)]
        assert dict(found) == _within(notes, start, depth)
        assert [distance for _, distance in found] == sorted(distance for _, distance in found)
        sources = {path for path in notes.paths() if start in {link.target for link in notes.links(path)}} - {start}
        assert notes.backlinks(start) == sorted(sources)


@given(st.lists(steps, min_size=1, max_size=3))
@example([[("save", "a.md", ""), ("save", "b.md", ""), ("rename", "a.md", "b.md"), ("delete", "a.md", "")]])
def test_queued_requests_do_what_the_same_calls_do_at_once(ticks):
    with App() as queued, App() as direct:
        for app in (queued, direct):
            app.add_plugins(HooksPlugin(), NotesPlugin())
        later, now = queued.world.resource(Notes), direct.world.resource(Notes)
        for sequence in ticks:
            for step in sequence:
                _request(later, step)
                _apply(now, step)
            queued.update()
            assert _state(later) == _state(now)
            assert {path: later.store.read(path) for path in later.store.paths()} == {
                path: now.store.read(path) for path in now.store.paths()
            }
            assert _rows(queued, later) == _expected_rows(now)


@given(steps)
def test_rows_written_after_a_querys_loop_are_the_same(sequence):
    with App() as app:
        app.add_plugins(NotesPlugin())
        notes = app.world.resource(Notes)
        with app.world.iteration():
            for step in sequence:
                _apply(notes, step)
        notes.entity("a.md")
        assert _rows(app, notes) == _expected_rows(notes)


@given(steps, st.sampled_from(PATHS), texts)
def test_a_cancelled_save_leaves_store_and_catalogue_unchanged(sequence, path, text):
    with App() as app:
        app.add_plugins(HooksPlugin(), NotesPlugin())
        notes = app.world.resource(Notes)
        for step in sequence:
            _apply(notes, step)
        app.update()
        before = _everything(app, notes)
        heard = []
        hooks = app.world.resource(Hooks)
        hooks.on("note:saved", lambda e, c: heard.append(e))
        hooks.on("note:before_save", lambda e, c: HookResult(cancel=True, reason="no"))
        assert notes.save(path, text).cancelled
        app.update()
        assert (_everything(app, notes), heard) == (before, [])


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
