"""Random plugins with systems over a real app; `make fuzz` runs the same for longer."""

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.lua_world import attempt, program


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_random_plugins_end_and_harm_nobody(engine: str, seed: int) -> None:
    source = program(Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        assert attempt(engine, source, Path(folder)) in (True, False)


def test_most_random_plugins_are_plugins(tmp_path: Path) -> None:
    assert sum(attempt("luajit", program(Random(seed)), tmp_path) for seed in range(40)) > 20
