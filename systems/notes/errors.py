"""Errors of the notes feature.

NoteError
├── NotePathError: a path that is none, or that leads out of the vault
├── NoteNotFoundError: no such note
├── NoteExistsError: a rename onto a note that exists
├── NoteReadError: a file that cannot be read, or is no text
└── NoteWriteError: the store could not write, delete or rename
"""

from __future__ import annotations

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["NoteError", "NoteExistsError", "NoteNotFoundError", "NotePathError", "NoteReadError", "NoteWriteError"]


class NoteError(TickwrightError):
    """Base of the errors of notes; `path` is the note's path as it was given."""

    path: str


class NotePathError(NoteError):
    """A path that is no note's path, or that leads out of the vault."""


class NoteNotFoundError(NoteError):
    """No note of that path."""


class NoteExistsError(NoteError):
    """A rename onto a note that exists; renames never overwrite."""


class NoteReadError(NoteError):
    """A note's file cannot be read, or is not text."""


class NoteWriteError(NoteError):
    """The store could not write, delete or rename a note; what was there before is unchanged."""
