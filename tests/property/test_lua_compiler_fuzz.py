"""A short run of the compiler's fuzzer with fixed seeds; `make fuzz` runs it for minutes with new ones."""

from __future__ import annotations

import pytest

from tests.fuzz.lua_compiler import Fuzzer


@pytest.mark.parametrize("seed", range(6))
def test_any_source_compiles_or_is_refused_and_programs_agree(seed: int) -> None:
    fuzzer = Fuzzer(seed)
    for _ in range(700):
        fuzzer.step()
    assert fuzzer.accepted > 5
    assert fuzzer.refused > 100
    assert fuzzer.ran > 50


def test_the_fuzzer_sees_a_planted_fault() -> None:
    fuzzer = Fuzzer(0)
    run = fuzzer._run["luajit"]
    fuzzer._run["luajit"] = lambda text, name: run(text, name) + "!"
    with pytest.raises(AssertionError):
        fuzzer.try_program("return 'x'")
    fuzzer._load["lua54"] = lambda text: "unexpected symbol"
    with pytest.raises(AssertionError):
        fuzzer.try_any("return 1")
