"""What goes wrong beside a run, without ending it: logged, and noted in its result."""

from __future__ import annotations

import logging

from tickwright.systems.generation.records import Run

__all__ = ["report", "warn"]

_LOG = logging.getLogger("tickwright.generation")


def report(run: Run, what: str, error: Exception) -> None:
    """Log a handler's failure that does not end its run."""
    line = f"{what}: {type(error).__name__}: {error}"
    run.note(line)
    _LOG.error("run %s of pipeline %r: %s", run.id, run.pipeline.id, line, exc_info=error)


def warn(run: Run, line: str) -> None:
    """Log what the caller of a run should know of, and note it in its result."""
    run.note(line)
    _LOG.warning("run %s of pipeline %r: %s", run.id, run.pipeline.id, line)
