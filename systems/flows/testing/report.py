"""What a check came to: the failure with its script, picture and fixture, and what the examples covered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tickwright.systems.flows.export import mermaid_label, mermaid_names
from tickwright.systems.flows.structure import to_document
from tickwright.systems.flows.testing.explore import Coverage
from tickwright.systems.flows.testing.invariant import Invariant, Violation, check_run, check_step
from tickwright.systems.flows.testing.run import FlowRun
from tickwright.systems.flows.testing.script import Script, Step
from tickwright.systems.flows.testing.subject import Subject

__all__ = ["Failure", "Report", "failure_of", "replay_failure", "report_of"]


@dataclass(frozen=True)
class Failure:
    """One invariant that does not hold, shrunk.

    Attributes:
        invariant: its name.
        problem: what is wrong.
        script: the shortest script that was found to show it.
        mermaid: the way the instances went, as a Mermaid state diagram.
        fixture: all of it as JSON text, for `replay_failure`.
    """

    invariant: str
    problem: str
    script: Script
    mermaid: str = field(repr=False)
    fixture: str = field(repr=False)

    @property
    def actions(self) -> list[str]:
        """The actions of the script, in order."""
        return [step.action for step in self.script if step.do in ("send", "enqueue")]

    def __str__(self) -> str:
        steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(self.script, 1))
        return f"{self.invariant}: {self.problem}\n{steps}\n{self.mermaid}"


@dataclass(frozen=True)
class Report:
    """What `check_flow` found.

    Attributes:
        definition: the flow's id.
        failure: the first invariant that does not hold, or None.
        examples, steps: how much was tried.
        transitions: how often each transition was taken, by site (`draft|on.submit|0`).
        states: how often each state was entered, by path.
        one_sided: guarded transitions whose guard was never seen to hold, or never to refuse; site -> what it lacks.
        unreachable: states that nothing in the document leads to.
        dead_ends: states that are not final, and that nothing leads out of.
    """

    definition: str
    failure: Failure | None
    examples: int
    steps: int
    transitions: Mapping[str, int]
    states: Mapping[str, int]
    one_sided: Mapping[str, str]
    unreachable: tuple[str, ...]
    dead_ends: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every invariant held."""
        return self.failure is None

    @property
    def untaken(self) -> tuple[str, ...]:
        """Transitions that no example took."""
        return tuple(site for site, count in self.transitions.items() if not count)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, as `--json` prints it."""
        failure = self.failure
        return {
            "definition": self.definition,
            "ok": self.ok,
            "failure": None if failure is None else msgspec.json.decode(failure.fixture) | {"mermaid": failure.mermaid},
            "examples": self.examples,
            "steps": self.steps,
            "transitions": dict(self.transitions),
            "states": dict(self.states),
            "one_sided": dict(self.one_sided),
            "unreachable": list(self.unreachable),
            "dead_ends": list(self.dead_ends),
        }

    def __str__(self) -> str:
        taken = sum(bool(count) for count in self.transitions.values())
        tried = f"{self.examples} examples, {self.steps} steps, {taken} of {len(self.transitions)} transitions taken"
        lines = [f"flow {self.definition!r}: {'ok' if self.ok else 'FAILED'}; {tried}"]
        lines += [f"never taken: {site}" for site in self.untaken]
        lines += [f"guard of {site}: {lack}" for site, lack in self.one_sided.items()]
        lines += [f"unreachable: {path}" for path in self.unreachable]
        lines += [f"dead end: {path}" for path in self.dead_ends]
        return "\n".join(lines + ([str(self.failure)] if self.failure else []))


def report_of(subject: Subject, coverage: Coverage, failure: Failure | None) -> Report:
    """Put a report together."""
    structure = subject.structure
    one_sided = {}
    for way in structure.all_ways:
        asked, passed = coverage.asked[way.site], coverage.passed[way.site]
        if way.guards and asked and passed in (0, asked):
            one_sided[way.site] = "never held" if not passed else "never refused"
        elif way.guards and not asked:
            one_sided[way.site] = "never asked"
    return Report(
        definition=subject.definition.id,
        failure=failure,
        examples=coverage.examples,
        steps=coverage.steps,
        transitions={way.site: coverage.taken[way.site] for way in structure.all_ways},
        states={path: coverage.entered[path] for path in structure.states if path in structure.reachable() and path},
        one_sided=one_sided,
        unreachable=tuple(path for path in structure.states if path not in structure.reachable()),
        dead_ends=structure.dead_ends(),
    )


def failure_of(subject: Subject, violation: Violation) -> Failure:
    """Draw what a violation's script did, and write it down for replaying."""
    fixture = {
        "definition": to_document(subject.definition),
        "invariant": violation.invariant.name,
        "problem": violation.problem,
        "script": violation.script,
    }
    text = msgspec.json.format(msgspec.json.encode(fixture), indent=2).decode()
    mermaid = _drawn(subject, violation.script)
    return Failure(violation.invariant.name, violation.problem, violation.script, mermaid, text)


def _drawn(subject: Subject, script: Script) -> str:
    """Return the way of every instance: one arrow per step, numbered as in the script."""
    lines, flow = ["stateDiagram-v2"], subject.compiled
    names = {node.path: name for node, name in zip(flow.nodes, mermaid_names(flow), strict=True)}
    with FlowRun(subject) as run:
        for number, step in enumerate(script, 1):
            seen = run.do(step)
            for which, after in seen.after.items():
                before = seen.before.get(which)
                start = "[*]" if before is None else names[before.instance.current_state]
                end = names[after.instance.current_state]
                if before is None or before != after:
                    lines.append(f"    {start} --> {end} : {number}. {_label(step)}")
                elif step.do == "send" and step.instance == which:
                    lines.append(f"    {end} --> {end} : {number}. {_label(step)} ({type(seen.answer).__name__})")
    return "\n".join(lines) + "\n"


def _label(step: Step) -> str:
    what = {"start": "start", "tick": f"{step.wait_ms} ms"}.get(step.do, step.action)
    return mermaid_label(" ".join(each for each in (what, f"by {step.user}" if step.user else "") if each))


def replay_failure(
    fixture: str | bytes,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
    *,
    invariants: Iterable[Invariant] | None = None,
) -> Failure | None:
    """Do the script of a fixture again: the failure it still shows, or None.

    Args:
        fixture: a `Failure.fixture`.
        handlers: the flow's functions, as they are now.
        invariants: what to check; the kit's own without it.
    """
    from tickwright.systems.flows.testing.invariants import ALL

    document = msgspec.json.decode(fixture)
    script = msgspec.convert(document["script"], Script)
    subject = Subject(document["definition"], handlers)
    checks = tuple(ALL if invariants is None else invariants)
    with FlowRun(subject) as run:
        try:
            for step in script:
                check_step(run.do(step), checks, tuple(run.script))
            check_run(run, checks)
        except Violation as violation:
            return failure_of(subject, violation)
    return None
