"""A note's frontmatter: YAML between two lines of dashes, read without ever raising."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

__all__ = ["EMPTY", "Matter", "names_in", "parse_matter"]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_VALUES = 10_000  # aliases of aliases can describe more values than there is memory
_DEEPEST = 50


class Matter(msgspec.Struct, frozen=True):
    """Frontmatter as plain JSON-like data, and what was wrong with it.

    Attributes:
        data: keys to values; dates are ISO text. Empty if there is none or it is wrong.
        error: what is wrong, with file and line, or "".
        line: the line of the error in the note, from 1; 0 if there is none.
    """

    data: Mapping[str, Any] = {}
    error: str = ""
    line: int = 0


EMPTY = Matter()


class _RefusedError(Exception):
    """The YAML is valid, and no frontmatter."""


def parse_matter(raw: str | None, path: str) -> Matter:
    """Read the text between the dashes.

    Args:
        raw: the text, or None for a note without frontmatter.
        path: named by the error.

    Returns:
        The data, or an error that names file and line; nothing is raised whatever the text.
    """
    if not raw or raw.isspace():
        return EMPTY
    try:
        loaded = yaml.load(raw, Loader=_Loader)  # noqa: S506 (it is the safe loader)
        if loaded is None:
            return EMPTY
        if not isinstance(loaded, dict):
            raise _RefusedError(f"it is a {type(loaded).__name__}; expected keys and values")
        return Matter(_Plain().mapping(loaded, 0))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _wrong(path, (mark.line if mark is not None else 0) + 2, error.problem or error.context or "not YAML")
    except yaml.reader.ReaderError as error:
        line = raw.count("\n", 0, error.position) + 2 if isinstance(error.position, int) else 2
        return _wrong(path, line, "a character that YAML does not allow")
    except RecursionError:
        return _wrong(path, 2, f"nested deeper than {_DEEPEST}")
    except Exception as error:  # a note is kept whatever a YAML tag's constructor makes of it
        return _wrong(path, 2, str(error) or type(error).__name__)


def _wrong(path: str, line: int, problem: str) -> Matter:
    return Matter({}, f"{path}:{line}: invalid frontmatter: {problem}", line)


class _Plain:
    """Turn loaded YAML into plain data, within a budget."""

    def __init__(self) -> None:
        self.left = _MOST_VALUES

    def mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        return {str(self.value(key, depth + 1)): self.value(item, depth + 1) for key, item in value.items()}

    def value(self, value: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise _RefusedError(f"more than {_MOST_VALUES} values")
        if depth > _DEEPEST:
            raise _RefusedError(f"nested deeper than {_DEEPEST}")
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if isinstance(value, dict):
            return self.mapping(value, depth)
        if isinstance(value, list | tuple | set):
            return [self.value(item, depth + 1) for item in value]
        if isinstance(value, datetime.date):  # datetimes are dates
            return value.isoformat()
        return str(value)


def names_in(matter: Matter, key: str) -> list[str]:
    """Return the names under a key such as `tags`: a list, or text with commas; `#` is dropped.

    >>> names_in(Matter({"tags": "a, #b"}), "tags")
    ['a', 'b']
    """
    value = matter.data.get(key)
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        return []
    names = (str(item).strip().lstrip("#") for item in value if item is not None and not isinstance(item, list | dict))
    return [name for name in names if name]
