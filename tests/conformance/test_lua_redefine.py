"""A plugin that stages a value and then gives its component another schema keeps the value, and the tick goes on."""

import tempfile
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.lua_world import attempt, program


@pytest.mark.parametrize("engine", ["lua54", "luajit"])
def test_a_component_redefined_after_a_value_was_staged_for_it(engine):
    with tempfile.TemporaryDirectory() as folder:  # found by the fuzzer: the tick used to panic
        assert attempt(engine, program(Random(987510)), Path(folder)) is True
