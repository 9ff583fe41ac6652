"""The notes feature as a plugin, and its systems."""

from __future__ import annotations

from typing import Any

from tickwright.ecs_core import App, Plugin, Update, World
from tickwright.systems.contracts.events import Emitted
from tickwright.systems.contracts.ports import LinkSource
from tickwright.systems.contracts.sets import UpdateSet
from tickwright.systems.contracts.ticks import RoundWork
from tickwright.systems.notes.manager import Notes
from tickwright.systems.notes.saved import notes_section

__all__ = ["NotesPlugin", "ask_about_notes", "commit_notes"]


class NotesPlugin(Plugin):
    """Provide `Notes` (also as `LinkSource`), and process queued requests in the Commit set.

    The texts live in memory unless a `NoteStore` is inserted as a resource; the vault plugin does that.
    """

    @property
    def name(self) -> str:
        """The feature's name."""
        return "notes"

    def build(self, app: App) -> None:
        """Insert the manager and add the systems."""
        app.add_event(Emitted)
        notes = Notes(app.world)
        app.insert_resource(notes)
        app.insert_resource(notes, as_type=LinkSource)
        app.sections.append(notes_section(notes))
        RoundWork.of(app.world).waiting["notes"] = lambda: not notes.requests.is_empty()
        app.configure_sets(Update, UpdateSet.HOOKS_BEFORE, UpdateSet.COMMIT, chained=True)
        app.add_systems(Update, ask_about_notes, in_set=UpdateSet.HOOKS_BEFORE)
        app.add_systems(Update, commit_notes, in_set=UpdateSet.COMMIT)

    def cleanup(self, ctx: Any) -> None:
        """Stop asking for rounds."""
        RoundWork.of(ctx.world).waiting.pop("notes", None)


def ask_about_notes(world: World) -> None:
    """Ask the before-handlers of every queued request."""
    world.resource(Notes).decide()


def commit_notes(world: World) -> None:
    """Write what the before-handlers allow."""
    world.resource(Notes).commit()
