"""Demonstrates a guard that refuses empty notes and stamps the others before they are written."""

from tickwright.ecs_core import App
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin
from tickwright.systems.notes import Notes, NotesPlugin


def guard(event, _ctx):
    if not event.content.strip():
        return HookResult(cancel=True, reason="an empty note")
    return HookResult(payload={"content": event.content + " (checked)"})


with App().add_plugins(HooksPlugin(), NotesPlugin()) as app:
    notes = app.world.resource(Notes)
    app.world.resource(Hooks).on("note:before_save", guard)
    app.world.resource(Hooks).on("note:saved", lambda event, _ctx: print("saved", event.path))
    print(notes.save("empty.md", " ").reason)
    ticket = notes.request_save("a.md", "Text")
    app.update()
    print(ticket.outcome.saved, repr(notes.get("a.md").content))

# Output:
# an empty note
# saved a.md
# True 'Text (checked)'
