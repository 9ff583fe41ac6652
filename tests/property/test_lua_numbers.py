"""Arithmetic on both engines against NumPy's doubles: the same bits, whatever the operands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.lua.conftest import ENGINES, Engine

SOURCE = """
local function show(x: number): string
    return if x ~= x then "nan" else string.format("%.17g", x)
end
return function(a: number, b: number)
    local c = a c //= b
    return show(a + b), show(a - b), show(a * b), show(a / b), show(a // b), show(a % b), show(-a), show(c),
        show(math.floor(a)), show(math.ceil(b)), tostring(a < b), tostring(a == b), show(tonumber(show(a)) or 0/0)
end
"""
_ENGINES: dict[str, Any] = {name: Engine(name).run(SOURCE) for name in sorted(ENGINES)}
numbers = st.one_of(
    st.floats(), st.integers(-(2**53), 2**53).map(float), st.sampled_from([0.0, -0.0, 0.1, 1e308, 5e-324])
)


def show(value: float) -> str:
    return "nan" if value != value else f"{value:.17g}"


def expected(left: float, right: float) -> tuple[str, ...]:
    a, b = np.float64(left), np.float64(right)
    with np.errstate(all="ignore"):
        quotient = np.floor(a / b)
        values = (a + b, a - b, a * b, a / b, quotient, a - quotient * b, -a, quotient, np.floor(a), np.ceil(b))
        shown = tuple(show(float(value)) for value in values)
    again = show(left) if np.isfinite(left) else "nan"
    return (*shown, str(bool(a < b)).lower(), str(bool(a == b)).lower(), again)


@pytest.mark.parametrize("name", sorted(ENGINES))
@given(a=numbers, b=numbers)
def test_arithmetic_is_that_of_doubles(name: str, a: float, b: float) -> None:
    assert _ENGINES[name](a, b) == expected(a, b)
