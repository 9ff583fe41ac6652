"""A pipeline's run, printed line by line while it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tickwright.plugins.cli.output import Printer, printable
from tickwright.plugins.cli.pipelines import SourceLine, StepLine, named
from tickwright.systems.contracts.events import PipelineChunk

__all__ = ["Live", "TreeLive", "show_context"]

_FRAME = 4  # columns of a panel that are not its text


class Live:
    """Prints a run while it runs: the context, text as it arrives, steps as they end."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._sources: list[SourceLine] = []
        self._writing: tuple[str, int] | None = None

    def __call__(self, told: PipelineChunk | StepLine | SourceLine) -> None:
        """Take one thing that happened."""
        if isinstance(told, SourceLine):
            self._sources.append(told)
            return
        if self._sources:
            show_context(self._printer, self._sources)
            self._sources = []
        if isinstance(told, PipelineChunk):
            self._text(told)
        else:
            self._step(told)

    def _text(self, chunk: PipelineChunk) -> None:
        if not chunk.content:
            return
        writer = (chunk.step, chunk.branch)
        if writer != self._writing:
            self._break()
            self._writing = writer
            self._printer.line(f"  {named(*writer)}:", style="cyan")
        self._printer.text(chunk.content)

    def _step(self, step: StepLine) -> None:
        self._break()
        after = f" after {', '.join(step.after)}" if step.after else ""
        self._printer.line(
            f"  [{step.status}] {named(step.id, step.branch)}{after}, {step.tokens} tokens", style="bold"
        )

    def _break(self) -> None:
        if self._writing is not None:
            self._printer.line("")
            self._writing = None


def show_context(printer: Printer, sources: Sequence[SourceLine]) -> None:
    """Show what a context took of each source, in tokens."""
    rows = [(line.id, line.asked, line.used, line.dropped, line.reason) for line in sources]
    printer.table(("context", "asked", "used", "dropped", "why"), rows)


class TreeLive:
    """A tree of steps on a terminal, with the last rows of the text that arrives; a context manager."""

    LINES = 8

    def __init__(self, pipeline: str) -> None:
        from rich.live import Live as RichLive

        self._pipeline = pipeline
        self._sources: list[SourceLine] = []
        self._steps: dict[str, _Line] = {}
        self._text = ""
        self._begun: dict[tuple[str, int], float] = {}
        self._live = RichLive(self.drawn(), refresh_per_second=12, transient=False)

    def __enter__(self) -> TreeLive:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.update(self.drawn(ended=True))
        self._live.__exit__(*error)

    def __call__(self, told: PipelineChunk | StepLine | SourceLine) -> None:
        """Take one thing that happened."""
        if isinstance(told, SourceLine):
            self._sources.append(told)
        elif isinstance(told, StepLine):
            begun = min((at for step, at in self._begun.items() if step[0] == told.id), default=time.monotonic())
            self._line(told.id, told.branch).end(
                told, time.monotonic() - self._begun.get((told.id, told.branch), begun)
            )
        else:
            self._begun.setdefault((told.step, told.branch), time.monotonic())
            self._line(told.step, told.branch).characters += len(told.content)
            self._text = (self._text + printable(told.content))[-4000:]
        self._live.update(self.drawn())

    def _line(self, step: str, branch: int) -> _Line:
        """Return the line of a step, or of one of its branches, adding what is missing."""
        whole = self._steps.setdefault(step, _Line(step))
        return whole if branch < 0 else whole.branches.setdefault(branch, _Line(named(step, branch)))

    def drawn(self, *, ended: bool = False) -> Any:
        """Return what to show: the tree, and the newest text unless the run has ended."""
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text
        from rich.tree import Tree

        tree = Tree(Text(self._pipeline, style="bold"))
        for source in self._sources:
            dropped = f", {source.dropped} dropped: {source.reason}" if source.dropped else ""
            tree.add(Text(f"context {source.id}: {source.used} of {source.asked} tokens{dropped}", style="dim"))
        for step in self._steps.values():
            node = tree.add(Text(step.text, style=step.style))
            for _, branch in sorted(step.branches.items()):
                node.add(Text(branch.text, style=branch.style))
        if ended or not self._text:
            return tree
        console = self._live.console
        width = console.width - 2  # room for the ^C that a terminal echoes: it must not begin another row
        rows = Text(self._text[-self.LINES * width :]).wrap(console, max(1, width - _FRAME))
        tail = Text("\n").join(rows[-self.LINES :])
        return Group(tree, Panel(tail, border_style="dim", width=width))


class _Line:
    """One line of the tree: a step, or a branch of one."""

    def __init__(self, name: str) -> None:
        self.characters = 0
        self.branches: dict[int, _Line] = {}
        self._name = name
        self._ended = ""
        self.style = "yellow"

    def end(self, step: StepLine, took_s: float) -> None:
        self._ended = f"{step.status} {self._name}, {step.tokens} tokens, {took_s:.1f} s"
        self.style = "green" if step.status == "done" else "red"

    @property
    def text(self) -> str:
        return self._ended or f"writing {self._name}, {self.characters} characters"
