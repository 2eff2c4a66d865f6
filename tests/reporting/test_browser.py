"""The page in a real browser: opens quietly, fetches nothing, fits a telephone, searches and folds.

Skipped where there is no Chromium or no playwright; nothing is downloaded.
"""

import csv
import io
import shutil
from xml.etree import ElementTree

import pytest

from comparisons import SCRIPT, make_comparison
from dicetune.comparison.summary import write_summary
from dicetune.records import read_json, write_json
from dicetune.reporting import without_repeats, write_report
from dicetune.tasks.suspects import located_suspects

KINDS = ("label", "label_set", "spans", "entities", "answer", "label_set run", "spans run")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LONG = "x" * 400


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium of the system."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        with_sandbox = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield with_sandbox
        with_sandbox.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The report of each kind of prediction, by kind."""
    found = {}
    for kind in ("label", "label_set", "spans", "entities", "answer"):
        folder = tmp_path_factory.mktemp(kind) / "c"
        losses = ("ce", "dice:smooth=0.5", "focal:gamma=2 with lr=4e-4 sampler=balanced")
        make_comparison(folder, kind, losses=losses, foreign=True, failed=True, units=60)
        summary = write_summary(folder)
        summary["items"][0]["text"] += LONG  # a text without a place to break
        found[kind] = folder, summary
    for kind in ("label_set", "spans"):  # as a single run has them
        run = next((found[kind][0] / "cells").glob("ce-*"))
        found[f"{kind} run"] = run, write_summary(run, suspicion=located_suspects(run))
    for folder, summary in found.values():
        write_json(folder / "summary.json", summary)
        write_report(folder)
    return {kind: folder / "report.html" for kind, (folder, _) in found.items()}


@pytest.fixture
def opened(browser, pages):
    """Function that opens a page and fails the test for anything the browser complains of."""
    contexts, complaints = [], []

    def open_page(kind, width=1200, scheme="light", script=True):
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            reduced_motion="reduce",
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        requests = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(pages[kind].as_uri())
        assert requests == [pages[kind].as_uri()]
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [360, 1200])
def test_opens_quietly_and_fits(opened, kind, width):
    page = opened(kind, width)
    for fold in page.query_selector_all("details"):
        fold.evaluate("node => { node.open = true }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # nothing sticks out of the page but what scrolls in a separate box
    wide = page.evaluate(
        """width => [...document.querySelectorAll("body *")].filter(node =>
             node.getBoundingClientRect().right > width + 1 && !node.closest(".plain-table")
             && !node.closest(".unseen") && !node.closest(".plot")).map(node => node.outerHTML)"""
        , width,
    )  # fmt: skip
    assert wide == []


def test_light_and_dark_are_readable(opened):
    grounds = {}
    for scheme in ("light", "dark"):
        page = opened("label", scheme=scheme)
        ground, *inks = page.evaluate(
            """() => ["body", "h1", ".note", "nav a", ".support", ".under", "th"].map(place => {
                 const style = getComputedStyle(document.querySelector(place));
                 return place === "body" ? style.backgroundColor : style.color; })"""
        )  # fmt: skip
        grounds[scheme] = luminance(ground)
        for ink in inks:  # WCAG 2.2, success criterion 1.4.3
            light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert grounds["light"] > 0.8
    assert grounds["dark"] < 0.05


def luminance(colour):
    """Relative luminance of "rgb(r, g, b)", as WCAG 2.2 defines it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def shown(page):
    return page.locator("#item-list > .item:visible").count()


