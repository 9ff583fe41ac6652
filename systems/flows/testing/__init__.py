"""Property tests of one's own flows in three lines: strategies, invariants, paths, and a report that shows the way.

    report = check_flow(REVIEW, HANDLERS, users=["ann", "bob"])
    assert report.ok, report

hypothesis is imported when something is drawn, not with this module.
"""

from tickwright.systems.flows.testing.check import check_flow, quiet_settings
from tickwright.systems.flows.testing.explore import Coverage, explore
from tickwright.systems.flows.testing.invariant import Invariant, Violation, invariant, never_before
from tickwright.systems.flows.testing.invariants import ALL, named
from tickwright.systems.flows.testing.kit import ACTIONS, DATA, KIT_HANDLERS
from tickwright.systems.flows.testing.loading import LoadedFlow, load_flow_file
from tickwright.systems.flows.testing.machine import flow_machine
from tickwright.systems.flows.testing.paths import Move, Path, Paths, shortest_paths, simple_paths, transition_cover
from tickwright.systems.flows.testing.report import Failure, Report, replay_failure
from tickwright.systems.flows.testing.run import FlowRun, Observation, Seen
from tickwright.systems.flows.testing.run_checks import fault_sweep
from tickwright.systems.flows.testing.script import Script, Step
from tickwright.systems.flows.testing.strategies import actions_for, flow_definitions
from tickwright.systems.flows.testing.subject import Subject

__all__ = [
    "ACTIONS",
    "ALL",
    "DATA",
    "KIT_HANDLERS",
    "Coverage",
    "Failure",
    "FlowRun",
    "Invariant",
    "LoadedFlow",
    "Move",
    "Observation",
    "Path",
    "Paths",
    "Report",
    "Script",
    "Seen",
    "Step",
    "Subject",
    "Violation",
    "actions_for",
    "check_flow",
    "explore",
    "fault_sweep",
    "flow_definitions",
    "flow_machine",
    "invariant",
    "load_flow_file",
    "named",
    "never_before",
    "quiet_settings",
    "replay_failure",
    "shortest_paths",
    "simple_paths",
    "transition_cover",
]
