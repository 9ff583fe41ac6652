"""The pytest plugin: `pytest --tickwright-flows DIR` checks every flow in a folder.

A `.json` file is a definition; beside it, `NAME.py` may define HANDLERS, USERS, DATA, CONTEXTS and INVARIANTS, as
`check_flow` takes them. Without handlers, stand-ins let every guard answer both ways. A `.scxml` file is a document to
import. A `.luau` or `.lua` file is a
plugin whose flows are checked with its own functions.

Nothing of tickwright is imported until a flow is collected.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["FlowFile", "FlowItem"]

_OPTION = "--tickwright-flows"
_SUFFIXES = (".json", ".scxml", ".luau", ".lua")
_SETTINGS = ("USERS", "DATA", "CONTEXTS", "INVARIANTS")
_PROPERTY = "tickwright_flow"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("tickwright")
    group.addoption(_OPTION, action="append", default=[], metavar="DIR", help="check every flow definition in DIR")


def pytest_configure(config: pytest.Config) -> None:
    """Collect the folders too."""
    for folder in config.getoption(_OPTION):
        if not Path(folder).exists():
            raise pytest.UsageError(f"{_OPTION}: there is no {folder!r}")
        if not any(Path(argument).resolve() == Path(folder).resolve() for argument in config.args):
            config.args.append(str(folder))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the flow files inside the folders."""
    folders = [Path(folder).resolve() for folder in parent.config.getoption(_OPTION)]
    inside = any(folder == file_path or folder in file_path.parents for folder in folders)
    if inside and file_path.suffix in _SUFFIXES and not file_path.stem.endswith("_test"):
        collector: pytest.Collector = FlowFile.from_parent(parent, path=file_path)
        return collector
    return None


class FlowFile(pytest.File):
    """A file that defines flows."""

    def collect(self) -> Iterable[FlowItem]:
        """Yield an item per flow."""
        if self.path.suffix == ".json":
            document = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(document, dict) and "states" in document:
                name = str(document.get("id", self.path.stem))
                yield FlowItem.from_parent(self, name=name, definition=document, options=self._beside())
            return
        if self.path.suffix == ".scxml":
            from tickwright.systems.flows import from_scxml

            read = from_scxml(self.path.read_bytes())
            yield FlowItem.from_parent(self, name=read.id, definition=read, options=self._beside())
            return
        from tickwright.plugins.lua.flow_files import load_flow_files

        for each in load_flow_files(self.path):
            options = self._beside() | {"handlers": each.handlers, "keep": each}
            yield FlowItem.from_parent(self, name=each.definition.id, definition=each.definition, options=options)

    def _beside(self) -> dict[str, Any]:
        """Return what the Python file of the same name says."""
        beside = self.path.with_suffix(".py")
        if not beside.is_file():
            return {}
        found = runpy.run_path(str(beside))
        options = {name.lower(): found[name] for name in _SETTINGS if name in found}
        return options | ({"handlers": found["HANDLERS"]} if "HANDLERS" in found else {})


class FlowItem(pytest.Item):
    """One flow, checked."""

    def __init__(self, *, definition: Any, options: dict[str, Any], **rest: Any) -> None:
        super().__init__(**rest)
        self.definition = definition
        self.options = {name: value for name, value in options.items() if name != "keep"}
        self.kept = options.get("keep")

    def runtest(self) -> None:
        """Check the flow; fail with its report."""
        from tickwright.systems.flows.testing import ALL, check_flow

        options = dict(self.options)
        invariants = (*ALL, *options.pop("invariants", ()))
        report = check_flow(self.definition, invariants=invariants, **options)
        headline, *rest = str(report).splitlines()
        self.user_properties.append((_PROPERTY, "\n".join([headline, *(f"  {line}" for line in rest)])))
        if not report.ok:
            raise AssertionError(str(report))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **kwargs: Any) -> Any:
        """Show the report alone: what failed is the flow, not this file."""
        from tickwright.systems.flows import FlowDefinitionError

        if isinstance(excinfo.value, AssertionError | FlowDefinitionError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args, **kwargs)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where the flow is from."""
        return self.path, None, f"flow {self.name}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell of each flow what the examples covered."""
    lines = list(_told(terminalreporter.getreports("passed")))
    if lines:
        terminalreporter.section("flows")
        for line in lines:
            terminalreporter.write_line(line)


def _told(reports: Iterable[Any]) -> Iterator[str]:
    for report in reports:
        yield from (text for name, text in report.user_properties if name == _PROPERTY and report.when == "call")
