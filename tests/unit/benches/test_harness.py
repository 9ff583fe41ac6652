import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from benches.__main__ import main
from benches.harness import BenchError, Case, Gauge, Subject, Trial, measure

ROOT = Path(__file__).resolve().parents[3]
IMPORT_NAMES = {"haystack-ai": "haystack", "python-statemachine": "statemachine", "tcod-ecs": "tcod"}


def _busy(loops):
    def setup():
        seen = []

        def run():
            seen.append(sum(range(loops)))

        return Trial(run, lambda: len(seen) > 0)

    return setup


def test_ratio_is_the_peers_time_over_ours():
    case = Case("t/ratio", 10, [Subject("ours", _busy(10)), Subject("peer", _busy(200_000))], required={"peer": 2})
    ours, peer = measure(case)
    assert ours.ratio_vs["peer"] == pytest.approx(peer.median_s / ours.median_s)
    assert ours.verdict == "ok"
    assert ours.per_item_ns == pytest.approx(ours.median_s / 10 * 1e9)


def test_a_missed_requirement_is_said():
    case = Case("t/miss", 1, [Subject("ours", _busy(200_000)), Subject("peer", _busy(10))], required={"peer": 2})
    assert measure(case, quick=True)[0].verdict == "missed"


def test_subjects_that_disagree_are_never_timed():
    timed = []
    wrong = Subject("peer", lambda: Trial(lambda: timed.append(1), lambda: "other"))
    with pytest.raises(BenchError, match="peer computed 'other'"):
        measure(Case("t/wrong", 1, [Subject("ours", _busy(1)), wrong]))
    assert timed == [1]


def test_fresh_subjects_are_prepared_for_each_sample():
    prepared = []

    def setup():
        prepared.append(1)
        return Trial(lambda: None)

    measure(Case("t/fresh", 1, [Subject("ours", setup, fresh=True)], rounds=4))
    assert len(prepared) == 5  # one for the check, four samples


def test_gauge_compares_with_its_limit():
    row = measure(Gauge("t/bytes", 1, lambda: 130.0, "B", required=120, wanted=60))[0]
    assert (row.value, row.verdict) == (130.0, "missed")
    assert measure(Gauge("t/bytes", 1, lambda: 50.0, "B", required=120, wanted=60))[0].verdict == "wanted"


def test_unknown_case_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["no/such/case"])
    assert stopped.value.code == 2
    assert "no case matches" in capsys.readouterr().err


def test_listing_gives_names_only(capsys):
    assert main(["--list"]) == 0
    assert all(" " not in line for line in capsys.readouterr().out.splitlines())


def _imported_at_the_top(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def test_peers_are_imported_only_by_the_cases_that_need_them():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["bench"]
    peers = {IMPORT_NAMES.get(name, name) for name in (re.split("[<>=~]", each)[0] for each in extra)} | {"esper"}
    assert peers & _imported_at_the_top("import blinker\n") == {"blinker"}
    for module in sorted((ROOT / "benches").glob("bench_*.py")):
        assert peers.isdisjoint(_imported_at_the_top(module.read_text())), module.name


def test_json_rows_have_the_promised_keys(tmp_path, monkeypatch):
    case = Case("t/one", 5, [Subject("ours", _busy(10)), Subject("peer", _busy(10))])
    monkeypatch.setattr("benches.__main__._discover", lambda quick: [case])
    target = tmp_path / "rows.json"
    assert main(["--quick", "--json", str(target)]) == 0
    rows = json.loads(target.read_text())
    assert {"case", "size", "subject", "median_s", "per_item_ns", "ratio_vs"} <= rows[0].keys()
    assert [row["subject"] for row in rows] == ["ours", "peer"]