def test_search_filters_and_folds(opened):
    page = opened("label")
    total = page.locator("#item-list > .item").count()
    assert total > 3
    assert page.locator("#item-count").inner_text() == f"{total} items"
    assert shown(page) == min(total, 25)

    page.get_by_label("Search").fill("ALERT(2)")
    found = shown(page)
    assert 0 < found < total
    assert page.locator("#item-count").inner_text() == f"{found} of {total} items"
    page.get_by_label("Search").fill("nowhere to be found")
    assert shown(page) == 0
    page.get_by_role("button", name="Show all").click()
    assert shown(page) == min(total, 25)

    page.get_by_label("Right").select_option("ce")
    page.get_by_label("Wrong").select_option("ce")
    assert shown(page) == 0
    page.get_by_label("Wrong").select_option("other tool")
    for item in page.locator("#item-list > .item:visible").all():
        shares = [float(share) for share in item.get_attribute("data-shares").split()]
        assert shares[0] > 0.5 > shares[-1]

    page.get_by_label("Right").select_option("any")
    page.get_by_label("Wrong").select_option("any")
    fold = page.locator("#item-list > .item details").first
    assert fold.get_attribute("open") is None
    page.get_by_role("button", name="Open all").click()
    assert fold.get_attribute("open") is not None
    page.get_by_role("button", name="Close all").click()
    assert fold.get_attribute("open") is None


def test_more_items_are_shown_a_few_at_a_time(opened):
    page = opened("label_set")
    total = page.locator("#item-list > .item").count()
    assert total > 25
    assert shown(page) == 25
    page.get_by_role("button", name="Show more").click()
    assert shown(page) == min(total, 50)


def test_tables_are_sorted_by_their_heads(opened):
    page = opened("label")
    table = page.locator("#scores table")
    means = table.locator("td.main")
    table.get_by_role("button", name="Mean").click()
    falling = [float(text) for text in means.all_inner_texts()]
    assert falling == sorted(falling, reverse=True)
    table.get_by_role("button", name="Mean").click()
    assert [float(text) for text in means.all_inner_texts()] == sorted(falling)
    assert table.locator("th[aria-sort=ascending]").count() == 1


def test_the_keyboard_is_enough(opened):
    page = opened("label")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#item-search").focus()
    page.keyboard.type("alert(2)")
    assert shown(page) < page.locator("#item-list > .item").count()
    page.locator("#item-list > .item:visible summary").first.focus()
    page.keyboard.press("Enter")
    assert (
        page.locator("#item-list > .item:visible details").first.get_attribute("open") is not None
    )
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_script_in_the_data_is_text(opened):
    page = opened("label")
    assert SCRIPT in page.locator("#how pre").inner_text()
    item = page.locator("#item-list > .item", has_text="alert(2)").first
    assert "</script><img src=x onerror=\"alert(2)\"> & 'quoted' {{ 7*7 }}" in item.inner_text()
    assert page.locator("script").count() == 1
    assert page.locator("img").count() == 0


def test_the_policy_refuses_what_is_not_ours(opened, browser, pages):
    context = browser.new_context()
    page = context.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(pages["label"].as_uri())
    page.evaluate(
        """() => { const script = document.createElement("script");
             script.textContent = "window.reached = true"; document.body.append(script); }"""
    )
    assert page.evaluate("window.reached") is None
    assert page.evaluate("fetch('data:,x').then(() => true, () => false)") is False
    assert any("Content Security Policy" in text for text in refused)
    context.close()


def test_without_a_script_everything_is_there(opened):
    page = opened("label", script=False)
    assert page.locator("#item-filters").is_hidden()
    assert shown(page) == page.locator("#item-list > .item").count()


