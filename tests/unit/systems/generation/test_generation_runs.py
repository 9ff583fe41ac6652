"""Runs of all four strategies, streams, completions and what handlers see; on asyncio and trio, in virtual time."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from tests.generation_doubles import Model, chain, make_app, manager, virtually
from tickwright.ecs_core import Objects, Query
from tickwright.systems.contracts.ports import LinkSource, NoteHit
from tickwright.systems.generation import (
    CompletionOptions,
    GenerationError,
    MissingInputError,
    RunCancelledError,
    StepFailedError,
    StreamChunk,
    UnknownModelError,
    UnknownPipelineError,
    count_tokens,
)
from tickwright.systems.generation import Model as GenerationModel
from tickwright.systems.generation.components import StepText
from tickwright.systems.hooks import HookResult, Hooks


def parallel(merge: dict[str, Any], *ids: str) -> dict[str, Any]:
    branches = [{"id": name, "prompt": f"{name}: ${{topic}}"} for name in ids]
    return {"id": "p", "strategy": {"type": "parallel", "branches": branches, "merge": merge}}


def run(
    backend: str, definition: Any, variables: Any = None, *models: Any, handlers: Any = None, **settings: Any
) -> Any:
    async def main() -> Any:
        async with make_app(*(models or (Model(),)), **settings) as app:
            manager(app).register(definition, handlers)
            return await manager(app).run(definition["id"], variables)

    return virtually(backend, main)


def test_single_is_one_step_called_main(anyio_backend: str) -> None:
    result = run(anyio_backend, {"id": "p", "strategy": {"type": "single", "prompt": "Why ${what}?"}}, {"what": "cats"})
    assert (result.pipeline_id, result.final_result, list(result.steps)) == ("p", "Why cats?", ["main"])
    assert (result.total_tokens_used, result.steps["main"].tokens_used) == (10, 10)
    assert (result.status, result.steps["main"].status, result.steps["main"].attempts) == ("done", "done", 1)
    assert result.steps["main"].finish == "stop"


def test_sequential_steps_come_one_after_the_other_and_read_earlier_ones(anyio_backend: str) -> None:
    model = Model(lambda request: request.prompt.upper(), delay_s=1.0)
    steps = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "y"}, {"id": "c", "prompt": "${a.result}${b.result}z"}]
    result = run(anyio_backend, {"id": "p", "strategy": {"type": "sequential", "steps": steps}}, None, model)
    assert result.final_result == "XYZ"
    assert [(what, step) for what, step, _, _ in model.log] == [
        ("begin", "a"), ("end", "a"), ("begin", "b"), ("end", "b"), ("begin", "c"), ("end", "c"),
    ]  # fmt: skip
    assert model.log[-1][3] == pytest.approx(3.0)


def test_parallel_branches_run_at_the_same_virtual_time(anyio_backend: str) -> None:
    model = Model(delay_s=lambda request: {"a": 3.0, "b": 1.0, "c": 2.0}[request.step])
    result = run(
        anyio_backend, parallel({"type": "concatenate", "separator": "|"}, "a", "b", "c"), {"topic": "t"}, model
    )
    assert result.final_result == "a: t|b: t|c: t"
    assert model.peak == 3
    assert max(at for _, _, _, at in model.log) == pytest.approx(3.0)


def test_pick_best_asks_a_judge_or_a_handler_and_ties_go_to_the_first(anyio_backend: str) -> None:
    def answer(request: Any) -> str:
        return json.dumps({"scores": [3, 9.5, 9.5]}) if request.step == "merge" else request.prompt

    model = Model(answer)
    result = run(
        anyio_backend, parallel({"type": "pick_best", "criteria": "Wit?"}, "a", "b", "c"), {"topic": "t"}, model
    )
    assert (result.final_result, list(result.steps["merge"].scores)) == ("b: t", [3.0, 9.5, 9.5])
    assert model.requests[-1].prompt.startswith("Wit?\n\nScore each of the 3 answers")
    assert model.requests[-1].json_schema["properties"]["scores"]["minItems"] == 3
    named = {"type": "pick_best", "criteria": "longest"}
    result = run(
        anyio_backend,
        parallel(named, "aa", "b", "cc"),
        {"topic": "t"},
        handlers={"longest": lambda text, ctx: len(text)},
    )
    assert (result.final_result, list(result.steps["merge"].scores)) == ("aa: t", [5.0, 4.0, 5.0])


def test_summarize_shows_the_results_unless_the_prompt_names_them(anyio_backend: str) -> None:
    result = run(anyio_backend, parallel({"type": "summarize", "prompt": "Sum:"}, "a", "b"), {"topic": "t"})
    assert result.final_result == "Sum:\n\na: t\n\nb: t"
    result = run(anyio_backend, parallel({"type": "summarize", "prompt": "${b.result}+"}, "a", "b"), {"topic": "t"})
    assert result.final_result == "b: t+"


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ('{"sections": ["one", {"title": "two"}]}', ["one", '{"title":"two"}']),
        ('Here:\n```json\n["one", "two"]\n```', ["one", "two"]),
        ("# T\n## one\nx\n## two", ["## one\nx", "## two"]),
        ("Points:\n1. one\n2. two", ["one", "two"]),
        ("just one", ["just one"]),
        ("[]", []),
        ("  ", []),
    ],
)
def test_a_mapped_step_runs_once_per_part_in_order(anyio_backend: str, said: str, parts: list[str]) -> None:
    model = Model(
        lambda request: said if request.step == "outline" else request.prompt,
        delay_s=lambda request: 5.0 - len(request.prompt) % 5,
    )
    steps = [
        {"id": "outline", "prompt": "o"},
        {"id": "expand", "prompt": "Expand: ${outline.result}", "parallelOn": "outline.sections"},
        {"id": "all", "prompt": "${expand.results}!"},
    ]
    result = run(anyio_backend, chain(*steps), None, model)
    wanted = [f"Expand: {part}" for part in parts]
    assert list(result.steps["expand"].results) == wanted
    assert result.final_result == "\n\n".join(wanted) + "!"
    assert [branch.branch for branch in result.steps["expand"].branches] == list(range(len(parts)))


def test_item_index_and_json_paths(anyio_backend: str) -> None:
    steps = [
        {"id": "plan", "prompt": "p", "schema": {"type": "object", "required": ["todo"]}},
        {"id": "each", "prompt": "${index}. ${item.name} of ${plan.json.title}", "parallel_on": "plan.todo"},
    ]
    said = json.dumps({"title": "T", "todo": [{"name": "x"}, {"name": "y"}]})
    model = Model(lambda request: said if request.step == "plan" else request.prompt)
    result = run(anyio_backend, chain(*steps), None, model)
    assert list(result.steps["each"].results) == ["0. x of T", "1. y of T"]
    assert result.steps["plan"].json == {"title": "T", "todo": [{"name": "x"}, {"name": "y"}]}


def test_missing_inputs_are_one_error_before_anything_starts(anyio_backend: str) -> None:
    model = Model()
    definition = chain({"id": "a", "prompt": "${x} ${y} ${z}"}, context={"system": "${w}"})
    with pytest.raises(MissingInputError, match=r"missing variables: x, z, w") as caught:
        run(anyio_backend, definition, {"y": 1, "z": None}, model)
    assert caught.value.missing == ("x", "z", "w")
    assert model.log == []


def test_texts_that_are_filled_in_are_never_templates(anyio_backend: str) -> None:
    model = Model(lambda request: "${topic} <|endoftext|> $$")
    steps = [{"id": "a", "prompt": "${topic}"}, {"id": "b", "prompt": "$$${a.result}"}]
    run(anyio_backend, chain(*steps), {"topic": "${a.result} $$"}, model)
    assert model.asked() == ["${a.result} $$", "$${topic} <|endoftext|> $$"]


class TestStreams:
    def collect(self, backend: str, definition: Any, model: Model, **extra: Any) -> list[StreamChunk]:
        async def main() -> list[StreamChunk]:
            async with make_app(model) as app:
                manager(app).register(definition, **extra)
                return [chunk async for chunk in manager(app).run_streaming(definition["id"], {})]

        return list(virtually(backend, main))

    def test_chunks_come_in_order_and_the_last_is_final(self, anyio_backend: str) -> None:
        model = Model(lambda request: ["one ", 1.0, "two ", 1.0, "three"])
        chunks = self.collect(anyio_backend, chain({"id": "a", "prompt": "x"}, streaming={"bufferSize": 1}), model)
        assert [(each.step_id, each.content, each.is_final) for each in chunks] == [
            ("a", "one ", False), ("a", "two ", False), ("a", "three", False), ("a", "", True),
        ]  # fmt: skip

    def test_merges_and_branches_have_their_final_chunk_too(self, anyio_backend: str) -> None:
        definition = parallel({"type": "concatenate", "separator": "+"}, "a", "b")
        definition["strategy"]["branches"] = [{"id": "a", "prompt": "1"}, {"id": "b", "prompt": "2"}]
        chunks = self.collect(anyio_backend, definition, Model())
        finals = [each.step_id for each in chunks if each.is_final]
        assert sorted(finals) == ["a", "b", "merge"]
        assert [each.content for each in chunks if each.step_id == "merge"] == ["1+2", ""]

    def test_a_fence_reaches_the_handler_whole_and_alone(self, anyio_backend: str) -> None:
        model = Model(lambda request: ["a `", "``py\nx``", "` b ```c", "``` ``"])
        pieces: list[tuple[str, str]] = []
        definition = chain({"id": "a", "prompt": "x"}, streaming={"chunkHandler": "h"})
        chunks = self.collect(
            anyio_backend,
            definition,
            model,
            handlers={"h": lambda text, ctx: pieces.append((text, ctx.current_step()))},
        )
        assert "".join(text for text, _ in pieces) == "a ```py\nx``` b ```c``` ``"
        assert sum("```" in text for text, _ in pieces) == 4
        assert all(text.count("```") <= 1 for text, _ in pieces)
        assert [each.content for each in chunks] == [*[text for text, _ in pieces], ""]

    def test_a_fast_model_is_held_up_by_a_slow_reader(self, anyio_backend: str) -> None:
        sent: list[int] = []

        class Fast:
            async def stream(self, request: Any) -> Any:
                from tickwright.systems.generation import Delta

                for number in range(50):
                    sent.append(number)
                    yield Delta("x")
                yield Delta("", None, "stop")

        async def main() -> list[int]:
            async with make_app(Fast()) as app:
                manager(app).register(chain({"id": "a", "prompt": "x"}, streaming={"bufferSize": 4}))
                ahead, read = [], 0
                async for chunk in manager(app).run_streaming("p", {}):
                    read += bool(chunk.content)
                    await anyio.sleep(1)
                    ahead.append(len(sent) - read)
                assert read == 50
                return ahead

        assert max(virtually(anyio_backend, main)) <= 2 * 4 + 1

    def test_leaving_the_loop_cancels_the_run(self, anyio_backend: str) -> None:
        model = Model(lambda request: ["one", 10.0, "two"])

        async def main() -> None:
            async with make_app(model) as app:
                manager(app).register(chain({"id": "a", "prompt": "x"}))
                stream = manager(app).run_streaming("p", {})
                async for _ in stream:
                    break
                await stream.aclose()
                assert manager(app).runs() == []
                await anyio.sleep(0.1)
                assert model.open == 0

        virtually(anyio_backend, main)
        assert [what for what, *_ in model.log] == ["begin", "cut"]

    def test_events_tell_of_every_stage(self, anyio_backend: str) -> None:
        told: list[tuple[str, Any]] = []

        async def main() -> None:
            async with make_app(Model(lambda request: ["x", "y"])) as app:
                hooks = app.world.resource(Hooks)
                for name in ("started", "before_step", "chunk", "step_finished", "finished", "failed"):
                    hooks.on(f"pipeline:{name}", lambda event, ctx, name=name: told.append((name, event)))
                manager(app).register(chain({"id": "a", "prompt": "x"}, streaming={"enabled": True}))
                result = await manager(app).run("p", {})
                app.update()
                assert {event.run for _, event in told} == {result.run}

        virtually(anyio_backend, main)
        assert [name for name, _ in told if name != "before_step"] == [
            "started", "chunk", "chunk", "chunk", "step_finished", "finished",
        ]  # fmt: skip
        assert [event.is_final for name, event in told if name == "chunk"] == [False, False, True]


class TestHandlers:
    def test_before_step_changes_the_prompt_or_cancels(self, anyio_backend: str) -> None:
        model = Model()

        async def main() -> None:
            async with make_app(model) as app:
                hooks = app.world.resource(Hooks)
                hooks.on("pipeline:before_step", lambda e, ctx: HookResult(payload={"prompt": e.prompt + "!"}))
                manager(app).register(chain({"id": "a", "prompt": "x"}))
                assert (await manager(app).run("p", {})).final_result == "x!"
                hooks.on("pipeline:before_step", lambda e, ctx: HookResult(cancel=True, reason="not today"))
                with pytest.raises(RunCancelledError, match="not today") as caught:
                    await manager(app).run("p", {})
                assert caught.value.partial.steps["a"].status == "skipped"

        virtually(anyio_backend, main)
        assert model.asked() == ["x!"]

    def test_variables_are_local_to_a_branch_and_merged_in_branch_order(self, anyio_backend: str) -> None:
        seen: list[Any] = []

        def handler(text: str, ctx: Any) -> None:
            seen.append((ctx.current_step(), ctx.branch, ctx.get("last"), ctx.get("topic")))
            ctx.set("last", f"{ctx.current_step()}{ctx.branch}")

        steps = [
            {"id": "a", "prompt": "x"},
            {"id": "b", "prompt": "${item}", "parallel_on": "a"},
            {"id": "c", "prompt": "${b.results}"},
        ]
        model = Model(
            lambda request: "[1,2,3]" if request.step == "a" else "t",
            delay_s=lambda request: {"1": 3.0, "2": 2.0, "3": 1.0}.get(request.prompt, 0.0),
        )
        definition = chain(*steps, streaming={"enabled": True, "chunk_handler": "h"}, inputs=["topic"])
        result = run(anyio_backend, definition, {"topic": "cats"}, model, handlers={"h": handler})
        assert seen[0] == ("a", -1, None, "cats")
        assert sorted(seen[1:4]) == [("b", 0, "a-1", "cats"), ("b", 1, "a-1", "cats"), ("b", 2, "a-1", "cats")]
        assert seen[4] == ("c", -1, "b2", "cats")
        assert result.values == {"last": "c-1"}

    def test_a_chunk_handler_that_raises_is_reported_and_the_run_goes_on(
        self, anyio_backend: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        def handler(text: str, ctx: Any) -> None:
            raise ValueError("no " + text)

        definition = chain({"id": "a", "prompt": "x"}, streaming={"enabled": True, "chunk_handler": "h"})
        result = run(anyio_backend, definition, {}, handlers={"h": handler})
        assert result.final_result == "x"
        assert list(result.errors) == ["chunk handler of step 'a': ValueError: no x"]
        assert "ValueError: no x" in caplog.text

    def test_a_custom_source_gets_its_config_and_a_ctx(self, anyio_backend: str) -> None:
        model = Model()
        context = {
            "system": "You know ${topic}.",
            "sources": [{"type": "custom", "handler": "facts", "config": {"about": ["${topic}", 2]}}],
        }

        def facts(config: Any, ctx: Any) -> list[str]:
            return [f"{config['about'][0]}: {ctx.count_tokens('one two')} {ctx.current_step()!r}"]

        result = run(
            anyio_backend, chain({"id": "a", "prompt": "x"}, context=context), {"topic": "cats"}, model,
            handlers={"facts": facts},
        )  # fmt: skip
        assert model.requests[0].system == "You know cats."
        assert [message.content for message in model.requests[0].messages] == ["cats: 2 ''"]
        assert result.steps["a"].context.sources_used == ("custom",)

    def test_tokens_are_counted_as_the_steps_model_does(self, anyio_backend: str) -> None:
        text = "Der Wattwurm gräbt im Schlick; 潮が引く。"
        counts: dict[str, int] = {}

        async def main() -> None:
            odd = GenerationModel("unheard-of", Model(), encoding="cl100k_base")
            async with make_app(odd) as app:
                definition = chain({"id": "a", "prompt": "x"}, streaming={"enabled": True, "chunk_handler": "h"})
                manager(app).register(definition, {"h": lambda _, ctx: counts.update(a=ctx.count_tokens(text))})
                await manager(app).run("p", {})

        virtually(anyio_backend, main)
        assert counts["a"] == count_tokens(text, "gpt-4") != count_tokens(text, "gpt-4o")

    @pytest.mark.parametrize("criteria", ["raises", "text", "nan"])
    def test_a_judge_or_source_that_fails_fails_the_run(self, anyio_backend: str, criteria: str) -> None:
        handlers = {
            "raises": lambda text, ctx: 1 / 0,
            "text": lambda text, ctx: "good",
            "nan": lambda t, c: float("nan"),
        }
        with pytest.raises(StepFailedError, match="judge"):
            run(
                anyio_backend, parallel({"type": "pick_best", "criteria": criteria}, "a", "b"), {"topic": "t"},
                handlers=handlers,
            )  # fmt: skip


class TestComplete:
    def ask(self, backend: str, model: Any, prompt: str, options: Any = None, notes: Any = None) -> str:
        async def main() -> str:
            async with make_app(model) as app:
                if notes is not None:
                    app.world.insert_resource(notes, as_type=LinkSource)
                return await manager(app).complete(prompt, options)

        return str(virtually(backend, main))

    def test_the_prompt_is_taken_as_it_stands(self, anyio_backend: str) -> None:
        model = Model()
        assert self.ask(anyio_backend, model, "${x} $$ <|endoftext|>") == "${x} $$ <|endoftext|>"
        assert (model.requests[0].max_tokens, model.requests[0].temperature, model.requests[0].messages) == (
            None,
            None,
            (),
        )

    def test_options_reach_the_model_and_context_is_asked_for(self, anyio_backend: str) -> None:
        class Notes:
            asked: list[Any] = []

            def search(self, text: str, limit: int = 5) -> list[NoteHit]:
                self.asked.append((text, limit))
                return [NoteHit("a.md", "about ${y}")]

        model, notes = Model(), Notes()
        options = CompletionOptions(max_tokens=7, temperature=0.2, include_context=True, stream=True)
        assert self.ask(anyio_backend, model, "why ${x}?", options, notes) == "why ${x}?"
        assert notes.asked == [("why ${x}?", 5)]
        request = model.requests[0]
        assert (request.max_tokens, request.temperature) == (7, 0.2)
        assert "about ${y}" in request.messages[0].content

    def test_what_cannot_be_asked_is_an_error(self, anyio_backend: str) -> None:
        with pytest.raises(UnknownModelError, match=r"unknown model 'big'.*expected default"):
            self.ask(anyio_backend, Model(), "x", {"model": "big"})
        with pytest.raises(GenerationError, match="'linked_notes' cannot be asked"):
            self.ask(anyio_backend, Model(), "x", {"include_context": True, "context_sources": ["linked_notes"]})


class TestTickDriven:
    """Hosts that only tick: answers come through the portal thread."""

    def test_start_and_tick(self) -> None:
        with make_app(Model()) as app:
            generation = manager(app)
            generation.register(chain({"id": "a", "prompt": "${x}"}))
            entity = generation.start("p", {"x": 1})
            assert (generation.is_over(entity), generation.result(entity).status) == (False, "running")
            app.wait_until(lambda: generation.is_over(entity))
            assert generation.result(str(entity)).final_result == "1"
            generation.forget(entity)
            with pytest.raises(GenerationError, match="no run"):
                generation.result(entity)

    def test_texts_are_attached_to_the_entities_of_steps(self) -> None:
        with make_app(Model()) as app:
            generation = manager(app)
            generation.register(chain({"id": "a", "prompt": "${x}"}, {"id": "b", "prompt": "${a.result}!"}))
            generation.start("p", {"x": 1})
            app.settle()
            app.run(ticks=20)
            texts = {text.step: text for texts in app.world.query(Query[Objects[StepText]]) for text in texts}
            assert {name: (text.prompt, text.result, text.model) for name, text in texts.items()} == {
                "a": ("1", "1", "default"), "b": ("1!", "1!", "default"),
            }  # fmt: skip

    def test_settle_waits_for_answers(self) -> None:
        with make_app(Model(delay_s=0.02)) as app:
            generation = manager(app)
            generation.register(chain({"id": "a", "prompt": "x"}, {"id": "b", "prompt": "${a.result}y"}))
            entity = generation.start("p")
            app.settle()
            assert generation.result(entity).final_result == "xy"

    def test_cancel_keeps_what_has_arrived(self) -> None:
        model = Model(lambda request: ["part", 60.0, "more"])
        with make_app(model) as app:
            generation = manager(app)
            generation.register(chain({"id": "a", "prompt": "x"}, {"id": "b", "prompt": "${a.result}"}))
            entity = generation.start("p")
            _ticks_until(app, lambda: "part" in [each.result for each in generation.result(entity).steps.values()])
            generation.cancel(entity)
            app.settle()
            result = generation.result(entity)
            assert (result.status, result.final_result) == ("cancelled", "")
            assert (result.steps["a"].status, result.steps["a"].result) == ("cancelled", "part")
            assert result.steps["b"].status == "skipped"
            generation.cancel(entity)
        assert model.open == 0

    def test_unknown_pipelines(self) -> None:
        with make_app(Model()) as app:
            manager(app).register(chain({"id": "a", "prompt": "x"}, id="known"))
            with pytest.raises(UnknownPipelineError, match=r"no pipeline 'knwon'.*expected known"):
                manager(app).start("knwon")


def _ticks_until(app: Any, done: Any) -> None:
    import time

    for _ in range(1000):
        app.update()
        if done():
            return
        time.sleep(0.002)
    raise AssertionError("never came about")


class TestPeople:
    DEFINITION = chain(
        {"id": "draft", "prompt": "d"},
        {"id": "review", "prompt": "Good? ${draft.result}", "waitFor": "review:answered"},
        {"id": "final", "prompt": "${draft.result} ${review.result} ${review.json.tone}"},
    )

    def test_an_event_lets_the_step_go_on(self, anyio_backend: str) -> None:
        async def main() -> Any:
            async with make_app(Model()) as app:
                generation, hooks = manager(app), app.world.resource(Hooks)
                generation.register(self.DEFINITION)
                entity = generation.start("p")
                await app.pump_until(lambda: bool(generation.waiting()))
                assert generation.result(entity).status == "waiting"
                ((run, step, prompt),) = generation.waiting()
                assert (run, step.id, step.status, prompt) == (str(entity), "review", "waiting", "Good? d")
                hooks.emit("review:answered", {"run": "999", "answer": "no"})
                app.run(ticks=3)
                assert generation.result(entity).status == "waiting"
                hooks.emit("review:answered", {"run": run, "answer": {"tone": "warm"}})
                await app.pump_until(lambda: generation.is_over(entity))
                return generation.result(entity).final_result

        assert virtually(anyio_backend, main) == 'd {"tone":"warm"} warm'

    def test_resume_answers_and_refuses_where_nobody_waits(self, anyio_backend: str) -> None:
        async def main() -> None:
            async with make_app(Model()) as app:
                generation = manager(app)
                generation.register(self.DEFINITION)
                entity = generation.start("p")
                with pytest.raises(GenerationError, match="no step waits"):
                    generation.resume(entity, "yes")
                await app.pump_until(lambda: bool(generation.waiting()))
                generation.resume(entity, {"tone": "dry"}, step="review")
                await app.pump_until(lambda: generation.is_over(entity))
                assert generation.result(entity).final_result.endswith(" dry")

        virtually(anyio_backend, main)


def test_many_waiters_on_one_loop_all_get_their_results(anyio_backend: str) -> None:
    async def main() -> list[str]:
        results: dict[int, str] = {}
        async with make_app(Model(delay_s=lambda request: float(request.prompt) % 7)) as app:
            manager(app).register(chain({"id": "a", "prompt": "${x}"}))

            async def one(number: int) -> None:
                results[number] = (await manager(app).run("p", {"x": number})).final_result

            async with anyio.create_task_group() as group:
                for number in range(30):
                    group.start_soon(one, number)
        return [results[number] for number in range(30)]

    assert virtually(anyio_backend, main) == [str(number) for number in range(30)]
