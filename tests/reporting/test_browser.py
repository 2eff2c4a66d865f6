"""The page in a real browser: opens quietly, fetches nothing, fits a telephone, searches and folds.

Skipped where there is no Chromium or no playwright; nothing is downloaded.
"""

import shutil

import pytest

from comparisons import SCRIPT, make_comparison
from dicetune.comparison.summary import write_summary
from dicetune.reporting import write_report

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
        losses = ("ce", "dice:smooth=0.5", "focal:gamma=2")
        make_comparison(folder, kind, losses=losses, foreign=True, failed=True, units=60)
        summary = write_summary(folder)
        summary["items"][0]["text"] += LONG  # a text without a place to break
        found[kind] = folder, summary
    from dicetune.records import write_json

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


@pytest.mark.parametrize("kind", ["label", "label_set", "spans", "entities", "answer"])
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
