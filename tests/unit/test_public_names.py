"""The front of the package: cheap to import, every name there, none too many."""

import subprocess
import sys

import pytest

import tickwright
from tickwright import ecs_core


def test_every_public_name_is_the_engines():
    for name in tickwright.__all__:
        if name != "DefaultPlugins":
            assert getattr(tickwright, name) is getattr(ecs_core, name)
    assert set(tickwright.__all__) <= set(dir(tickwright))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        tickwright.Nothing  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, tickwright; print([m for m in ('numpy', 'anyio', 'msgspec', 'esper') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_all_names_of_the_engine_exist_and_are_sorted():
    assert len(set(ecs_core.__all__)) == len(ecs_core.__all__)
    for name in ecs_core.__all__:
        assert hasattr(ecs_core, name)
