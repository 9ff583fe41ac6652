import json
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tickwright.ecs_core import ManualClock
from tickwright.plugins.cli.activity import Activity, Totals
from tickwright.plugins.cli.main import main
from tickwright.plugins.cli.requests import perform, read_requests
from tickwright.plugins.cli.session import open_app
from tickwright.systems.contracts.events import PipelineStepFinished, emit
from tickwright.systems.tools import Tools

ROOT = Path(__file__).resolve().parents[4]
REVIEW = ROOT / "examples/plugins/review.luau"


def requests(tmp_path: Path, *lines: dict[str, object]) -> Path:
    file = tmp_path / "do.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_every_kind_of_request_is_done(tmp_path):
    file = requests(
        tmp_path,
        {"do": "save", "path": "a.md", "content": "x"},
        {"do": "start", "flow": "review", "subject": "a.md", "user": "ann"},
        {"do": "send", "flow": "review", "subject": "a.md", "action": "submit", "user": "ann"},
        {"do": "tool", "name": "double", "args": {"n": 4}},
        {"do": "emit", "event": "my:event", "payload": {"n": 1}},
        {"do": "delete", "path": "a.md"},
    )
    with open_app(None, [REVIEW], clock=ManualClock()) as app:
        app.world.resource(Tools).register("double", lambda n: {"n": 2 * n}, {"n": "int"})
        answers = list(perform(app, read_requests(file)))
        named = requests(
            tmp_path, {"do": "send", "instance": answers[1].result["instance"], "action": "approve", "user": "ann"}
        )
        answers += perform(app, read_requests(named))
        app.settle()
        by_event = app.world.resource(Activity).by_event
    assert [answer.request for answer in answers] == ["save", "start", "send", "tool", "emit", "delete", "send"]
    assert answers[0].result.saved
    assert answers[2].result["new_state"] == "pending"
    assert answers[3].result == {"n": 8}
    assert answers[5].result.saved
    assert answers[6].result["guard"] == "canApprove"
    assert by_event["my:event"] == 1
    assert by_event["flow:rejected"] == 1
    assert by_event["flow:transitioned"] == 1


def test_sending_to_nobody_says_what_to_do(tmp_path):
    file = requests(tmp_path, {"do": "send", "flow": "review", "subject": "b.md", "action": "submit"})
    with open_app(None, [REVIEW]) as app:
        (answer,) = perform(app, read_requests(file))
    assert answer.failed.startswith(f"{file}:1: no instance of flow 'review' about 'b.md'")
    assert "Start one first" in answer.result["error"]


def test_tasks_that_still_wait_are_told(tmp_path, capsys):
    (tmp_path / "vault").mkdir()
    plugin = tmp_path / "patient.luau"
    plugin.write_text("return { init = function(ctx) ctx:task(function() ctx:waitTicks(3) end) end }")
    for words, left in ((["--ticks", "2"], 1), (["--ticks", "9"], 0)):
        with pytest.raises(SystemExit):
            main(["run", str(tmp_path / "vault"), "--plugins", str(plugin), *words])
        assert ("still waiting: 1 of the plugins' tasks" in capsys.readouterr().out) == bool(left)


def test_totals_count_ticks_steps_and_tokens():
    with open_app(None, clock=ManualClock()) as app:
        for tokens in (5, 7):
            emit(app.world, PipelineStepFinished(pipeline="p", run="1", step="s", status="done", tokens_used=tokens))
        app.update()
        app.update()
        assert app.world.resource(Activity).totals == Totals(ticks=2, events=2, transitions=0, steps=2, tokens=12)


def test_a_failed_plugin_closes_what_was_opened(tmp_path):
    bad = tmp_path / "bad.luau"
    bad.write_text("return 1")
    closed = []
    from tickwright.ecs_core import Plugin, PluginGroup

    class Watched(Plugin):
        def cleanup(self, ctx):
            closed.append(self.name)

    with pytest.raises(Exception, match="bad"):
        open_app(None, [bad], features=PluginGroup(Watched()))
    assert closed == ["Watched"]


