"""What docs/losses.md shows is what the library has, drawn by the script beside the figures."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

import dicetune
from dicetune import numbers
from dicetune.commands import app
from dicetune.decide.score_file import tune_scores
from dicetune.losses import LOSSES
from dicetune.problems import PROBLEMS
from dicetune.records import read_json
from dicetune.tasks import TASKS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "losses.md").read_text(encoding="utf-8")
GUIDE = (DOCS / "guide.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", GUIDE, re.DOTALL)


def script(path):
    """A script of the docs as a module."""
    location = importlib.util.spec_from_file_location(path.stem, path)
    found = importlib.util.module_from_spec(location)
    location.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder into which the script drew everything."""
    draw = script(DOCS / "figures" / "draw.py")
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


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_page_with_its_options(name):
    page = (DOCS / "tasks" / f"{name}.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.+)$", page, re.MULTILINE)
    titles = ["Files", "From a file to predictions", "Options", "Decision rule", "Scores", "Traps"]
    assert heads == titles
    # python docs/tasks/options.py writes it
    assert script(DOCS / "tasks" / "options.py").written(name) == page
    assert f"[`{name}`]({name}.md)" in (DOCS / "tasks" / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TASKS)
def test_the_file_of_a_page_is_read_and_its_commands_are_commands(name, tmp_path):
    page = (DOCS / "tasks" / f"{name}.md").read_text(encoding="utf-8")
    ((file, rows),) = re.findall(r'```\w+ title="([\w.]+)"\n(.*?)```', page, re.DOTALL)
    (tmp_path / file).write_text(rows, encoding="utf-8")
    data = TASKS[name].read(tmp_path / file, TASKS[name].Options())
    assert data.is_labelled
    assert len(data) > 1
    TASKS[name].of(data, TASKS[name].Options()).check(data)
    lines = re.findall(r"^    dicetune (.+)$", page, re.MULTILINE)
    assert {line.split()[0] for line in lines} >= {"train", "predict"}
    for line in lines:
        verb, *rest = shlex.split(line)
        get_command(app).commands[verb].make_context(verb, rest)  # parsed, not run


def test_the_example_of_the_pitfalls_prints_what_it_says(capsys):
    page = (DOCS / "pitfalls.md").read_text(encoding="utf-8")
    ((code, output),) = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "pitfalls.md", "exec"), {})
    assert capsys.readouterr().out == output


def test_every_model_of_the_guide_is_found():
    assert len(EXAMPLES) == GUIDE.count("```text") == 2


@pytest.mark.parametrize(("code", "output"), EXAMPLES, ids=["model", "loss"])
def test_a_model_of_the_guide_trains(code, output, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "guide.md", "exec"), {})
    assert capsys.readouterr().out.endswith(output)


def test_pages_link_to_pages_and_sections_that_exist():
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / name) if name else page
            assert file.exists(), (page.name, target)
            if anchor:
                heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                anchors = [
                    re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads
                ]
                assert anchor in anchors, (page.name, target)


def test_the_reference_has_every_public_name():
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = {name.rpartition(".")[2] for name in re.findall(r"^::: ([\w.]+)", page, re.MULTILINE)}
    assert set(dicetune.__all__) - {"__version__"} <= listed


def test_every_page_is_in_the_navigation():
    site = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*") if path.is_file()}
    pages = {page for page in pages if page.endswith((".md", ".ipynb"))}
    assert pages == set(re.findall(r": ([\w/-]+\.(?:md|ipynb))$", site, re.MULTILINE))


@pytest.mark.parametrize("path", sorted(DOCS.glob("tutorials/*.ipynb")), ids=lambda path: path.stem)
def test_a_tutorial_is_stored_with_its_outputs(path):
    cells = [cell for cell in read_json(path)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert {one["output_type"] for one in outputs} <= {"stream", "execute_result"}
    assert "/tmp/" not in path.read_text(encoding="utf-8")


def test_the_scores_of_the_decisions_page_can_be_tuned(tmp_path):
    page = (DOCS / "decisions.md").read_text(encoding="utf-8")
    (rows,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "scores.jsonl").write_text(rows, encoding="utf-8")
    assert tune_scores(tmp_path / "scores.jsonl").rule.kind == "label"
    table = page[page.index("| kind |") :]
    assert {kind for kind in PROBLEMS if f"`{kind}`" not in table} == {"words"}


def test_the_table_of_objectives_says_what_the_records_say():
    """Means, tuned means, and differences with their intervals."""
    page = (DOCS / "evidence.md").read_text(encoding="utf-8")
    table = page[page.index("| data (score") : page.index("**goemotions**")]
    rows = [
        [cell.strip().replace("−", "-") for cell in line.strip("|").split("|")]
        for line in table.splitlines()[2:]
        if line.strip()
    ]
    found, name = {}, ""
    for row in rows:
        name = re.split(r"[ ,]", row[0])[0] or name
        loss = re.match(r"`([^`]+)`", row[1]).group(1)
        found[name, loss] = row[2:]
    expected = {}
    for path in (DOCS.parent / "experiments" / "comparisons").glob("*/summary.json"):
        summary = read_json(path)
        means = {(row["loss"], row["decision"]): row["mean"] for row in summary["competitors"]}
        against = {
            row["loss"]: row
            for row in summary["comparisons"]
            if row["decision"] == "tuned" and row["baseline"] == f"{summary['baseline']}, tuned"
        }
        for loss in {loss for loss, _ in means}:
            cells = [numbers.points(means[loss, which]) for which in ("argmax", "tuned")]
            row = against.get(loss)
            cells.append("" if row is None else _difference(row))
            loss = "ce+dice" if loss == "auto" else loss  # what auto was in version 0.1
            expected[path.parent.name, loss] = [cell.replace("−", "-") for cell in cells]
    assert found == expected


def _difference(row):
    interval = numbers.interval(row["interval"], sign=True)
    return f"{numbers.signed(row['difference'])} {interval}"


def test_the_script_draws_every_figure_of_the_docs(drawn):
    _, folder = drawn
    pages = [*DOCS.glob("*.md"), DOCS.parent / "CONTRIBUTING.md"]
    shown = {
        name
        for page in pages
        for name in re.findall(r"figures/(\w[\w-]*\.svg)\)", page.read_text(encoding="utf-8"))
    }
    written = {path.name for path in folder.iterdir()}
    kept = {path.name for path in (DOCS / "figures").glob("*.svg")}
    assert shown == written == kept
    assert {f"{name}.svg" for name in LOSSES} <= shown


def test_the_picture_of_the_packages_is_that_of_the_imports(drawn):
    _, folder = drawn
    lines = [
        set(re.findall(r'id="imports:([\w:]+)"', (place / "packages.svg").read_text("utf-8")))
        for place in (folder, DOCS / "figures")
    ]
    assert lines[0] == lines[1] != set()
    assert {"cli:commands", "commands:runs"} <= lines[0]


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
