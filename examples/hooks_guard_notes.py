"""Demonstrates before-handlers that change a note's text, in order, and one that refuses to save it."""

from typing import Any

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.contracts.events import NoteBeforeSave
from tickwright.systems.hooks import HookResult, Hooks, HooksPlugin, Priority


def strip(event: NoteBeforeSave, _: Any) -> HookResult:
    return HookResult(payload={"content": event.content.strip()})


def refuse_empty(event: NoteBeforeSave, _: Any) -> HookResult | None:
    return None if event.content else HookResult(cancel=True, reason="the note is empty")


def stamp(event: NoteBeforeSave, ctx: Any) -> HookResult:
    return HookResult(payload={"content": f"{event.content} (saved at {ctx.now()})"})


with App(clock=ManualClock(start_ms=5_000)) as app:
    app.add_plugins(HooksPlugin())
    hooks = app.world.resource(Hooks)
    hooks.on("note:before_save", stamp, priority=Priority.LATE, pattern="journal/**")
    hooks.on("note:before_save", refuse_empty)
    hooks.on("note:before_save", strip, priority=Priority.EARLY)

    for path, content in (("journal/may.md", "  rain  "), ("inbox/idea.md", "  tea  "), ("inbox/none.md", "  ")):
        outcome = hooks.dispatch("note:before_save", {"path": path, "content": content})
        if outcome.cancelled:
            print(f"{path}: refused by {outcome.cancelled_by}, {outcome.reason}")
        else:
            print(f"{path}: {outcome.event.content!r}, changed by {', '.join(outcome.changed_by)}")

# Output:
# journal/may.md: 'rain (saved at 5000)', changed by host/strip, host/stamp
# inbox/idea.md: 'tea', changed by host/strip
# inbox/none.md: refused by host/refuse_empty, the note is empty
