"""`check_flow`: draw scripts, check every invariant, and report the shortest failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tickwright.systems.flows.testing.explore import Coverage, cover, explore
from tickwright.systems.flows.testing.invariant import Invariant, Violation
from tickwright.systems.flows.testing.invariants import ALL
from tickwright.systems.flows.testing.report import Report, failure_of, report_of
from tickwright.systems.flows.testing.run import Runs
from tickwright.systems.flows.testing.subject import Source, Subject

if TYPE_CHECKING:
    import hypothesis

__all__ = ["check_flow", "quiet_settings"]

_EXAMPLES = 100


def check_flow(
    definition: Source,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
    *,
    users: Sequence[str] = ("ann", "bob"),
    data: Mapping[str, Any] | None = None,
    contexts: Any = None,
    invariants: Iterable[Invariant] = ALL,
    settings: hypothesis.settings | None = None,
    max_steps: int = 12,
) -> Report:
    """Check a flow: scripts are drawn, done on a real manager, and held against every invariant.

    First every transition is taken once, by a shortest path; then come the drawn scripts.

    Args:
        definition: as `register` takes it, or the path of a .json or .luau file.
        handlers: its functions; None for stand-ins, which let every guard answer both ways.
        users: who sends actions.
        data: action -> the values its data may have, a sequence or a hypothesis strategy; `*` for all other actions.
        contexts: initial contexts to start with, a sequence or a strategy.
        invariants: what must hold; `(*ALL, mine)` adds one's own.
        settings: hypothesis settings; by default 100 examples, the same ones every time.
        max_steps: how long a script may be.

    Returns:
        The report; `report.ok` says whether all held, `report.failure` is the shortest script that shows what did not.

    Raises:
        FlowDefinitionError: the definition is wrong, or a handler is missing.

    Cost: 5 to 20 ms per example.

    >>> door = {"id": "door", "initial": "shut", "states": {"shut": {"on": {"open": "open"}}, "open": {}}}
    >>> check_flow(door).ok
    True
    """
    from hypothesis import given
    from hypothesis import strategies as st
    from hypothesis.errors import HypothesisException

    subject = Subject(definition, handlers, users=users, data=data, contexts=contexts)
    checks, coverage, runs = tuple(invariants), Coverage(), Runs(subject)
    last: list[Violation] = []

    @(settings or quiet_settings())
    @given(st.data())
    def examples(data: st.DataObject) -> None:
        # Once something is wrong, what follows is shrinking, and only that counts.
        wanted = (last[0].invariant,) if last else checks
        try:
            explore(subject, data.draw, wanted, max_steps=max_steps, coverage=coverage, runs=runs)
        except Violation as violation:
            last.append(violation)
            raise

    try:
        cover(subject, checks, coverage=coverage, runs=runs)
        examples()
    except Violation as violation:
        return report_of(subject, coverage, failure_of(subject, violation))
    except (HypothesisException, BaseExceptionGroup):
        if not last:
            raise
        # A flow that is not the same twice: hypothesis could not repeat what it saw, and that is what is wrong.
        return report_of(subject, coverage, failure_of(subject, min(last, key=lambda each: len(each.script))))
    finally:
        runs.close()
    return report_of(subject, coverage, None)


def quiet_settings(examples: int = _EXAMPLES) -> hypothesis.settings:
    """Return settings that draw the same examples every time, keep no database and shrink."""
    from hypothesis import HealthCheck, settings

    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        stateful_step_count=15,
    )