WORDS_IN_PIECES = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walk.nextNode()) {
    const node = walk.currentNode, box = node.parentElement.closest("svg, pre, select, [hidden]");
    if (box || !node.parentElement.checkVisibility()) continue;
    for (const { 0: word, index } of node.data.matchAll(/\\p{L}{2,20}/gu)) {
      const range = document.createRange();
      range.setStart(node, index); range.setEnd(node, index + word.length);
      const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
      if (tops.size > 1) found.push(word);
    }
  }
  return found;
}"""


@pytest.mark.parametrize("kind", ["label_set", "spans", "label_set run"])
def test_no_word_is_broken_on_a_telephone(opened, kind):
    page = opened(kind, 390)
    for fold in page.query_selector_all("details"):
        fold.evaluate("node => { node.open = true }")
    # a text of the data without any place to break is the one exception
    broken = [word for word in page.evaluate(WORDS_IN_PIECES) if word.strip("x")]
    assert broken == []
    names = "[...document.querySelectorAll('.bar-name')]"
    cut = page.evaluate(f"{names}.filter(one => one.scrollWidth > one.clientWidth).length")
    assert (page.evaluate(f"{names}.length > 0"), cut) == (True, 0)


def test_what_scrolls_sideways_shows_that_it_does(opened):
    page = opened("label", 390)
    page.locator("#classes details summary").click()
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".plain-table")].filter(node =>
             node.scrollWidth > node.clientWidth + 1).map(node => {
               const style = getComputedStyle(node);
               return [style.overflowX, style.backgroundAttachment, style.backgroundImage]; })"""
    )
    assert wide
    for scrolls, attached, drawn in wide:
        assert scrolls == "auto"
        # covers that move with the content, over shades that stay at the edges
        assert attached == "local, local, scroll, scroll"
        assert drawn.count("linear-gradient") == 4


@pytest.mark.parametrize("losses", [("ce", "dice"), ("ce", "dice", "focal")])
def test_a_few_losses_fill_the_width(browser, tmp_path, losses):
    folder = make_comparison(tmp_path / "c", losses=losses, seeds=(1,), units=30)
    write_summary(folder)
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    page = context.new_page()
    page.goto(write_report(folder).as_uri())
    for section in ("precision-recall", "calibration", "learning", "tracking"):
        boxes = [panel.bounding_box() for panel in page.locator(f"#{section} .panel").all()]
        right = max(box["x"] + box["width"] for box in boxes)
        assert right > 0.9 * 1100, section
    context.close()


def dialled(page, what):
    return float(page.locator(f'[data-dial="test {what}"]').inner_text())


def test_the_threshold_moves_what_it_gives(opened, pages):
    page = opened("label_set run")
    found = read_json(pages["label_set run"].with_name("summary.json"))["dials"]
    one = found["labels"][1]
    page.locator("#dial-label").select_option(one["name"])
    slider = page.locator("#dial-at")
    for at in (10, 28, 40):
        slider.fill(str(at))
        counts = one["counts"]["test"]
        right, made = counts["right"][at], counts["predicted"][at]
        assert page.locator("#dial-p").inner_text() == str(found["thresholds"][at])
        assert dialled(page, "recall") == pytest.approx(100 * right / counts["gold"], abs=0.06)
        assert dialled(page, "precision") == pytest.approx(100 * right / (made or 1), abs=0.06)
        f1 = 200 * right / (made + counts["gold"])
        assert dialled(page, "f1") == pytest.approx(f1, abs=0.06)
        assert dialled(page, "missed") == counts["gold"] - right
    page.locator("#dial-miss").fill("9")
    errors = 9 * (counts["gold"] - right) + made - right
    assert dialled(page, "cost") == pytest.approx(1000 * errors / counts["units"], rel=1e-3)


def test_the_threshold_goes_where_dev_is_best(opened, pages):
    page = opened("label_set run")
    one = read_json(pages["label_set run"].with_name("summary.json"))["dials"]["labels"][0]
    dev = one["counts"]["dev"]
    f1 = [2 * r / (m + dev["gold"]) for r, m in zip(dev["right"], dev["predicted"], strict=True)]
    page.get_by_role("button", name="best F1 on dev").click()
    assert int(page.locator("#dial-at").input_value()) == f1.index(max(f1))
    page.locator("#dial-miss").fill("1000")
    page.get_by_role("button", name="lowest cost on dev").click()
    assert dialled(page, "missed") <= dev["gold"]
    assert page.locator('[data-dial="dev missed"]').inner_text() == "0"
    page.get_by_role("button", name="0.5", exact=True).click()
    assert page.locator("#dial-p").inner_text() == "0.5"


MOST_SAVED = 9  # Chromium asks the user before a page saves more than ten files


