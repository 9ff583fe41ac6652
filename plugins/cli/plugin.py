"""`tickwright plugin new|check|types|list|test`: what an author of Lua plugins types."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from tickwright.ecs_core.errors import TickwrightError
from tickwright.plugins.cli.output import BadInputError, fail, print_json

__all__ = ["app"]

app = typer.Typer(help="Write, check, test and list Lua plugins.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The plugin's name, such as title_guard.")],
    folder: Annotated[Path, typer.Option("--in", help="Where to write it.")] = Path(),
) -> None:
    """Write a working plugin and its test."""
    if not name.isidentifier():
        raise fail(BadInputError(f"'{name}' is not a plugin name", expected="letters, digits and _"))
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source, target in (("plugin.luau", f"{name}.luau"), ("plugin_test.luau", f"{name}_test.luau")):
        path = folder / target
        if path.exists():
            raise fail(BadInputError(f"'{path}' exists already", todo="choose another name, or another folder by --in"))
        template = files("tickwright.plugins.lua").joinpath("template", source).read_text(encoding="utf-8")
        path.write_text(template.replace("NAME", name), encoding="utf-8")
        written.append(path)
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"next: tickwright plugin check {written[0]}; tickwright plugin test {written[1]}")


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help="Plugin files or folders.")],
    as_json: Json = False,  # noqa: FBT002 (typer options are declared this way)
    dry_init: Annotated[bool, typer.Option(help="Also run init and define in a sandbox.")] = True,  # noqa: FBT002
) -> None:
    """Compile plugins and look for the mistakes that can be seen without running them."""
    from tickwright.plugins.lua.check import check_file
    from tickwright.plugins.lua.dry import dry_run
    from tickwright.plugins.lua.manifest import discover, read_manifest

    problems: list[Any] = []
    count = 0
    try:
        for path in paths:
            for found in discover(path):
                count += 1
                manifest = read_manifest(found, _limits())
                static = check_file(manifest.path)
                problems += static
                if dry_init and not static:
                    problems += dry_run(manifest)
    except TickwrightError as error:
        raise fail(error, as_json=as_json) from None
    if as_json:
        rows = [{"file": p.file, "line": p.line, "message": p.message, "fatal": p.fatal} for p in problems]
        print_json({"checked": count, "problems": rows})
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{count} plugin{'s' if count != 1 else ''} checked, {len(problems)} problems")
    if problems:
        raise typer.Exit(2 if any(problem.fatal for problem in problems) else 1)


def _limits() -> Any:
    from tickwright.plugins.lua.limits import Limits

    return Limits()


@app.command()
def types(
    folder: Annotated[Path, typer.Option("--in", help="Where to write the files.")] = Path("types"),
    docs: Annotated[Path | None, typer.Option(help="Also write the reference page there.")] = None,
) -> None:
    """Write Luau type definitions and EmmyLua stubs for editors."""
    from tickwright.plugins.lua.stubs import emmylua_stubs, luau_types, reference_page

    folder.mkdir(parents=True, exist_ok=True)
    targets = {folder / "tickwright.luau": luau_types(), folder / "tickwright.lua": emmylua_stubs()}
    if docs is not None:
        targets[docs] = reference_page()
    for path, content in targets.items():
        path.write_text(content, encoding="utf-8")
        typer.echo(f"wrote {path}")


@app.command("test")
def run_tests(
    paths: Annotated[list[Path], typer.Argument(help="Test files, or folders with *_test.luau files.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Run `*_test.luau` files."""
    from tickwright.plugins.lua.testing import find_tests, run_test_file

    results: list[Any] = []
    try:
        for path in paths:
            for found in find_tests(path):
                results += run_test_file(found)
    except TickwrightError as error:
        raise fail(error, as_json=as_json) from None
    if not results:
        raise fail(
            BadInputError(
                "there are no tests",
                where=", ".join(map(str, paths)),
                expected="files whose names end in _test.luau, with describe and it",
                todo="`tickwright plugin new NAME` writes a plugin with its test",
            ),
            as_json=as_json,
        )
    failed = [result for result in results if not result.passed]
    if as_json:
        print_json([{"file": r.file, "name": r.name, "passed": r.passed, "problem": r.problem} for r in results])
    else:
        for result in results:
            typer.echo(f"{'ok  ' if result.passed else 'FAIL'} {result.file}: {result.name}")
            if result.problem:
                typer.echo(f"     {result.problem}")
        typer.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


@app.command("list")
def list_plugins(
    paths: Annotated[list[Path], typer.Argument(help="Plugin files or folders to load.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Load plugins into an empty world and show what they registered, their limits and what they used."""
    try:
        rows = _loaded(paths)
    except TickwrightError as error:
        raise fail(error, as_json=as_json) from None
    if as_json:
        print_json(rows)
        return
    for row in rows:
        registered = ", ".join(f"{count} {kind}" for kind, count in row.registered.items()) or "nothing registered"
        typer.echo(f"{row.name} {row.version} ({row.engine}) {row.status}: {registered}")
        used, limits = row.usage, row.limits
        typer.echo(
            f"    calls {used.calls}, errors {used.errors}, time {used.time_s * 1000:.1f} ms, "
            f"fuel {used.fuel} (limit {limits.fuel} a call), "
            f"memory {used.memory_bytes / 1024:.0f} KiB (limit {limits.memory_mb:g} MB)"
        )
        if row.error:
            typer.echo(f"    {row.error}")


def _loaded(paths: list[Path]) -> list[Any]:
    from tickwright.plugins.cli.session import open_app
    from tickwright.plugins.lua import PluginHost

    with open_app(None, paths) as app:
        return app.world.resource(PluginHost).list()
