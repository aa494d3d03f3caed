"""The README is run, block by block, as a reader would."""

import contextlib
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
        text = text.replace(whole, "PARTICLES, STEPS = 40, 1000, 40").replace("100_000", "20_000")
        exec(compile(text, "surrogate.md", "exec"), namespace)
    assert namespace["losses"][-1] < 0.2 * namespace["losses"][0]
    assert namespace["left"] < 0.3 * namespace["effect"]


def test_every_block_says_its_language():
    languages = {language for language, _ in blocks(ROOT / "README.md")}
    assert languages == {"sh", "bmad", "python"}


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/collective.md", "docs/neural.md", "docs/surrogate.md"]
)
def test_links_within_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", BLOCK.sub("", (ROOT / page).read_text())):
        if not target.startswith("http"):
            assert ((ROOT / page).parent / target).exists(), target
