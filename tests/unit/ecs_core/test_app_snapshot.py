"""Snapshots of an app, and equal digests for equal runs, in other processes too."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tickwright.ecs_core import App, AppSnapshotError, ManualClock, run_many

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "tests/data/engine/determinism.py"


@pytest.fixture(scope="module")
def model():
    spec = importlib.util.spec_from_file_location("determinism", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["determinism"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["determinism"]


def elsewhere(seed, ticks, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(seed), str(ticks)],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    return ran.stdout.strip()


def test_equal_runs_have_equal_digests_in_other_processes():
    assert elsewhere(3, 25, "1") == elsewhere(3, 25, "2")
    assert elsewhere(3, 25, "1") != elsewhere(4, 25, "1")


def test_a_restored_app_goes_on_like_the_one_that_was_saved(model):
    with model.build() as app, model.build(seed=99) as other:
        app.run(7)
        data = app.snapshot()
        other.run(2)
        other.restore(data)
        assert other.digest() == app.digest()
        with model.build() as fresh:
            fresh.restore(data)
            assert fresh.digest() == app.digest()
        app.run(9)
        other.run(9)
        assert other.digest() == app.digest()
        assert other.world.resource(model.Ledger) == app.world.resource(model.Ledger)


def test_every_torn_or_foreign_snapshot_is_refused_and_changes_nothing(model):
    with model.build() as app:
        app.run(4)
        data = app.snapshot()
        app.run(1)
        before = app.digest()
        for cut in range(0, len(data), max(1, len(data) // 60)):
            with pytest.raises(AppSnapshotError):
                app.restore(data[:cut])
            with pytest.raises(AppSnapshotError):
                app.restore(data[:cut] + bytes([data[cut] ^ 1]) + data[cut + 1 :])
        assert app.digest() == before


def test_what_an_app_does_not_know_is_one_list(model):
    with model.build() as app, App(clock=ManualClock()) as bare:
        app.run(2)
        app.world.send(model.Sold(3))  # of the events only those that somebody has not read yet
        with pytest.raises(AppSnapshotError) as caught:
            bare.restore(app.snapshot())
        kinds = [name.split()[0] for name in caught.value.unknown]
        assert sorted(set(kinds)) == ["event", "resource", "state"]
        assert bare.time.tick == 0


def test_run_many_runs_each_seed_and_collects(model):
    results = run_many(model.build, [1, 2, 1], 5, collect=lambda app: app.time.tick)
    assert [result.value for result in results] == [5, 5, 5]
    assert results[0].digest == results[2].digest != results[1].digest


def test_run_many_in_processes_gives_the_same(model):
    here = run_many(make, [1, 2], 3)
    assert run_many(make, [1, 2], 3, workers=2) == here


def make(seed):
    return App(seed=seed, clock=ManualClock())
