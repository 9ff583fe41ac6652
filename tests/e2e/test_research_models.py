"""The sketches' research pipeline, verbatim in Luau, over the example vault: without a model, and with a real one."""

from pathlib import Path

import anyio
import msgspec
import pytest

from tests.e2e.test_local_model import KEY, client, model, proxy
from tickwright.ecs_core import App
from tickwright.plugins.lua import LuaPlugins
from tickwright.plugins.providers import Extractive
from tickwright.plugins.vault import VaultPlugin
from tickwright.systems.generation import GenerationManager, GenerationPlugin, Model
from tickwright.systems.hooks import Hooks, HooksPlugin
from tickwright.systems.notes import NotesPlugin
from tickwright.systems.tools import ToolsPlugin

ROOT = Path(__file__).resolve().parents[2]
ALIASES = ("default", "fast", "capable")
VARIABLES = {"user_query": "How fast does the mud accrete behind the breach?", "current_note": "Home.md"}


def research(chosen: Model, *, backend: str = "asyncio"):
    """Return (result, chunks heard by hooks as (step, text))."""
    app = App().add_plugins(
        HooksPlugin(), ToolsPlugin(), NotesPlugin(), VaultPlugin(ROOT / "examples" / "vault"),
        GenerationPlugin(models=dict.fromkeys(ALIASES, chosen)),
        LuaPlugins(ROOT / "tests" / "data" / "plugins" / "research_pipeline.luau"),
    )  # fmt: skip
    heard = []
    with app:
        app.world.resource(Hooks).on("generation:chunk", lambda event, ctx: heard.append(event.payload))
        run = app.world.resource(GenerationManager).run
        result = anyio.run(run, "research_pipeline", VARIABLES, backend=backend)
        app.settle()
    return result, [(chunk["step"], chunk["content"]) for chunk in heard]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_without_a_model_it_gives_several_sections_quoted_from_the_vault(backend):
    result, heard = research(Model("extractive", Extractive()), backend=backend)
    assert list(result.steps) == ["outline", "expand", "synthesize"]
    sections = result.steps["expand"].results
    assert len(sections) >= 3
    assert all(text.startswith("## ") and "no model wrote this" in text for text in sections)
    assert "no model wrote this" in result.final_result
    vault = "\n".join(path.read_text() for path in (ROOT / "examples" / "vault").rglob("*.md"))
    quoted = [line[2:] for line in result.final_result.splitlines() if line.startswith("> ")]
    assert len(quoted) >= 3
    assert all(" ".join(line.split()) in " ".join(vault.split()) for line in quoted)
    for step in ("outline", "synthesize"):
        assert "".join(text for name, text in heard if name == step) == result.steps[step].result
    context = result.steps["outline"].context
    assert all(report.used + report.dropped == report.asked for report in context.report)
    assert context.total_tokens <= 8000


class Short:
    """A model that is asked for short answers, always the same: the sketch limits none, and the window is small."""

    def __init__(self, inner):
        self.inner = inner

    def stream(self, request):
        return self.inner.stream(msgspec.structs.replace(request, max_tokens=32, temperature=0.0, seed=1))


@pytest.mark.local_model
def test_with_a_real_model_in_this_process():
    result, heard = research(Model("local", Short(model()), window=1024))
    assert list(result.steps) == ["outline", "expand", "synthesize"]
    for step in result.steps.values():
        assert step.result.strip()
        assert step.usage.input > 0
        assert step.usage.output > 0
    assert result.steps["outline"].context.total_tokens < 1024
    assert result.steps["outline"].context.truncated
    assert "".join(text for name, text in heard if name == "synthesize") == result.final_result


@pytest.mark.local_model
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_disconnect_is_retried_once_over_real_http(backend):
    async def main():
        async with proxy([0]) as url:
            served = Model("served", client(url), window=1024)
            app = App().add_plugins(HooksPlugin(), GenerationPlugin(models={"default": served}))
            strategy = {"type": "single", "prompt": "Say hello."}
            with app:
                manager = app.world.resource(GenerationManager)
                manager.register({"id": "hello", "context": {}, "strategy": strategy})
                return await manager.run("hello", {})

    result = anyio.run(main, backend=backend)
    assert result.steps["main"].attempts == 2
    assert result.final_result.strip()
    assert KEY not in repr(result)
