"""Random programs against the sandbox and the ctx API; `make fuzz` runs the same for longer."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.lua_host import attempt, program


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_random_programs_end_and_harm_nobody(engine: str, seed: int) -> None:
    source = program(Random(seed))
    assert attempt(engine, source) in (True, False)
    assert source.startswith("local M")


def test_most_random_programs_are_programs() -> None:
    assert sum(attempt("lua54", program(Random(seed))) for seed in range(50)) > 25
