"""`@kernel`: a function of one row, run over whole columns: compiled by numba if it is there, else by NumPy."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Kernel", "kernel"]


class Kernel:
    """A row function over columns: `pos.x[:] = steer(pos.x, vel.x, dt)`.

    The function takes scalars and returns one scalar; arguments are columns of one length, or scalars for all rows.
    With the extra `[jit]` it is compiled by numba at its first call. Without, it is called once with whole columns
    if it can work on them, and row by row if it branches on a value.

    Cost: compiled, a loop in machine code; as columns, NumPy's own; row by row, about a microsecond per row.
    """

    def __init__(self, fn: Callable[..., Any], *, jit: bool | None = None) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.jit = _has_numba() if jit is None else jit
        self._compiled: Callable[..., Any] | None = None
        self._by_rows: bool | None = None

    def __call__(self, *columns: Any, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the function's value for each row, in `out` if given."""
        if self.jit:
            if self._compiled is None:
                self._compiled = importlib.import_module("numba").vectorize(nopython=True)(self.fn)
            compiled: NDArray[Any] = self._compiled(*columns) if out is None else self._compiled(*columns, out=out)
            return compiled
        result = self._plain(*columns)
        if out is None:
            return result
        out[...] = result
        return out

    def _plain(self, *columns: Any) -> NDArray[Any]:
        if not self._by_rows:
            try:
                whole = np.asarray(self.fn(*columns))
            except (ValueError, TypeError):  # it branches on a value, or calls what only takes scalars
                self._by_rows = True
            else:
                return np.broadcast_to(whole, np.broadcast_shapes(*(np.shape(each) for each in columns))).copy()
        rows = np.broadcast(*columns)
        kind = np.result_type(*columns)
        values = [self.fn(*row) for row in rows]
        found = np.array(values) if values else np.empty(0, kind)
        return found.reshape(rows.shape)

    def __repr__(self) -> str:
        return f"kernel({getattr(self.fn, '__qualname__', self.fn)}, {'numba' if self.jit else 'numpy'})"


def kernel(fn: Callable[..., Any]) -> Kernel:
    """Run a function of one row over whole columns; see `Kernel`.

    >>> @kernel
    ... def clamp(x, low, high):
    ...     return low if x < low else high if x > high else x
    >>> clamp(np.array([-5.0, 0.5, 9.0]), 0.0, 1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    return Kernel(fn)


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
