"""Random systems over random worlds: threads, schedules, snapshots and other processes change nothing."""

import base64
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tickwright.ecs_core import Update

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests/data/engine/random_systems.py"


def load():
    found = sys.modules.get("random_systems")
    if found is None:
        spec = importlib.util.spec_from_file_location("random_systems", SCRIPT)
        found = sys.modules["random_systems"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    return found


model = load()
SYSTEM = st.tuples(st.sampled_from(model.SYSTEMS), st.integers(0, len(model.FILTERS) - 1), st.integers(1, 3))
PLANS = st.fixed_dictionaries(
    {
        "systems": st.lists(SYSTEM, min_size=1, max_size=10),
        "order": st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=10),
    }
)


def run(plan, seed, ticks, **options):
    with model.build(plan, seed, **options) as app:
        app.run(ticks)
        return app.digest()


@settings(max_examples=25)
@given(PLANS, st.integers(0, 99), st.integers(1, 6))
def test_equal_apps_go_alike(plan, seed, ticks):
    assert run(plan, seed, ticks) == run(plan, seed, ticks)


@settings(max_examples=25)
@given(PLANS, st.integers(0, 99), st.integers(1, 6))
def test_threads_give_what_one_thread_gives(plan, seed, ticks):
    assert run(plan, seed, ticks, threads=3) == run(plan, seed, ticks)


@settings(max_examples=40)
@given(PLANS, st.integers(0, 99), st.integers(0, 5), st.integers(0, 5))
def test_a_restored_app_goes_on_like_the_one_that_was_saved(plan, seed, before, after):
    with model.build(plan, seed) as app, model.build(plan, seed + 1) as other, model.build(plan, seed) as fresh:
        app.run(before)
        other.run(3)
        data = app.snapshot()
        for each in (other, fresh):
            each.restore(data)
            assert each.digest() == app.digest()
        for _ in range(after):
            for each in (app, other, fresh):
                each.update()
            assert other.digest() == fresh.digest() == app.digest()
        assert other.snapshot() == fresh.snapshot()


@settings(max_examples=3, phases=[Phase.generate])
@given(st.lists(st.tuples(PLANS, st.integers(0, 99), st.integers(0, 5), st.integers(0, 5)), min_size=6, max_size=10))
def test_another_process_goes_on_alike(cases):
    lines, expected = [], []
    for plan, seed, before, after in cases:
        with model.build(plan, seed) as app:
            app.run(before)
            saved = base64.b64encode(app.snapshot()).decode()
            app.run(after)
            expected.append(app.digest())
        lines += [json.dumps([plan, seed, before + after, ""]), json.dumps([plan, seed + 7, after, saved])]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    ran = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    found = ran.stdout.split()
    assert found[::2] == expected
    assert found[1::2] == expected


@pytest.mark.parametrize("kind", ["move", "changed", "hear"])
def test_the_plans_do_something(kind):
    plan = {"systems": [("spawn", 0, 2), ("tell", 0, 1), (kind, 1, 1)], "order": []}
    assert run(plan, 1, 3) != run({"systems": [("spawn", 0, 2), ("tell", 0, 1)], "order": []}, 1, 3)


def test_systems_that_cannot_clash_do_share_a_wave():
    plan = {"systems": [("move", 1, 1), ("count all", 1, 1), ("write", 4, 1), ("changed", 0, 1)], "order": []}
    with model.build(plan, 1, threads=3) as app:
        app.run(1)
        runner = app.schedules._runners[Update]
        assert [len(wave) for wave in runner.waves] == [3, 1]
