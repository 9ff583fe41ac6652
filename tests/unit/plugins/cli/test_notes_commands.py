import json
from pathlib import Path

from typer.testing import CliRunner

from tickwright.plugins.cli.notes import app

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "vault"
run = CliRunner().invoke


def test_search_prints_paths_and_snippets():
    result = run(app, ["search", str(EXAMPLE), "oak sluice", "--json"])
    assert "Daily/2025-11-22.md" in [row["path"] for row in json.loads(result.stdout)]
    assert run(app, ["search", str(EXAMPLE), "zzzzz"]).exit_code == 1


def test_links_go_both_ways():
    result = run(app, ["links", str(EXAMPLE), "Sea Lavender"])
    assert "  to  Research/Soil Compaction.md" in result.stdout
    assert "from  People/Ines Vidal.md" in result.stdout
    assert run(app, ["links", str(EXAMPLE), "nobody"]).exit_code == 2


def test_check_names_file_and_line(tmp_path):
    (tmp_path / "a.md").write_text("---\nx: [\n---\nsee\n[[gone]]\n")
    result = run(app, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert "a.md:5: no note 'gone'" in result.stdout
    assert "invalid frontmatter" in result.stdout
    assert run(app, ["check", str(tmp_path / "none")]).exit_code == 2