def saved(page, button):
    with page.expect_download() as waiting:
        button.click()
    return waiting.value.suggested_filename, waiting.value.path().read_text("utf-8")


def test_tables_and_figures_are_saved(opened, pages):
    page = opened("label")
    summary = read_json(pages["label"].with_name("summary.json"))
    name, text = saved(page, page.get_by_title("Download the table: scores"))
    assert name == "text-on-test-x-.tsv-scores.csv"
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head[:2] == ["Objective", "Mean, %"]
    shown = [row for row in summary["competitors"] if row["name"] not in summary["repeats"]]
    assert [row[0] for row in rows] == [row["name"] for row in shown]
    assert [float(row[1]) for row in rows] == [row["mean"] for row in shown]
    _, text = saved(page, page.get_by_title("Download the table: differences"))
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert [head[1], head[3]] == ["Points", "p (Holm)"]
    told = without_repeats(summary["comparisons"], summary["repeats"])
    found = [(float(row[1]), row[3]) for row in rows]
    assert found == [
        (row["difference"], "–" if row["p_holm"] is None else str(row["p_holm"])) for row in told
    ]
    for button in page.get_by_title("Download the table").all()[:MOST_SAVED]:
        if button.is_visible():
            assert len(saved(page, button)[1].splitlines()) > 1
    page = opened("label")
    drawings = page.get_by_title("Download the figure")
    assert drawings.count() > MOST_SAVED
    for button in drawings.all()[:MOST_SAVED]:
        name, text = saved(page, button)
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("}svg")
        assert name.endswith(".svg")
        assert "var(" not in text
        assert "class=" not in text
    page = opened("label")
    page.locator("#scores details summary").click()
    name, text = saved(page, page.get_by_title("Download the table for LaTeX"))
    assert name.endswith(".tex")
    assert text.count(r"\\") == 1 + len(shown)


def test_a_formula_in_a_name_is_text_in_a_sheet(browser, tmp_path):
    folder = make_comparison(tmp_path / "c", losses=("ce",), seeds=(1,), units=10, tuned=False)
    summary = write_summary(folder)
    summary["competitors"][0]["name"] = '=1+1,"x"'
    write_json(folder / "summary.json", summary)
    page = browser.new_page()
    page.goto(write_report(folder).as_uri())
    _, text = saved(page, page.get_by_title("Download the table: scores"))
    assert list(csv.reader(io.StringIO(text, newline="")))[1][0] == '\'=1+1,"x"'
    page.close()


def test_classes_are_put_in_the_order_that_is_chosen(browser, tmp_path):
    folder = make_comparison(tmp_path / "c", seeds=(1,), units=20, tuned=False)
    summary = write_summary(folder)
    like = summary["competitors"][0]["per_class"][0]
    for row in summary["competitors"]:
        row["per_class"] = [{**like, "name": f"c{n:02}", "support": 3 * n} for n in range(1, 16)]
    write_json(folder / "summary.json", summary)
    page = browser.new_page()
    page.goto(write_report(folder).as_uri())
    heads = page.locator("#class-grid h3:visible")
    assert heads.count() == 12
    page.get_by_label("Order").select_option("most frequent first")
    assert heads.first.inner_text().startswith("c15")
    page.get_by_label("Order").select_option("rarest first")
    assert heads.first.inner_text().startswith("c01")
    page.get_by_role("button", name="Show all 15").click()
    assert heads.count() == 15
    page.close()


def test_entities_are_marked_in_their_sentence(opened, pages):
    page = opened("spans")
    items = read_json(pages["spans"].with_name("summary.json"))["items"]
    for item, node in zip(items[:20], page.locator("#item-list .text").all(), strict=False):
        gold = node.locator("mark.gold").all_inner_texts()
        told = {reading.partition(" (word ")[0] for reading in item["gold"]}
        marked = {"{0[1]}: {0[0]}".format(text.split("\n")) for text in gold if "\n" in text}
        assert len(gold) == len(item["gold"])
        assert marked <= told
