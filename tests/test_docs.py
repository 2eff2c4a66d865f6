"""What docs/losses.md shows is what the library has, drawn by the script beside the figures."""

import importlib.util
import re
from pathlib import Path

import pytest

from dicetune.losses import LOSSES

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "losses.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder into which the script drew everything."""
    location = importlib.util.spec_from_file_location("draw", DOCS / "figures" / "draw.py")
    draw = importlib.util.module_from_spec(location)
    location.loader.exec_module(draw)
    folder = tmp_path_factory.mktemp("figures")
    draw.main(folder)
    return draw, folder


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_section_with_formula_and_figure(name):
    _, _, rest = PAGE.partition(f"\n### `{name}`")
    section = re.split(r"\n##+ ", rest)[0]
    assert re.search(r"^    .*L", section, re.MULTILINE), "an indented formula of L"
    assert f"](figures/{name}.svg)" in section
    assert re.search(r"\d{4}|scripts|Eq\. ", section), "where it is from"


def test_the_example_of_the_pitfalls_prints_what_it_says(capsys):
    page = (DOCS / "pitfalls.md").read_text(encoding="utf-8")
    ((code, output),) = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "pitfalls.md", "exec"), {})
    assert capsys.readouterr().out == output


def test_pages_link_to_pages_and_sections_that_exist():
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            name, _, anchor = target.partition("#")
            file = (DOCS / name) if name else page
            assert file.exists(), (page.name, target)
            if anchor:
                heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                anchors = [
                    re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads
                ]
                assert anchor in anchors, (page.name, target)


def test_the_script_draws_every_figure_of_the_docs(drawn):
    _, folder = drawn
    shown = {
        name
        for page in DOCS.glob("*.md")
        for name in re.findall(r"\(figures/(\w[\w-]*\.svg)\)", page.read_text(encoding="utf-8"))
    }
    written = {path.name for path in folder.iterdir()}
    kept = {path.name for path in (DOCS / "figures").glob("*.svg")}
    assert shown == written == kept
    assert {f"{name}.svg" for name in LOSSES} <= shown


def test_a_figure_is_the_same_in_every_run_and_small(drawn, tmp_path):
    draw, folder = drawn
    with draw.mpl.rc_context(draw.STYLE):
        draw.one_loss(tmp_path, "dice")
    assert (tmp_path / "dice.svg").read_bytes() == (folder / "dice.svg").read_bytes()
    for name in LOSSES:
        assert (folder / f"{name}.svg").stat().st_size < 60_000, name


def test_figures_can_be_read_on_light_and_on_dark_pages(drawn):
    """No background, and no colour that is near black or near white."""
    _, folder = drawn
    for path in folder.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        for colour in set(re.findall(r"(?:fill|stroke): #(\w{6})", text)):
            red, green, blue = (int(colour[at : at + 2], 16) for at in (0, 2, 4))
            light = 0.299 * red + 0.587 * green + 0.114 * blue
            assert 90 < light < 170, (path.name, colour)
        for element in re.findall(r"<text[^>]*>", text):
            assert "fill: #" in element, (path.name, element)
