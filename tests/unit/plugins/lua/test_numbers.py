"""Numbers are doubles, and print alike, on both engines: one table of cases, run on each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TABLE = Path(__file__).parents[3] / "data" / "lua" / "numbers.txt"
CASES = [tuple(line.split("  => ")) for line in TABLE.read_text().splitlines()[1:]]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[case[0] for case in CASES])
def test_both_engines_agree(run: Any, expression: str, expected: str) -> None:
    assert run(f"return tostring(({expression}))") == expected
