"""The wheel: holds everything, takes one top-level name, and runs beside a user's own `systems/` folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("ecs_core", "systems", "plugins")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "tests", "benches"
)


def run(*command: object, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    ran = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=environment, timeout=120
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build an archive of the sources, and the wheel from that archive."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=LEFT_OUT)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, folder / "source", cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def project(wheel, tmp_path_factory) -> tuple[Path, Path]:
    """Return a user's folder, with a `systems` package of its own, and a fresh venv's Python with the wheel."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "systems").mkdir()
    (folder / "systems" / "__init__.py").write_text("MINE = True\n")
    (folder / "plugins.py").write_text("MINE = True\n")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=folder)
    # The dependencies are those of this environment: nothing is downloaded, and its own tickwright stays out of sight.
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder, python


def test_every_module_and_data_file_is_in_it_under_one_name(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"tickwright"}
    for folder in FOLDERS:
        wanted = [
            path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".lua", ".luau", ".toml", ".json"}
        ]
        assert len(wanted) > 10
        for path in wanted:
            assert f"tickwright/{path.relative_to(ROOT).as_posix()}" in names
    assert "tickwright/py.typed" in names
    demo = "tickwright/plugins/cli/demo/"
    assert sum(name.startswith(f"{demo}vault/") for name in names) == len(list((ROOT / "examples/vault").rglob("*.md")))
    assert f"{demo}plugins/save_guard.luau" in names


def test_it_runs_beside_the_users_own_systems_folder(project):
    folder, python = project
    code = (
        "import pathlib, systems, plugins, tickwright, tickwright.systems.hooks as hooks\n"
        "from tickwright import App, DefaultPlugins, World\n"
        "App().add_plugins(DefaultPlugins()).update()\n"
        "print(systems.MINE, plugins.MINE, pathlib.Path(hooks.__file__).parts[-7:-3], World.__module__)"
    )
    told = run(python, "-c", code, cwd=folder)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert told.strip() == f"True True ('lib', '{version}', 'site-packages', 'tickwright') tickwright.ecs_core.world"


def test_its_command_runs(project):
    folder, python = project
    assert "usage: tickwright" in run(python.with_name("tickwright"), "--help", cwd=folder).lower()
    assert "luajit" in run(python.with_name("tickwright"), "doctor", cwd=folder)


def test_its_demo_runs_with_the_examples_it_carries(project):
    folder, python = project
    report = json.loads(run(python.with_name("tickwright"), "demo", "--rows", 1000, "--json", cwd=folder))
    assert report["faults"] == []
    assert report["load"]["notes"] == len(list((ROOT / "examples/vault").rglob("*.md")))


def test_a_checkout_gives_the_very_class_that_the_package_gives():
    code = "from ecs_core import World as a; from tickwright import World as b; print(a is b, a.__module__)"
    path = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'src')!r}]; "
    assert run(sys.executable, "-c", path + code, cwd=ROOT) == "True tickwright.ecs_core.world\n"


def test_the_readmes_first_example_runs_from_it(project):
    folder, python = project
    found = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    (folder / "first.py").write_text(found.group(1))
    assert run(python, "first.py", cwd=folder) == "3.0\n"
