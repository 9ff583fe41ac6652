"""Take a step's result apart into the branches of a mapped step; reading structured answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from tickwright.systems.generation.errors import StructuredOutputError
from tickwright.systems.generation.templates import at_path

__all__ = ["SPLITS", "parse_json", "split_result"]

_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)^\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_OPEN_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^ {0,3}#{1,6}(?:[ \t]|$)")
_ITEM = re.compile(r"^ {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]+\S")


def parse_json(text: str) -> Any:
    """Return the JSON value of an answer, alone or in its first fenced block.

    Raises:
        StructuredOutputError: there is none.

    >>> parse_json('Here:\\n```json\\n[1]\\n```')
    [1]
    """
    candidates = [text.strip()]
    candidates += [match.group(2) for match in _FENCE.finditer(text)]
    for each in candidates:
        try:
            return msgspec.json.decode(each.encode("utf-8", "surrogatepass"))
        except (msgspec.DecodeError, RecursionError):
            continue
    shown = text.strip()[:60]
    raise StructuredOutputError(f"the answer is no JSON: {shown!r}", expected="a JSON value, alone or in a fence")


def split_result(text: str, path: tuple[str, ...], how: str | None) -> list[Any]:
    """Return the parts of a result, in order.

    Args:
        text: the result.
        path: where the parts lie in it, if it is JSON.
        how: one of SPLITS; None takes json if it is JSON, then headings, then list items, then the whole as one part.

    Raises:
        StructuredOutputError: `how` is "json" and there is no list at the path.
    """
    if how is not None:
        return _json_parts(text, path) if how == "json" else list(SPLITS[how](text))
    if not text.strip():
        return []
    try:
        return _json_parts(text, path)
    except StructuredOutputError:
        pass
    return _headings(text) or _items(text) or [text.strip()]


def _json_parts(text: str, path: tuple[str, ...]) -> list[Any]:
    value = parse_json(text)
    found = at_path(value, path)
    if found is None and isinstance(value, list):
        found = value  # the list itself, where an object that holds it was asked for
    if isinstance(found, Mapping):
        found = [{"key": key, "value": each} for key, each in found.items()]
    if not isinstance(found, list):
        raise StructuredOutputError(f"no list at {'.'.join(path) or 'the top'}", expected="a JSON list")
    return found


def _sections(text: str, begins: re.Pattern[str]) -> list[str]:
    """Return the parts that begin with a matching line outside of fences; what stands before the first is left out."""
    parts: list[list[str]] = []
    fence = ""
    for line in text.splitlines():
        opened = _OPEN_FENCE.match(line)
        if opened and not fence:
            fence = opened.group(1)
        elif opened and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence and begins.match(line):
            parts.append([])
        if parts:
            parts[-1].append(line)
    return ["\n".join(part).strip() for part in parts]


def _headings(text: str) -> list[str]:
    """Split at the headings of the level that divides the text: the highest that appears more than once."""
    levels = [len(part) - len(part.lstrip("#")) for part in _sections(text, _HEADING)]
    level = next((n for n in range(1, 7) if levels.count(n) > 1), min(levels, default=0))
    if not level:
        return []
    return _sections(text, re.compile(rf"^ {{0,3}}#{{{level}}}(?:[ \t]|$)"))


def _items(text: str) -> list[str]:
    parts = _sections(text, _ITEM)
    return [re.sub(r"^ {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]+", "", part) for part in parts]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n[ \t]*\n", text) if part.strip()]


SPLITS: Mapping[str, Callable[[str], list[str]]] = MappingProxyType(
    {"json": lambda text: _json_parts(text, ()), "headings": _headings, "lines": _lines, "paragraphs": _paragraphs}
)
"""The ways to take a result apart."""
