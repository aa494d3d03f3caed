"""The README and the pages are run, block by block, as a reader would."""

import contextlib
import importlib
import re
from pathlib import Path

import pytest

from caraval.core import registry

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return (language, text) of the code blocks of a page."""
    return BLOCK.findall(page.read_text())


def test_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for language, text in blocks(ROOT / "README.md"):
        if language == "bmad":
            Path("fodo.bmad").write_text(text)
        if language == "python":
            exec(compile(text, "README.md", "exec"), namespace)
    with contextlib.suppress(KeyError):
        registry.unregister_plugin("plasma_lens")
    assert "(1000,)" in capsys.readouterr().out


def test_elements_and_their_methods_run(capsys):
    namespace: dict[str, object] = {}
    for language, text in blocks(ROOT / "docs" / "elements.md"):
        assert language == "python"
        exec(compile(text, "elements.md", "exec"), namespace)
    assert "runge_kutta" in capsys.readouterr().out


def test_collective_effects_run():
    namespace: dict[str, object] = {}
    for language, text in blocks(ROOT / "docs" / "collective.md"):
        assert language == "python"
        exec(compile(text, "collective.md", "exec"), namespace)
    registry.unregister_plugin("wakes")


def test_networks_run(tmp_path, monkeypatch):
    pytest.importorskip("safetensors")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for language, text in blocks(ROOT / "docs" / "neural.md"):
        assert language == "python"
        exec(compile(text, "neural.md", "exec"), namespace)


def test_the_surrogate_learns_space_charge():
    """With less data and less training than in the page."""
    whole = "PARTICLES, STEPS = 40, 2000, 120"
    namespace: dict[str, object] = {}
    page = ROOT / "docs" / "surrogate.md"
    assert page.read_text().count(whole) == page.read_text().count("100_000") == 1
    for language, text in blocks(page):
        assert language == "python"
        text = text.replace(whole, "PARTICLES, STEPS = 40, 1000, 60").replace("100_000", "20_000")
        exec(compile(text, "surrogate.md", "exec"), namespace)
    assert namespace["losses"][-1] < 0.2 * namespace["losses"][0]
    assert namespace["left"] < 0.3 * namespace["effect"]


def test_rings_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace: dict[str, object] = {}
    for language, text in blocks(ROOT / "docs" / "rings.md"):
        assert language == "python"
        exec(compile(text, "rings.md", "exec"), namespace)
    assert {path.name for path in tmp_path.iterdir()} == {"dynamic_aperture.png", "footprint.png"}


def test_plugins_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for language, text in blocks(ROOT / "docs" / "plugins.md"):
        if language == "python":
            exec(compile(text, "plugins.md", "exec"), namespace)
    for name in ("lens_tables", "lens"):
        registry.unregister_plugin(name)
    assert "undoes: within" in capsys.readouterr().out


def test_an_element_is_25_lines():
    language, text = blocks(ROOT / "docs" / "plugins.md")[0]
    assert language == "python"
    assert len(text.splitlines()) <= 25


def test_the_table_of_hooks_is_what_it_is_generated_from(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    hooks = importlib.import_module("hooks")
    page = hooks.PAGE.read_text()
    assert "`register_tracking_methods`" in hooks.table()
    assert "`register_examples`" in hooks.table()
    assert page == hooks.with_table(page), "run: python docs/hooks.py"


def test_every_block_says_its_language():
    languages = {language for language, _ in blocks(ROOT / "README.md")}
    assert languages == {"sh", "bmad", "python"}


PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", BLOCK.sub("", page.read_text())):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
