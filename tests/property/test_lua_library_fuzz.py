"""A short run of the library's fuzzer with fixed seeds; `make fuzz` runs it for minutes with new ones."""

from __future__ import annotations

import pytest

from tests.fuzz.lua_library import LibraryFuzzer


@pytest.mark.parametrize("seed", range(3))
def test_any_call_ends_within_its_budget_and_the_runtime_answers(seed: int) -> None:
    fuzzer = LibraryFuzzer(seed)
    for _ in range(500):
        fuzzer.step()
    assert fuzzer.calls == 500


def test_the_fuzzer_sees_a_planted_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    fuzzer = LibraryFuzzer(0)
    monkeypatch.setattr("tests.fuzz.lua_library._WORST_S", 0.0)
    with pytest.raises(AssertionError):
        fuzzer.step()
