"""What may be asked of notes, and what became of it."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["NoteDecision", "NoteRequest", "SaveOutcome", "SaveTicket"]


class SaveOutcome(msgspec.Struct, frozen=True):
    """What became of a save, delete or rename.

    Attributes:
        saved: it was done: the note is written, deleted or renamed.
        cancelled: a before-handler said no; nothing changed.
        reason: why not, or "".
        path: where the note is now (a handler may have moved it), or would be.
    """

    saved: bool
    cancelled: bool = False
    reason: str = ""
    path: str = ""


class NoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A save, delete or rename that somebody asks for: an event, decided in Hooks.Before and done in Commit.

    Attributes:
        path: the note; for a rename, where it is now.
        content: what to save, as bytes.
        target: where a rename leads.
        ticket: whom to tell; 0 for nobody.
    """

    verb: Literal["save", "delete", "rename"]
    path: str
    content: bytes = b""
    target: str = ""
    ticket: int = 0


class NoteDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the before-handlers made of a request.

    Attributes:
        path: where to write, which a handler may have changed; the note to delete.
        data: what to write; for a rename the text at the new path.
        outcome: given if there is nothing to do: it was cancelled, or cannot be.
    """

    request: NoteRequest
    path: str
    data: bytes = b""
    outcome: SaveOutcome | None = None


class SaveTicket:
    """A queued request; `outcome` is None until a tick has processed it."""

    __slots__ = ("outcome",)

    def __init__(self) -> None:
        self.outcome: SaveOutcome | None = None

    def __repr__(self) -> str:
        return f"SaveTicket({self.outcome or 'waiting'})"
