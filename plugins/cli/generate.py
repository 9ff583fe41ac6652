"""`tickwright generate`, `complete` and `pipeline check|graph`: pipelines and single questions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickwright.plugins.cli.output import BadInputError, Printer, fail, print_json, print_json_line, to_plain

if TYPE_CHECKING:
    from tickwright.ecs_core import App, PluginGroup
    from tickwright.plugins.cli.pipelines import SourceLine, StepLine
    from tickwright.systems.contracts.events import PipelineChunk

__all__ = ["complete", "features", "generate", "pipeline_app"]

Provider = Annotated[str, typer.Option(help="extractive, local, the path of a .gguf file, or a server's URL.")]
Plugins = Annotated[list[Path] | None, typer.Option("--plugins", help="A plugin file or a folder of them.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

pipeline_app = typer.Typer(help="Check and draw pipelines.", no_args_is_help=True)


def features(provider: str, *, model: str = "", key_env: str | None = None) -> PluginGroup:
    """Return the features with every model alias asking one provider.

    Raises:
        ProviderSetupError: no such provider.
    """
    from tickwright.defaults import MODEL_ALIASES, DefaultPlugins
    from tickwright.plugins.providers import provider_named
    from tickwright.systems.generation import GenerationPlugin, Settings

    named = provider_named(provider, model=model, key_env=key_env)
    settings = Settings(tokenizer_dir=os.environ.get("TIKTOKEN_CACHE_DIR"))
    return DefaultPlugins().replacing(GenerationPlugin(models=dict.fromkeys(MODEL_ALIASES, named), settings=settings))


def generate(
    pipeline: Annotated[str, typer.Argument(help="A pipeline's id.")],
    vault: Annotated[Path | None, typer.Option(help="The folder of notes.")] = None,
    plugins: Plugins = None,
    var: Annotated[list[str] | None, typer.Option(help="A variable, as name=value; may be repeated.")] = None,
    provider: Provider = "extractive",
    model: Annotated[str, typer.Option(help="The model's name at the server.")] = "",
    key_env: Annotated[str | None, typer.Option(help="The environment variable with the server's key.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the context and the steps, ask no model.")] = False,  # noqa: FBT002 (typer options are declared this way)
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for each thing that happens.")] = False,  # noqa: FBT002
) -> None:
    """Run a pipeline: its context, text as it arrives, steps as they end."""
    from tickwright.plugins.cli.session import open_app

    variables = dict(_variable(each) for each in var or ())
    with open_app(vault, plugins or [], features=features(provider, model=model, key_env=key_env)) as app:
        _check_inputs(app, pipeline, variables)
        if dry_run:
            _show_plan(app, pipeline, variables, as_json=as_json)
        else:
            _run(app, pipeline, variables, as_json=as_json)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadInputError(
            f"--var {text!r} is no variable",
            where="the command line",
            expected="name=value",
            todo="put = after its name",
        )
    return name, value


def _check_inputs(app: App, pipeline: str, variables: dict[str, str]) -> None:
    from tickwright.systems.generation import GenerationManager, MissingInputError

    inputs = app.world.resource(GenerationManager).definition(pipeline).inputs
    if missing := tuple(name for name in inputs if name not in variables):
        raise MissingInputError(
            f"missing variables: {', '.join(missing)}",
            where=f"pipeline {pipeline!r}",
            expected=", ".join(inputs),
            todo="give each by --var name=value",
            missing=missing,
        )


def _run(app: App, pipeline: str, variables: dict[str, str], *, as_json: bool) -> None:
    from tickwright.plugins.cli.live import Live, TreeLive
    from tickwright.plugins.cli.pipelines import run_pipeline

    printer = Printer(quiet=as_json)
    if as_json:
        result = run_pipeline(app, pipeline, variables, tell=_tell_json).result
        print_json_line(
            {
                "event": "result",
                "pipeline": pipeline,
                "status": result.status,
                "error": result.error,
                "result": result.final_result,
                "tokens": result.total_tokens_used,
                "duration_ms": result.duration_ms,
            }
        )
    elif printer.fancy:
        with TreeLive(pipeline) as tree:
            result = run_pipeline(app, pipeline, variables, tell=tree).result
        printer.line(result.final_result)
    else:
        watched = run_pipeline(app, pipeline, variables, tell=Live(printer))
        result = watched.result
        if not watched.chunks and result.final_result:  # one that does not stream says all of it at its end
            printer.line(result.final_result)
    printer.line(f"{result.status}: {result.total_tokens_used} tokens, {result.duration_ms / 1000:.1f} s")
    if result.status != "done":
        printer.line(result.error, style="red")
        raise typer.Exit(1)


def _tell_json(told: PipelineChunk | StepLine | SourceLine) -> None:
    kinds = {"SourceLine": "source", "StepLine": "step", "PipelineChunk": "chunk"}
    fields = {key: value for key, value in to_plain(told).items() if key not in ("type", "run", "pipeline")}
    print_json_line({"event": kinds[type(told).__name__], **fields})


def _show_plan(app: App, pipeline: str, variables: dict[str, str], *, as_json: bool) -> None:
    """Assemble the context, and show it and the steps."""
    import anyio

    from tickwright.plugins.cli.live import show_context
    from tickwright.plugins.cli.pipelines import source_lines
    from tickwright.systems.generation import GenerationManager

    manager = app.world.resource(GenerationManager)
    known = manager.pipeline(pipeline)

    async def assemble() -> Any:
        return await manager.assemble_context(known.definition.context, variables, handlers=known.handlers)

    sources, steps = source_lines(anyio.run(assemble), ""), list(_steps(known))
    if as_json:
        print_json({"pipeline": pipeline, "sources": sources, "steps": steps})
        return
    printer = Printer()
    show_context(printer, sources)
    rows = [(each["id"], each["model"], ", ".join(each["after"]), each["parallel_on"]) for each in steps]
    printer.table(("step", "model", "after", "for each"), rows)


def _steps(pipeline: Any) -> Iterable[dict[str, Any]]:
    """Yield a compiled pipeline's steps in an order in which they can run."""
    for at in pipeline.order:
        node = pipeline.nodes[at]
        mapped = ".".join((pipeline.nodes[node.mapped].id, *node.mapped_path)) if node.mapped >= 0 else ""
        after = [pipeline.nodes[need].id for need in node.deps]
        yield {"id": node.id, "model": node.model, "after": after, "parallel_on": mapped}


