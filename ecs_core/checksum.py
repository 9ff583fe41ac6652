"""CRC-32 of buffers: by ISA-L, which takes the processor's own instructions, or by zlib where it has no wheel."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

try:
    from isal import isal_zlib
except ImportError:  # the same values, six times slower
    crc32: Callable[[Any], int] = zlib.crc32
else:
    crc32 = isal_zlib.crc32

__all__ = ["checks_hold", "checksums", "crc32"]

Check = tuple[int, int]


def checksums(parts: Sequence[bytes | memoryview]) -> list[Check]:
    """Return (bytes, CRC-32) of each part, in order; empty parts have none.

    >>> checksums([b"ab", b""]) == [(2, crc32(b"ab"))]
    True
    """
    return [(size, crc32(part)) for part in parts if (size := memoryview(part).nbytes)]


def checks_hold(body: memoryview, checks: Sequence[Check]) -> bool:
    """Return whether a body has these checksums, in order and up to its end."""
    position = 0
    for size, crc in checks:
        if crc32(body[position : position + size]) != crc:
            return False
        position += size
    return position == len(body)
