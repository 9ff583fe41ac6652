"""Notes as files of a folder: whole or not at all, and never outside it."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from tickwright.systems.notes.errors import NotePathError
from tickwright.systems.notes.paths import SUFFIX, check_note_path

__all__ = ["DiskStore"]

_TEMPORARY = ".tickwright-tmp"


class DiskStore:
    """Keep each note in a file of its own; implements `NoteStore`.

    A write goes to a temporary file beside the target, is flushed to disk and then renamed over it, so that a crash
    leaves the old note or the new one. Hidden files and folders, and links that point out, are no notes.

    Args:
        root: the folder; it must exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._root = self.root.as_posix()

    def paths(self) -> Iterable[str]:
        """Return every note's path, sorted."""
        return sorted(self._walk(self.root, ""))

    def read(self, path: str) -> bytes:
        """Return the bytes, or raise FileNotFoundError."""
        return self._locate(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Replace the note's bytes, whole or not at all."""
        target = self._locate(path)
        made = _make_folders(target.parent)
        temporary = target.parent / f".{secrets.token_hex(8)}{_TEMPORARY}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
                if not os.access(target, os.W_OK):
                    raise PermissionError(13, "the file is read-only", str(target))
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            for folder in reversed(made):
                folder.rmdir()
            raise
        for folder in {target.parent, *(each.parent for each in made)}:
            _sync_folder(folder)

    def delete(self, path: str) -> None:
        """Remove the note."""
        target = self._locate(path)
        target.unlink()
        _sync_folder(target.parent)

    def rename(self, old: str, new: str) -> None:
        """Move the note; raise FileExistsError rather than overwrite."""
        source, target = self._locate(old), self._locate(new)
        if target.exists() and not (source.exists() and source.samefile(target)):
            raise FileExistsError(17, "there is a file already", str(target))
        made = _make_folders(target.parent)
        try:
            source.rename(target)
        except BaseException:
            for folder in reversed(made):
                folder.rmdir()
            raise
        for folder in {source.parent, target.parent, *(each.parent for each in made)}:
            _sync_folder(folder)

    def stat(self, path: str) -> tuple[int, int]:
        """Return (size in bytes, modified in ms since the epoch)."""
        found = self._locate(path).stat()
        return found.st_size, found.st_mtime_ns // 1_000_000

    def sweep(self) -> int:
        """Remove the temporary files that a crash left behind, and return how many."""
        left = [file for file in self.root.rglob(f".*{_TEMPORARY}") if file.is_file()]
        for file in left:
            file.unlink(missing_ok=True)
        return len(left)

    def relative(self, path: str | Path) -> str | None:
        """Return a file's path as a note, or None if it is not one."""
        try:
            name = Path(path).relative_to(self.root).as_posix()
            return check_note_path(name)
        except (ValueError, NotePathError):
            return None

    def _locate(self, path: str) -> Path:
        at = self._root
        for name in check_note_path(path).split("/"):
            at = f"{at}/{name}"
            if _is_link(at) and not Path(at).resolve().is_relative_to(self.root):
                raise NotePathError("a link on the way points out of the vault", where=repr(path), path=path)
        return Path(at)

    def _walk(self, folder: Path, prefix: str) -> Iterator[str]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or self._leads_out(entry):
                    continue
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(folder / entry.name, name + "/")
                elif entry.name.lower().endswith(SUFFIX) and entry.is_file() and self.relative(entry.path) is not None:
                    yield name

    def _leads_out(self, entry: os.DirEntry[str]) -> bool:
        return entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(self.root)


def _is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder with its parents, and return those that were missing, outermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    for each in missing:
        each.mkdir(exist_ok=True)
    return missing


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # other systems cannot open a folder, and keep renames without it
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
