"""Demonstrates links that wait for their target, backlinks, and search."""

from tickwright.ecs_core import App
from tickwright.systems.notes import Notes, NotesPlugin

with App().add_plugins(NotesPlugin()) as app:
    notes = app.world.resource(Notes)
    notes.save("Daily/Monday.md", "Read about [[Tides]] with [[Maud]].")
    print("waiting for:", [link.ref.target for link in notes.unresolved()])
    notes.save("Research/Tides.md", "# Tides\nThe moon pulls twice a day. #water")
    print("Monday leads to:", [hit.path for hit in notes.linked("Monday")])
    print("Tides is named by:", notes.backlinks("Tides"))
    print("found:", [hit.path for hit in notes.search("moon twice")])

# Output:
# waiting for: ['Tides', 'Maud']
# Monday leads to: ['Research/Tides.md']
# Tides is named by: ['Daily/Monday.md']
# found: ['Research/Tides.md']
