"""Demonstrates notes as entities: links and tags as rows, and a component of your own on a note."""

from collections import Counter

from tickwright import App, Entity, Query, component, i32
from tickwright.systems.notes import Link, Note, Notes, NotesPlugin, Tag


@component
class Read:
    times: i32 = 0


with App() as app:
    app.add_plugins(NotesPlugin())
    notes, world = app.world.resource(Notes), app.world
    notes.save("Mud.md", "[[Tides]] and [[Salt]] #soil")
    notes.save("Tides.md", "back to [[Mud]] #sea #soil")

    print(Counter(tag.name for tag in world.query(Query[Tag]).rows()))
    print("unresolved:", [link.name for link in world.query(Query[Link]).rows() if not link.target])

    mud = notes.entity("Mud.md")
    assert mud is not None
    world.insert(mud, Read(times=3))
    notes.rename("Mud.md", "Archive/Mud.md")  # a note keeps its entity
    for note, read in world.query(Query[tuple[Note, Read]]).rows():
        print(note.path, "read", read.times, "times")
    ids: dict[Entity, str] = {entity: note.path for entity, note in world.query(Query[tuple[Entity, Note]]).rows()}
    print("links to it from:", [ids[link.source] for link in world.query(Query[Link]).rows() if link.target == mud])

# Output:
# Counter({'soil': 2, 'sea': 1})
# unresolved: ['Salt']
# Archive/Mud.md read 3 times
# links to it from: ['Tides.md']
