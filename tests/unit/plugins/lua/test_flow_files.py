"""A .luau file serves the testing kit as definition and handlers."""

import sys

import pytest

from tickwright.plugins.lua import PluginLoadError
from tickwright.plugins.lua.flow_files import load_flow_file, load_flow_files
from tickwright.systems.flows.testing import check_flow, invariant, quiet_settings

SOURCE = """
local M = {}
function M.canApprove(ctx, event) return ctx:context().submitter ~= ctx:currentUser() end
function M.onApproved(ctx, event)
    ctx:setContext("approver", event.user)
    ctx:emit("workflow:completed", { note = ctx:subject() })
end
function M.define()
    return {
        id = "lua_review", initial = "draft", context = { submitter = "ann" },
        states = {
            draft = { on = { submit = "pending" } },
            pending = { on = { approve = "approved" }, guards = { approve = "canApprove" } },
            approved = { type = "final", enter = "onApproved" },
        },
    }
end
return M
"""


@invariant("four eyes")
def four_eyes(seen):
    return all(each.context.get("approver") != "ann" for each in seen.instances)


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "review.luau"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def loaders(tmp_path, monkeypatch):
    """The entry points of the installed package, whatever state the installation is in."""
    info = tmp_path / "site" / "flow_files_for_a_test-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flow-files-for-a-test\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[tickwright.flow_files]\nluau = tickwright.plugins.lua.flow_files:load_flow_file\n"
    )
    monkeypatch.setattr(sys, "path", [str(info.parent), *sys.path])


def test_a_plugins_flow_is_checked_with_its_own_functions(plugin):
    loaded = load_flow_file(plugin)
    report = check_flow(loaded.definition, loaded.handlers, invariants=[four_eyes], settings=quiet_settings(20))
    assert report.ok, report
    assert report.one_sided == {}


def test_a_defect_in_lua_is_found(plugin):
    plugin.write_text(SOURCE.replace("~= ctx:currentUser()", "~= 'nobody'"))
    loaded = load_flow_file(plugin)
    report = check_flow(loaded.definition, loaded.handlers, invariants=[four_eyes], settings=quiet_settings(20))
    assert report.failure.actions == ["submit", "approve"]


def test_check_flow_takes_the_path_itself(plugin, loaders):
    assert check_flow(plugin, settings=quiet_settings(8)).ok
    assert check_flow(str(plugin), settings=quiet_settings(2)).definition == "lua_review"


def test_a_file_with_no_flow_or_several_is_refused(tmp_path):
    path = tmp_path / "none.luau"
    path.write_text("return {}")
    assert load_flow_files(path) == []
    with pytest.raises(PluginLoadError, match="defines 0 flows"):
        load_flow_file(path)
