"""The page as text: one file, everything escaped, nothing fetched, numbers as in the summary."""

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import pytest

from comparisons import LABELS, NASTY, SCRIPT, make_comparison
from dicetune.comparison.summary import summarise, write_summary
from dicetune.errors import DataError
from dicetune.records import read_json, write_json
from dicetune.reporting import render, write_report
from dicetune.reporting.panels import learning_panels

KINDS = ("label", "label_set", "spans", "entities", "answer")
VOID = {"meta", "link", "input", "br", "img", "hr", "wbr"}


class Page(HTMLParser):
    """Elements with their attributes, and whether every one that opens is closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text, self.raw = [], [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.raw.setdefault(self.open[-1], []).append(data)
        else:
            self.text.append(data)


def page_of(folder, kind, **how):
    make_comparison(folder, kind, foreign=True, failed=True, **how)
    write_summary(folder)
    return write_report(folder).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_everything_of_the_data_is_escaped(tmp_path, kind):
    page = Page(page_of(tmp_path / "c", kind, losses=("ce", f"dice{NASTY}")))
    assert page.open == []
    names = [tag for tag, _ in page.elements]
    # ours alone: no script, image or bold text came with the data
    assert names.count("script") == 1
    assert "img" not in names
    assert "<i>" not in page.raw["script"][0]
    attributes = [name for _, found in page.elements for name in found]
    assert not [name for name in attributes if name.startswith("on")]
    text = " ".join(page.text)
    assert SCRIPT in text
    assert kind in ("spans", "entities") or NASTY in text
    assert kind != "label" or LABELS[1] in text


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_fetched(tmp_path, kind):
    page = Page(page_of(tmp_path / "c", kind))
    elements = [found for _, found in page.elements]
    places = [found[name] for found in elements for name in ("src", "href") if name in found]
    assert {place[0] for place in places if place != "data:,"} == {"#"}
    assert not any("style" in found for found in elements)  # the policy would refuse it
    assert "url(" not in page.raw["style"][0]
    assert "@import" not in page.raw["style"][0]


def test_the_policy_names_style_and_script_by_their_hashes(tmp_path):
    text = page_of(tmp_path / "c", "label")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1])
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in ("script", "style"):
        inside = re.search(f"<{name}>(.*?)</{name}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_links_within_the_page_lead_somewhere(tmp_path):
    page = Page(page_of(tmp_path / "c", "label"))
    ids = [found["id"] for _, found in page.elements if "id" in found]
    links = {found["href"][1:] for tag, found in page.elements if tag == "a"}
    assert links <= set(ids)
    assert len(ids) == len(set(ids))


def test_every_drawing_says_what_it_shows(tmp_path):
    page = Page(page_of(tmp_path / "c", "label"))
    labels = [
        found["aria-label"]
        for tag, found in page.elements
        if tag == "svg" and found.get("role") == "img"
    ]
    assert len(labels) > 10
    assert all(labels)


def test_scores_and_their_seeds_are_printed(tmp_path):
    text = page_of(tmp_path / "c", "label")
    summary = read_json(tmp_path / "c" / "summary.json")
    for row in summary["competitors"]:
        assert f"{100 * row['mean']:.1f}</td>" in text
        for score in row["scores"]:
            assert f"{100 * score:.1f}</title>" in text


def test_no_answer_has_a_class_or_a_threshold(tmp_path):
    text = page_of(tmp_path / "c", "answer")
    assert 'id="classes"' not in text
    assert 'id="precision-recall"' not in text


def test_items_are_capped_and_the_page_says_so(tmp_path):
    folder = make_comparison(tmp_path / "c", units=2000, seeds=(1,), tuned=False)
    summary = write_summary(folder)
    assert len(summary["items"]) == 500 < summary["items_differing"]
    text = render(summary)
    assert f"Shown are 500 of {summary['items_differing']}." in text
    assert text.count('<li class="item"') == 500


def test_many_losses_have_a_colour_each_of_eight(tmp_path):
    losses = tuple(f"focal:gamma={number}" for number in range(11))
    folder = make_comparison(tmp_path / "c", losses=losses, seeds=(1,), units=10, tuned=False)
    text = render(write_summary(folder))
    assert {f"c{number}" for number in range(8)} <= set(re.findall(r"\bc\d\b", text))


def test_one_run_alone_makes_a_page(tmp_path):
    folder = make_comparison(tmp_path / "c", losses=("ce",), seeds=(1,), units=5, tuned=False)
    assert "every competitor gets the same texts right" in render(write_summary(folder))


def test_a_folder_without_summary_and_one_of_another_version(tmp_path):
    with pytest.raises(DataError, match=r"expected a folder with summary\.json"):
        write_report(tmp_path)
    write_json(tmp_path / "summary.json", {"version": 99})
    with pytest.raises(DataError, match="expected a summary of version 1, got 99"):
        write_report(tmp_path)


def test_learning_curves_show_the_checkpoint_of_each_decision(tmp_path):
    summary = summarise(make_comparison(tmp_path / "c", seeds=(1,)))
    (run,) = summary["curves"]["ce"]
    assert (run["dev_tuned"], run["best_steps"]) == ([None] * 4, {})  # records of version 0.1
    (plain, _) = learning_panels(summary)
    assert [mark.shape for mark in plain["metric"].marks] == ["circle"]
    run |= {"dev_tuned": [0.5, 0.8, 0.7, 0.6], "best_steps": {"argmax": 40, "tuned": 20}}
    (both, _) = learning_panels(summary)
    panel = both["metric"]
    assert [mark.shape for mark in panel.marks] == ["circle", "diamond"]
    assert panel.marks[1].title == "seed 1, tuned: chosen at step 20, 80.0"
    assert [line.style for line in panel.lines] == ["run c0", "run dashed c0"]
