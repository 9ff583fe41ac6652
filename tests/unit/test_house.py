"""What importing the package brings along, and what it leaves until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tickwright
from tickwright import ecs_core

EXAMPLE = """
from tickwright import App, ManualClock, Mut, Query, Res, Time, Update, component, f32

@component
class Position:
    x: f32 = 0.0

def move(movers: Query[tuple[Mut[Position]]], time: Res[Time]) -> None:
    for (position,) in movers:
        position.x += time.delta_s

app = App(clock=ManualClock(step_ms=250)).add_systems(Update, move)
entity = app.world.spawn(Position())
app.run(ticks=4)
assert app.world.get(entity, Position).x == 1.0
"""
LATE = {"anyio", "asyncio", "csv", "hashlib", "hypothesis", "json", "msgspec", "numpy.random", "random", "tiktoken"}


def loaded_after(source: str) -> set[str]:
    """Return the modules that a fresh process has loaded beside NumPy's own once it has run `source`."""
    report = "import sys; print(*sorted(set(sys.modules) - before))"
    program = f"import sys, numpy\nbefore = set(sys.modules)\n{source}\n{report}"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_package_alone_loads_no_engine() -> None:
    loaded = loaded_after("import tickwright")
    assert "tickwright" in loaded
    assert not [name for name in loaded if name.startswith("tickwright.")]


def test_an_app_with_a_system_loads_nothing_slow() -> None:
    loaded = loaded_after(EXAMPLE)
    assert "tickwright.ecs_core.app" in loaded
    assert not loaded & LATE


@pytest.mark.parametrize("module", [tickwright, ecs_core])
def test_every_public_name_is_there_and_listed(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]  # both are packages
    assert names
    assert set(names) <= set(dir(module))
    assert [name for name in names if getattr(module, name, None) is None] == []


@pytest.mark.parametrize("module", [tickwright, ecs_core])
def test_an_unknown_name_is_an_error_that_names_the_package(module: object) -> None:
    with pytest.raises(AttributeError, match=r"module 'tickwright.*' has no attribute 'Nothing'"):
        _ = module.Nothing  # type: ignore[attr-defined]  # that is the point
