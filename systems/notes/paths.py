"""Which strings are paths of notes, and how paths and link targets are compared."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from tickwright.systems.notes.errors import NotePathError

__all__ = ["SUFFIX", "check_note_path", "folder_of", "join_relative", "link_key", "stem_of"]

SUFFIX = ".md"
_LONGEST_NAME = 255  # bytes; the limit of every common file system
_EXPECTED = "a relative path inside the vault, with forward slashes, that ends in .md"


def check_note_path(path: str) -> str:
    """Return the path if it can be a note's.

    Args:
        path: relative to the vault, forward slashes, ends in `.md`.

    Raises:
        NotePathError: anything else: absolute, a `..`, a drive, a hidden folder, a control character, bytes
            that are not UTF-8.

    >>> check_note_path("Research/Mud.md")
    'Research/Mud.md'
    """
    problem = _problem(path)
    if problem:
        raise NotePathError(f"not a path of a note: {problem}", where=repr(path), expected=_EXPECTED, path=path)
    return path


def _problem(path: object) -> str:
    if not isinstance(path, str) or not path:
        return "it is empty" if path == "" else "it is no text"
    if path.startswith("/") or path[1:2] == ":":
        return "it is absolute"
    if "\\" in path:
        return "it has a backslash"
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        return "it has a control character"
    if any(0xD800 <= ord(char) <= 0xDFFF for char in path):
        return "it is not UTF-8"
    if not path.lower().endswith(SUFFIX) or path.rpartition("/")[2].lower() == SUFFIX:
        return f"it does not end in name{SUFFIX}"
    return next((problem for name in path.split("/") if (problem := _name_problem(name))), "")


def _name_problem(name: str) -> str:
    if name == "..":
        return "it leads out of the vault"
    if name in ("", "."):
        return "it has an empty part"
    if name.startswith("."):
        return f"{name!r} is hidden, and hidden files are never loaded"
    try:
        size = len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return f"{name!r} cannot be a file's name"
    return f"a part of it has {size} bytes, more than {_LONGEST_NAME}" if size > _LONGEST_NAME else ""


def folder_of(path: str) -> str:
    """Return the folder part, "" at the top."""
    return path.rpartition("/")[0]


def stem_of(path: str) -> str:
    """Return the name without folder and suffix.

    >>> stem_of("People/Maud Ellery.md")
    'Maud Ellery'
    """
    name = path.rpartition("/")[2]
    return name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name


@lru_cache(maxsize=1 << 16)  # a target is written, and a path compared, many times over
def link_key(text: str) -> str:
    """Return the form in which paths and link targets are compared: NFC, case folded, without suffix.

    >>> link_key("Research/Mud.md") == link_key("research/MUD")
    True
    """
    text = text.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = text.casefold()
    return text.removesuffix(SUFFIX)


def join_relative(folder: str, target: str) -> str | None:
    """Return `target` taken relative to `folder`, or None if it leads out of the vault.

    >>> join_relative("a/b", "../c.md")
    'a/c.md'
    >>> join_relative("a", "../../c.md") is None
    True
    """
    parts = folder.split("/") if folder else []
    for name in target.split("/"):
        if name == "..":
            if not parts:
                return None
            parts.pop()
        elif name not in ("", "."):
            parts.append(name)
    return "/".join(parts)
