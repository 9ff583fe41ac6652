"""What the demo found, as data: `tickwright demo --json` prints a `DemoReport`; its schema is docs/demo-schema.json."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from tickwright.plugins.cli.activity import Totals
from tickwright.plugins.cli.pipelines import SourceLine, StepLine

__all__ = [
    "Attempt",
    "DecayReport",
    "DemoReport",
    "HistoryLine",
    "LoadReport",
    "RefusedSave",
    "ResearchReport",
    "ReviewReport",
    "SaveReport",
    "StampedSave",
    "demo_schema",
]


class _Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class LoadReport(_Report, frozen=True, kw_only=True):
    """Point 1: the vault and the plugins.

    Attributes:
        folders: folders that hold notes.
        links: links between notes; `unresolved` of them lead nowhere.
        tags: different tags.
        hub: the note that most others link to; the later points are about it.
    """

    notes: int
    folders: int
    words: int
    links: int
    unresolved: int
    tags: int
    with_frontmatter: int
    hub: str
    plugins: list[str]


class RefusedSave(_Report, frozen=True, kw_only=True):
    """A save that a handler cancelled."""

    path: str
    saved: bool
    cancelled: bool
    reason: str
    on_disk: bool


class StampedSave(_Report, frozen=True, kw_only=True):
    """A save that a handler changed; `sha256`, `size` in bytes and `last_line` are read back from the file."""

    path: str
    saved: bool
    sha256: str
    size: int
    last_line: str


class SaveReport(_Report, frozen=True, kw_only=True):
    """Point 2: an empty note and a good one."""

    refused: RefusedSave
    stamped: StampedSave


class Attempt(_Report, frozen=True, kw_only=True):
    """An action that was sent; `result` is success, guard_failed, invalid_action or invalid_state."""

    action: str
    user: str
    result: str
    state: str
    guard: str
    reason: str


class HistoryLine(_Report, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One transition that was committed."""

    from_: str
    to: str
    action: str
    user: str


class ReviewReport(_Report, frozen=True, kw_only=True):
    """Point 3: a review; `events` are the names of what its plugin emitted."""

    flow: str
    instance: str
    subject: str
    attempts: list[Attempt]
    history: list[HistoryLine]
    events: list[str]
    done: bool


class ResearchReport(_Report, frozen=True, kw_only=True):
    """Point 4: a pipeline run.

    Attributes:
        budget_tokens: what the context had room for; `context_tokens` of it were used.
        steps: in the order of ending; each after the steps it names in `after`.
        chunks: pieces of text that arrived while the steps ran.
    """

    pipeline: str
    question: str
    encoding: str
    budget_tokens: int
    context_tokens: int
    sources: list[SourceLine]
    steps: list[StepLine]
    chunks: int
    streamed_characters: int
    result: str
    tokens: int


class DecayReport(_Report, frozen=True, kw_only=True):
    """Point 5: a system that a Lua plugin defined, over many entities.

    Attributes:
        left: sum of what is left, as the system wrote it; `expected` is the same computed apart.
    """

    engine: str
    rows: int
    ticks: int
    rows_ticked: int
    rows_per_s: int
    left: float
    expected: float


class DemoReport(_Report, frozen=True, kw_only=True):
    """The six points; `faults` is empty if every one of them did what it says."""

    load: LoadReport
    saves: SaveReport
    review: ReviewReport
    research: ResearchReport
    decay: DecayReport
    totals: Totals
    duration_s: float
    faults: list[str]


def demo_schema() -> dict[str, Any]:
    """Return the JSON schema of a `DemoReport`; docs/demo-schema.json holds it."""
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(DemoReport)}
    for each in found["$defs"].values():  # Python 3.13 takes a docstring's indent away, the older ones keep it
        if "description" in each:
            each["description"] = inspect.cleandoc(each["description"])
    return found
