"""Checksums of buffers: by ISA-L and by zlib the same ones, and none holds for other bytes."""

import importlib.util
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.ecs_core import checksum

PARTS = st.lists(st.binary(max_size=300))


@pytest.fixture(scope="module")
def without_wheel():
    """Return the module as it is where ISA-L cannot be installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "isal", None)
        spec = importlib.util.spec_from_file_location("checksum_without_wheel", checksum.__file__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    assert module.crc32 is zlib.crc32
    return module


def test_the_fast_way_is_taken_where_it_is_installed():
    fast = pytest.importorskip("isal.isal_zlib", reason="there is no wheel of isal for this machine")
    assert checksum.crc32 is fast.crc32


@given(PARTS)
def test_both_ways_give_the_same_checks_and_accept_each_others(without_wheel, parts):
    checks = checksum.checksums(parts)
    assert checks == without_wheel.checksums(parts) == [(len(part), zlib.crc32(part)) for part in parts if part]
    body = memoryview(b"".join(parts))
    assert checksum.checks_hold(body, checks)
    assert without_wheel.checks_hold(body, checks)


@given(PARTS, st.data())
def test_no_checks_hold_for_a_changed_body(without_wheel, parts, data):
    body, checks = bytearray(b"".join(parts)), checksum.checksums(parts)
    how = data.draw(st.sampled_from(["longer", "shorter", "flipped"] if body else ["longer"]))
    if how == "longer":
        body.append(0)
    elif how == "shorter":
        del body[data.draw(st.integers(0, len(body) - 1)) :]
    else:
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for module in (checksum, without_wheel):
        assert not module.checks_hold(memoryview(bytes(body)), checks)


def test_sizes_are_bytes_whatever_a_buffer_holds():
    numbers = np.arange(5, dtype=np.float64)
    assert checksum.checksums([numbers.data]) == [(40, zlib.crc32(numbers.tobytes()))]
