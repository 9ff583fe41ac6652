"""CRC-32 of buffers, chunk by chunk, large ones on two threads: zlib lets go of the interpreter while it computes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

__all__ = ["checks_hold", "checksums"]

_CHUNK = 4 << 20  # bytes
_LARGE = 4  # chunks; fewer take less time than a thread's start
Check = tuple[int, int]


def checksums(parts: Sequence[bytes | memoryview]) -> list[Check]:
    """Return (length, CRC-32) of each chunk of the parts, in order; empty parts have none.

    >>> checksums([b"ab", b""]) == [(2, zlib.crc32(b"ab"))]
    True
    """
    chunks = [chunk for part in parts for chunk in _chunks(memoryview(part).cast("B"))]
    return list(zip(map(len, chunks), _crcs(chunks), strict=True))


def checks_hold(body: memoryview, checks: Sequence[Check]) -> bool:
    """Return whether a body has these checksums, in order and up to its end."""
    chunks, position = [], 0
    for length, _ in checks:
        chunks.append(body[position : position + length])
        position += length
    return position == len(body) and _crcs(chunks) == [crc for _, crc in checks]


def _chunks(part: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(part), _CHUNK):
        yield part[start : start + _CHUNK]


def _crcs(chunks: Sequence[memoryview]) -> list[int]:
    if sum(map(len, chunks)) < _LARGE * _CHUNK:
        return [zlib.crc32(chunk) for chunk in chunks]
    with ThreadPoolExecutor(2, "tickwright checksum") as pool:
        return list(pool.map(zlib.crc32, chunks))
