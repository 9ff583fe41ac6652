"""The notes feature as a plugin, and its system."""

from __future__ import annotations

from tickwright.ecs_core import App, Plugin, Update, World
from tickwright.systems.contracts.events import Emitted
from tickwright.systems.contracts.ports import LinkSource
from tickwright.systems.contracts.sets import UpdateSet
from tickwright.systems.notes.manager import Notes

__all__ = ["NotesPlugin", "commit_notes"]


class NotesPlugin(Plugin):
    """Provide `Notes` (also as `LinkSource`), and process queued requests in the Commit set.

    The texts live in memory unless a `NoteStore` is inserted as a resource; the vault plugin does that.
    """

    @property
    def name(self) -> str:
        """The feature's name."""
        return "notes"

    def build(self, app: App) -> None:
        """Insert the manager and add the system."""
        app.add_event(Emitted)
        notes = Notes(app.world)
        app.insert_resource(notes)
        app.insert_resource(notes, as_type=LinkSource)
        app.add_systems(Update, commit_notes, in_set=UpdateSet.COMMIT)


def commit_notes(world: World) -> None:
    """Ask the before-handlers of every queued request, and write what they allow."""
    world.resource(Notes).commit()
