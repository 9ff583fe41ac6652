"""The random streams of an app. NumPy's generators are imported with the first of them, not with the engine."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex

from tickwright.ecs_core.errors import TickwrightError

if TYPE_CHECKING:
    from tickwright.ecs_core.rng import Rng

__all__ = ["Streams"]

_TOO_LARGE = 1 << 64


class Streams:
    """All random streams of an app, made on demand from (seed, name).

    Raises:
        TickwrightError: a seed that is no int of at most 64 bits.
    """

    def __init__(self, seed: SupportsIndex = 0) -> None:
        self.seed = _checked(seed)
        self._streams: dict[str, Rng] = {}

    def stream(self, name: str) -> Rng:
        """Return the stream of that name; the same seed and name give the same numbers anywhere."""
        found = self._streams.get(name)
        if found is None:
            found = self._streams[name] = _stream_of(f"{self.seed}:{name}")
        return found

    def state(self) -> dict[str, Any]:
        """Return every stream's state as plain data (integers as text: they exceed 64 bits)."""
        return {name: _state_of(stream) for name, stream in sorted(self._streams.items())}

    def restore(self, seed: int, state: Mapping[str, Any]) -> None:
        """Put every stream where `state` says."""
        self.seed = seed
        for name, stream in self._streams.items():
            if name not in state:
                fresh = Streams(seed).stream(name)
                stream.bit_generator.state = fresh.bit_generator.state
        for name, values in state.items():
            stream = self.stream(name)
            stream.bit_generator.state = {
                "bit_generator": "PCG64",
                "state": {"state": int(values["state"]), "inc": int(values["inc"])},
                "has_uint32": int(values["has_uint32"]),
                "uinteger": int(values["uinteger"]),
            }


def _checked(seed: SupportsIndex) -> int:
    """Return a seed as snapshots keep it: NumPy's integers are ints there."""
    try:
        found = operator.index(seed)
    except TypeError:
        found = _TOO_LARGE
    if -_TOO_LARGE // 2 <= found < _TOO_LARGE:
        return found
    raise TickwrightError(
        f"{seed!r} is no seed",
        where="App(seed=)",
        expected="an int of at most 64 bits",
        todo="make one of a text by zlib.crc32(text.encode())" if isinstance(seed, str) else "",
    )


def _stream_of(key: str) -> Rng:
    import hashlib

    from numpy.random import PCG64

    from tickwright.ecs_core.rng import Rng

    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return Rng(PCG64(int.from_bytes(digest, "little")))


def _state_of(stream: Rng) -> dict[str, str]:
    state: Mapping[str, Any] = stream.bit_generator.state
    inner = state["state"]
    return {
        "state": str(inner["state"]),
        "inc": str(inner["inc"]),
        "has_uint32": str(state["has_uint32"]),
        "uinteger": str(state["uinteger"]),
    }
