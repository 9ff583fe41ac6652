import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tickwright.defaults import MODEL_ALIASES, DefaultPlugins
from tickwright.plugins.cli import generate as command
from tickwright.plugins.cli.live import TreeLive
from tickwright.plugins.cli.main import main
from tickwright.plugins.cli.pipelines import SourceLine, StepLine, run_pipeline
from tickwright.plugins.cli.session import open_app
from tickwright.plugins.providers import Scripted
from tickwright.systems.contracts.events import PipelineChunk
from tickwright.systems.generation import GenerationManager, GenerationPlugin, Model

ROOT = Path(__file__).resolve().parents[4]
VAULT, PLUGINS = ROOT / "examples/vault", ROOT / "examples/plugins"
RESEARCH = ("generate", "research", "--vault", VAULT, "--plugins", PLUGINS / "research.luau")
VARIABLES = ("--var", "user_query=sea lavender", "--var", "current_note=Home")


def run(capsys, *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def test_machines_get_a_line_for_each_thing_that_happens(capsys):
    status, out, _ = run(capsys, *RESEARCH, *VARIABLES, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    kinds = [line["event"] for line in lines]
    assert set(kinds) == {"source", "chunk", "step", "result"}
    assert kinds[0] == "source"
    result = lines[-1]
    assert (result["event"], result["status"], result["error"]) == ("result", "done", "")
    whole = [line for line in lines if line["event"] == "step" and line["branch"] < 0]
    assert [line["id"] for line in whole] == ["outline", "expand", "synthesize"]
    assert result["tokens"] == sum(line["tokens"] for line in whole)
    last = "".join(line["content"] for line in lines if line["event"] == "chunk" and line["step"] == "synthesize")
    assert last == result["result"]


def test_people_get_the_context_the_text_and_the_steps(capsys):
    status, out, _ = run(capsys, *RESEARCH, *VARIABLES)
    assert status == 0
    assert out.index("semantic_search") < out.index("outline:") < out.index("[done] synthesize after expand")
    assert "done: " in out.splitlines()[-1]


def test_people_get_the_answer_of_a_pipeline_that_does_not_stream(capsys, tmp_path):
    define = 'function M.define() return { id = "p", strategy = { type = "single", prompt = "A pony?" } } end'
    (tmp_path / "p.luau").write_text(f"--!strict\nlocal M = {{}}\n{define}\nreturn M\n")
    status, out, _ = run(capsys, "generate", "p", "--vault", VAULT, "--plugins", tmp_path)
    assert status == 0
    assert out.index("[done] main") < out.index("no model was asked") < out.index("done: ")


@pytest.mark.parametrize("text", ["word " * 400, "line\n" * 40, "w" * 2000])
def test_a_terminal_shows_the_tree_and_the_newest_rows_of_the_text(text):
    tree = TreeLive("p [x]")
    tree(PipelineChunk(pipeline="p", run="1", step="a", content=text + "END", is_final=False))
    console = Console(width=80, height=100)
    rows = [row.rstrip() for row in "".join(each.text for each in console.render(tree.drawn())).splitlines()]
    assert rows[:2] == ["p [x]", f"└── writing a, {len(text) + 3} characters"]
    assert len(rows) == 2 + TreeLive.LINES + 2
    assert "END" in rows[-2]


def test_a_dry_run_asks_no_model(capsys, monkeypatch):
    scripted = Scripted("never")
    group = DefaultPlugins().replacing(GenerationPlugin(models=dict.fromkeys(MODEL_ALIASES, scripted)))
    monkeypatch.setattr(command, "features", lambda *_, **__: group)
    status, out, _ = run(capsys, *RESEARCH, *VARIABLES, "--dry-run", "--json")
    plan = json.loads(out)
    assert (status, scripted.requests) == (0, [])
    assert [step["id"] for step in plan["steps"]] == ["outline", "expand", "synthesize"]
    assert plan["steps"][1] == {
        "id": "expand",
        "model": "capable",
        "after": ["outline"],
        "parallel_on": "outline.sections",
    }
    assert all(source["used"] + source["dropped"] == source["asked"] for source in plan["sources"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--provider", "oracle"), "no provider 'oracle'"),
        (("--var", "user_query"), "'user_query' is no variable"),
        (("--var", "user_query=x"), "missing variables: current_note"),
    ],
)
def test_bad_words_are_status_2(capsys, words, said):
    status, out, err = run(capsys, *RESEARCH, *words)
    assert (status, out) == (2, "")
    assert said in err
    assert "expected" in err


def test_an_unknown_pipeline_is_told_with_those_there_are(capsys):
    status, _, err = run(capsys, "generate", "dance", "--plugins", PLUGINS / "research.luau")
    assert status == 2
    assert "no pipeline 'dance'" in err
    assert "expected research" in err


def test_a_reader_that_leaves_early_is_no_traceback():
    code = "from tickwright.plugins.cli.main import main; main()"
    words = [str(word) for word in (*RESEARCH, *VARIABLES, "--json")]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        assert ran.stdout.readline().startswith('{"event": "source"')
        ran.stdout.close()
        assert "Traceback" not in ran.stderr.read()


def test_a_question_is_answered_from_the_vault(capsys):
    question = "Who decides about the breach?"
    status, out, _ = run(capsys, "complete", question, "--vault", VAULT)
    assert status == 0
    assert "[[Tomas Okafor]] on site" in out
    status, out, _ = run(capsys, "complete", question, "--vault", VAULT, "--json")
    assert "[[Tomas Okafor]] on site" in json.loads(out)["answer"]
    assert json.loads(out)["prompt"] == question


def test_pipelines_are_checked_and_drawn(capsys, tmp_path):
    status, out, _ = run(capsys, "pipeline", "check", PLUGINS / "research.luau", "--json")
    (row,) = json.loads(out)
    assert (status, row["pipeline"], row["inputs"]) == (0, "research", ["user_query", "current_note"])
    status, out, _ = run(capsys, "pipeline", "graph", PLUGINS / "research.luau")
    assert (status, out.splitlines()[0]) == (0, "flowchart TD")
    definition = {"id": "one", "strategy": {"type": "single", "prompt": "About ${topic}"}}
    (tmp_path / "one.json").write_text(json.dumps(definition))
    status, out, _ = run(capsys, "pipeline", "check", tmp_path / "one.json")
    assert (status, out.splitlines()[0].rpartition(": ")[2]) == (0, "one(topic)")


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ({"type": "single"}, "prompt"),
        ({"type": "chain", "steps": [{"id": "a", "prompt": "${b.result}"}]}, "b"),
    ],
)
def test_a_wrong_definition_is_told_with_its_path(capsys, tmp_path, strategy, said):
    (tmp_path / "wrong.json").write_text(json.dumps({"id": "wrong", "strategy": strategy}))
    status, out, err = run(capsys, "pipeline", "check", tmp_path / "wrong.json")
    assert (status, out) == (2, "")
    assert said in err
    assert f"({tmp_path / 'wrong.json'}: strategy" in err


def test_a_file_without_pipelines_is_told(capsys):
    assert run(capsys, "pipeline", "check", PLUGINS / "review.luau")[:2] == (0, "no pipelines found\n")


def test_a_run_is_told_in_order_and_what_raises_there_is_the_callers():
    told: list[object] = []
    models = {"default": Model("scripted", Scripted("one two three"))}
    group = DefaultPlugins().replacing(GenerationPlugin(models=models))
    definition = {
        "id": "p",
        "context": {"system": "Be short."},
        "strategy": {"type": "single", "prompt": "Say ${what}"},
        "streaming": {"enabled": True},
    }
    with open_app(None, features=group) as app:
        app.world.resource(GenerationManager).register(definition)
        seen = run_pipeline(app, "p", {"what": "it"}, tell=told.append)
        assert seen.result.final_result == "one two three"
        kinds = [type(each) for each in told]
        assert kinds[0] is SourceLine
        assert kinds[-1] is StepLine
        assert PipelineChunk in kinds
        assert seen.characters == len("one two three")

        def leave(_: object) -> None:
            raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            run_pipeline(app, "p", {"what": "it"}, tell=leave)