def complete(
    prompt: Annotated[str, typer.Argument(help="The question.")],
    vault: Annotated[Path | None, typer.Option(help="Answer from this folder of notes.")] = None,
    plugins: Plugins = None,
    provider: Provider = "extractive",
    model: Annotated[str, typer.Option(help="The model's name at the server.")] = "",
    key_env: Annotated[str | None, typer.Option(help="The environment variable with the server's key.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The longest answer.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Ask one question; with a vault, its notes stand before the question."""
    import anyio

    from tickwright.plugins.cli.session import open_app
    from tickwright.systems.generation import CompletionOptions, GenerationManager
    from tickwright.systems.hooks import Hooks

    printer = Printer(quiet=as_json)
    options = CompletionOptions(max_tokens=max_tokens, include_context=vault is not None, stream=printer.fancy)
    with open_app(vault, plugins or [], features=features(provider, model=model, key_env=key_env)) as app:
        manager = app.world.resource(GenerationManager)
        if printer.fancy:
            app.world.resource(Hooks).on("pipeline:chunk", lambda event, _: printer.text(event.content))
        answer = anyio.run(manager.complete, prompt, options)
        app.settle()
    if as_json:
        print_json({"prompt": prompt, "answer": answer})
    elif printer.fancy:
        printer.line("")
    else:
        typer.echo(answer)


@pipeline_app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Plugins or JSON definitions.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Read definitions, and show their inputs and steps; the first that is wrong ends it with its path."""
    rows = [
        {"file": str(file), "pipeline": known.id, "inputs": list(known.definition.inputs), "steps": list(_steps(known))}
        for file in files
        for known in _read(file, as_json=as_json)
    ]
    if as_json:
        print_json(rows)
        return
    printer = Printer()
    if not rows:
        printer.line("no pipelines found")
    for row in rows:
        printer.line(f"{row['file']}: {row['pipeline']}({', '.join(row['inputs'])})")
        printer.table(
            ("step", "model", "after", "for each"),
            [(step["id"], step["model"], ", ".join(step["after"]), step["parallel_on"]) for step in row["steps"]],
        )


@pipeline_app.command()
def graph(
    file: Annotated[Path, typer.Argument(help="A plugin or a JSON definition.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Print a file's pipelines as Mermaid flowcharts."""
    from tickwright.systems.generation.export import pipeline_mermaid

    drawn = {known.id: pipeline_mermaid(known) for known in _read(file, as_json=as_json)}
    if as_json:
        print_json(drawn)
    else:
        typer.echo("\n".join(drawn.values()))


def _read(file: Path, *, as_json: bool) -> list[Any]:
    """Return the compiled pipelines of one file; a definition's handlers may be missing, a plugin's may not."""
    from tickwright.ecs_core import TickwrightError
    from tickwright.plugins.cli.session import open_app
    from tickwright.systems.generation import GenerationManager, PipelineDefinitionError

    try:
        if file.suffix != ".json":
            with open_app(None, [file]) as app:
                manager = app.world.resource(GenerationManager)
                return [manager.pipeline(name) for name in manager.registered()]
        with open_app(None) as app:
            manager = app.world.resource(GenerationManager)
            try:
                known = manager.register(_text(file), _AnyHandler())
            except PipelineDefinitionError as error:
                error.where = f"{file}: {error.where}"
                raise
            return [manager.pipeline(known.id)]
    except TickwrightError as error:
        raise fail(error, as_json=as_json) from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"cannot read {str(file)!r}: {error}", where=str(file), expected="a pipeline's definition as JSON"
        ) from None


class _AnyHandler(dict[str, Any]):
    """Has every handler."""

    def __getitem__(self, name: str) -> Any:
        return print

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 (the signature is dict's)
        return print