def test_run_ticks_as_often_as_asked(capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        main(["run", str(ROOT / "examples/vault"), "--ticks", "3"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "  notes    37" in out
    assert out.splitlines()[-1].split() == ["3", "0", "0", "0", "0"]


def test_the_main_job_runs_on_a_users_own_folder(capsys, tmp_path):
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / "Kites.md").write_text("# Kites\n\nA kite needs a steady wind. See [[Lines]].\n")
    (vault / "Lines.md").write_text("# Lines\n\nBraided lines stretch less than twisted ones.\n")
    file = requests(
        tmp_path,
        {"do": "save", "path": "Empty.md", "content": ""},
        {"do": "save", "path": "Tails.md", "content": "A tail steadies a kite."},
        {"do": "start", "flow": "review", "subject": "Tails.md", "user": "ann"},
        {"do": "send", "flow": "review", "subject": "Tails.md", "action": "submit", "user": "ann"},
        {"do": "send", "flow": "review", "subject": "Tails.md", "action": "approve", "user": "ann"},
        {"do": "send", "flow": "review", "subject": "Tails.md", "action": "approve", "user": "bob"},
        {"do": "generate", "pipeline": "research", "variables": {"user_query": "steady kite", "current_note": "Kites"}},
    )
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                "run",
                str(vault),
                "--plugins",
                str(ROOT / "examples/plugins"),
                "--do",
                str(file),
                "--until-idle",
                "--json",
            ]
        )
    report = json.loads(capsys.readouterr().out)
    assert stopped.value.code == 0
    assert report["notes"] == 3
    results = [answer["result"] for answer in report["answers"]]
    assert results[0]["reason"] == "Empty note not allowed"
    assert (vault / "Tails.md").read_text().startswith("A tail steadies a kite.\n<!-- modified: ")
    assert results[4]["guard"] == "canApprove"
    assert [(flow["definition"], flow["state"], flow["subject"]) for flow in report["flows"]] == [
        ("review", "approved", "Tails.md")
    ]
    (done,) = report["runs"]
    assert (done["pipeline"], done["status"], done["error"]) == ("research", "done", "")
    assert "> A tail steadies a kite." in done["result"]
    assert report["totals"]["tokens"] == done["tokens"] > 0
    assert report["totals"]["transitions"] == 2
    assert report["failures"] == []


def test_flows_and_runs_are_kept_between_runs(capsys, tmp_path):
    (tmp_path / "vault").mkdir()
    state = tmp_path / "state"

    def run(*lines: dict[str, object]) -> dict[str, object]:
        words = ["run", tmp_path / "vault", "--plugins", ROOT / "examples/plugins", "--state", state, "--json"]
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in (*words, "--do", requests(tmp_path, *lines))])
        assert stopped.value.code == 0
        return json.loads(capsys.readouterr().out)

    about = {"flow": "review", "subject": "a.md"}
    run(
        {"do": "save", "path": "a.md", "content": "Tides turn."},
        {"do": "start", **about, "user": "ann"},
        {"do": "send", **about, "action": "submit", "user": "ann"},
        {"do": "generate", "pipeline": "explain", "variables": {"question": "guard"}},
    )
    kept = run()
    assert [(flow["state"], flow["subject"]) for flow in kept["flows"]] == [("pending", "a.md")]
    assert [(one["pipeline"], one["status"]) for one in kept["runs"]] == [("explain", "done")]
    refused, approved = run(
        {"do": "send", **about, "action": "approve", "user": "ann"},
        {"do": "send", **about, "action": "approve", "user": "bob"},
    )["answers"]
    assert refused["result"]["guard"] == "canApprove", "the context, which names the submitter, was kept"
    assert approved["result"]["new_state"] == "approved"
    assert [flow["done"] for flow in run()["flows"]] == [True]


def test_watching_tells_of_edits_until_it_is_interrupted(tmp_path):
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / "a.md").write_text("# A\n")
    code = "from tickwright.plugins.cli.main import main; main()"
    words = ["run", str(vault), "--watch", "--json"]
    with subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True) as ran:
        assert ran.stdout is not None
        (vault / "b.md").write_text("# B\n")  # before or after the vault is loaded
        while ran.poll() is None:
            (vault / "a.md").write_text(f"# A {time.monotonic()}\n")
            if select.select([ran.stdout], [], [], 0.5)[0]:
                break
        first = json.loads(ran.stdout.readline())
        ran.send_signal(signal.SIGINT)
        rest = [json.loads(line) for line in ran.stdout]
    assert first["event"] in ("note:saved", "note:parsed")
    assert first["subject"] in ("a.md", "b.md")
    assert rest[-1]["notes"] == 2
    assert ran.returncode == 0


def test_watching_tells_of_plugins_that_were_reloaded_or_could_not_be(tmp_path):
    (tmp_path / "vault").mkdir()
    plugin = tmp_path / "small.luau"
    plugin.write_text("local M = {}\nfunction M.init(ctx) end\nreturn M\n")
    code = "from tickwright.plugins.cli.main import main; main()"
    words = ["run", str(tmp_path / "vault"), "--plugins", str(plugin), "--watch"]
    with subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True) as ran:
        assert ran.stderr is not None
        told = []
        for text in ("local M = {}\nfunction M.init(ctx) end\nreturn M\n", "return (\n"):
            while ran.poll() is None:
                plugin.write_text(f"-- {time.monotonic()}\n{text}")  # before or after it is loaded: then once more
                if select.select([ran.stderr], [], [], 0.5)[0]:
                    break
            told.append(ran.stderr.readline())
            while select.select([ran.stderr], [], [], 0.5)[0]:
                ran.stderr.readline()
        ran.send_signal(signal.SIGINT)
    assert told[0] == "plugin 'small' is reloaded\n"
    assert "small.luau:3, in compiling" in told[1]
    assert ran.returncode == 1, "something failed"
