"""Every Luau block of docs/plugins.md is a plugin that loads, and passes its check."""

import re
from pathlib import Path

import pytest

from tickwright.plugins.lua.bare import BareModule
from tickwright.plugins.lua.check import check_source

PAGE = Path(__file__).parents[4] / "docs" / "plugins.md"
BLOCKS = re.findall(r"^```luau\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_block(block: str) -> None:
    assert check_source(block) == []
    module = BareModule(block)
    if "init" in module.functions:
        module.init()
    if "define" in module.functions:
        module.runtime.call("define")


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 3
