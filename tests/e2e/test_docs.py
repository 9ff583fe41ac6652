"""Every ```python block in README.md and docs/ runs, in order, in one namespace per page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANY_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[`~]*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _blocks(page: Path) -> list[tuple[int, str]]:
    text = page.read_text()
    return [(text.count("\n", 0, m.start()) + 1, m.group(1)) for m in FENCE.finditer(text)]


@pytest.mark.parametrize("page", [p for p in PAGES if _blocks(p)], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_python_block_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "docs"}
    for line, block in _blocks(page):
        # Blank lines in front keep the page's own line numbers in a traceback.
        exec(compile("\n" * line + block, str(page), "exec"), namespace)
    assert len(namespace) > 2


def links(text: str) -> list[str]:
    """Relative targets of a page's links, code samples and code spans left out."""
    text = ANY_FENCE.sub("", text)
    text = CODE_SPAN.sub("", text)
    return LINK.findall(text)


def test_links_inside_the_repository_lead_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in links(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_links_in_code_are_samples():
    text = "[a](a.md) and `[b](b.md)` and ``[`c`](c.md)``\n~~~\n[d](d.md)\n~~~\n"
    text += "\n```text\n[e](e.md)\n```\n[f](f.md#part)\n"
    assert links(text) == ["a.md", "f.md"]
