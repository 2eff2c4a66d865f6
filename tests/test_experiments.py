"""The scripts of experiments: what they change in a training set, and what their records keep."""

import importlib
import json
import lzma
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from comparisons import LABELS, PROBLEMS, make_comparison
from dicetune import numbers
from dicetune.comparison.differences import differences
from dicetune.comparison.plan import Plan
from dicetune.comparison.results import read_results
from dicetune.comparison.runs import FinishedRun

FOLDER = Path(__file__).parent.parent / "experiments"
WORDS = ("Atlas", "met", "Dana", "Ruiz", "at", "Quay", "Nine", "near", "Lisbon", ".")
TAGS = ("B-ORG", "O", "B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "B-LOC", "O")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def many(count=400):
    """Sentences with four entities each, and as many without."""
    some = [
        [(f"{word}{n}", tag) for word, tag in zip(WORDS, TAGS, strict=True)] for n in range(count)
    ]
    return [*some, *([(f"quiet{n}", "O")] for n in range(count))]


def entities(script, sentences):
    return [span for rows in sentences for span in script("corrupt").spans(rows)]


def test_half_of_the_entities_are_left_unmarked_and_no_word_changes(script):
    corrupt = script("corrupt")
    before = many()
    after = [corrupt.unmarked(0)(rows) for rows in before]
    assert [[w for w, _ in rows] for rows in after] == [[w for w, _ in rows] for rows in before]
    kept, all_of_them = entities(script, after), entities(script, before)
    assert len(kept) / len(all_of_them) == pytest.approx(corrupt.UNMARKED, abs=0.05)
    assert {span[2] for span in kept} == {"ORG", "PER", "LOC"}
    again = [corrupt.unmarked(0)(rows) for rows in reversed(before)]
    assert again == after[::-1]  # no choice depends on the order
    assert [corrupt.unmarked(1)(rows) for rows in before] != after


def test_few_positives_and_every_negative_are_left(script):
    corrupt = script("corrupt")
    kept = [rows for rows in map(corrupt.few(0), many()) if rows]
    positive = [rows for rows in kept if corrupt.spans(rows)]
    assert len(positive) / 400 == pytest.approx(corrupt.FEW, abs=0.05)
    assert len(kept) - len(positive) == 400


def test_flipped_entities_have_another_type_or_none(script):
    corrupt = script("corrupt")
    before = many()
    for types in (["LOC", "ORG", "PER"], ["LOC"]):
        whole = [(r, corrupt.flipped(0, types)(r)) for r in before]
        changed = [
            (span, after)
            for old, new in whole
            for span in corrupt.spans(old)
            for after in [next((s for s in corrupt.spans(new) if s[:2] == span[:2]), None)]
            if after != span and (len(types) > 1 or span[2] == "LOC")
        ]
        assert all(after is None or after[2] in types for _, after in changed)
        assert any(after is None for _, after in changed) == (types == ["LOC"])
        number = 1600 if len(types) > 1 else 800
        assert len(changed) / number == pytest.approx(corrupt.FLIPPED, abs=0.05)


def test_table_8_changes_the_shares_as_it_says(script, tmp_path):
    rows = [f"{n}\tone {n}\ttwo {n}\t{int(n % 3 == 0)}" for n in range(900)]
    (tmp_path / "paws.train.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    script("corrupt").table8(tmp_path, "paws", 3, 0)
    found = {}
    for path in tmp_path.glob("paws-*.train.tsv"):
        own = path.read_text(encoding="utf-8").split("\n")[:-1]
        assert set(own) <= set(rows)
        positives = sum(row.endswith("\t1") for row in own)
        found[path.name.removeprefix("paws-").removesuffix(".train.tsv")] = positives, len(own)
    assert found.pop("plus-both")[1] == 1134
    assert found == {
        "plus-positives": (534, 1134),
        "plus-negatives": (300, 1134),
        "minus-negatives": (300, 666),
    }


@pytest.mark.parametrize("kind", [kind for kind in PROBLEMS if kind != "answer"])
def test_records_without_texts_say_what_the_comparison_says(script, tmp_path, monkeypatch, kind):
    evidence, programme = script("evidence"), script("programme")
    monkeypatch.setattr(programme, "RECORDS", tmp_path / "records")
    out = make_comparison(tmp_path / "made", kind, seeds=(1, 2, 3))
    cell = programme.Cell("screen", "made", {}, ["ce", "dice"], [1, 2, 3])
    programme.keep(cell, out)
    paths = sorted(cell.place.glob("*.json.xz"))
    assert len(paths) == 6
    kept = [path.read_bytes() for path in paths]
    text = "".join(lzma.decompress(each).decode() for each in kept)
    assert "pump" not in text
    assert text.count('"whole":true') == 1
    plan = Plan.load(out)
    whole = read_results(plan, out, FinishedRun.of_plan(plan, out))
    ours = cell.results()
    named = {one.name: one for one in whole.competitors if not one.members}
    assert {one.name for one in ours.competitors} == set(named)
    for one in ours.competitors:
        assert np.array_equal(one.counts, named[one.name].counts)
        assert one.seeds == named[one.name].seeds
    theirs = {row["name"]: row for row in differences(whole, "ce").rows}
    for row in differences(ours, "ce").rows:
        if row["name"] in theirs:
            for key in ("difference", "interval", "p"):
                assert row[key] == pytest.approx(theirs[row["name"]][key])
    monkeypatch.setattr(evidence, "cells", lambda stage: [cell])
    lines = list(evidence.table("screen"))
    assert [line.split(" | ")[1] for line in lines[2:]] == ["`ce`", "`dice`"]
    shown = numbers.signed(theirs["dice, tuned"]["difference"])
    assert f"| {shown} " in lines[3]
    evidence.figure(tmp_path / "forest.svg")
    assert texts_of(tmp_path / "forest.svg").count("dice") == 2  # a row for each stage
    programme.keep(cell, out)  # a record is never written again
    assert [path.read_bytes() for path in paths] == kept


def test_the_opponent_is_the_rate_that_dev_chooses_and_its_better_decision(
    script, tmp_path, monkeypatch
):
    evidence, programme = script("evidence"), script("programme")
    monkeypatch.setattr(programme, "RECORDS", tmp_path / "records")
    losses = ("ce", "ce with lr=4e-4", "dice")
    found = []
    for name in ("one", "two"):
        cell = programme.Cell("confirm", name, {}, [*losses], [1, 2, 3], auto="dice")
        programme.keep(cell, make_comparison(tmp_path / name, losses=losses, seeds=(1, 2, 3)))
        found.append(cell)
    found.append(programme.Cell("confirm", "one", {}, ["ce", "dsc"], [1, 2, 3]))  # auto is ce
    for path in (path for cell in found[:2] for path in cell.place.iterdir()):
        record = programme.read_record(path)
        best = {("ce", 2): (0.6, 0.6), ("ce", 1): (0.6, 0.8), (losses[1], 1): (0.7, 0.7)}
        plain, tuned = best.get((record["name"], record["seed"]), (0.5, 0.5))
        rows = [{"eval_f1": plain - step, "eval_f1_tuned": tuned - step} for step in (0.1, 0, 0.2)]
        record["training"] |= {"chosen_by": "f1_tuned", "history": rows}
        programme.write_record(path, record)
    results = found[1].results()
    of = {(one.loss, one.decision): one.counts for one in results.competitors}
    for decision, first in (("argmax", losses[1]), ("tuned", "ce")):
        chosen = [of[loss, decision][n] for n, loss in enumerate((first, "ce", "ce"))]
        assert np.array_equal(of[programme.BEST, decision], chosen)
    assert results.competitors[0].loss == programme.BEST
    monkeypatch.setattr(evidence, "cells", lambda stage: found)
    rows = [line.strip("| ").split(" | ") for line in evidence.goal("confirm")][2:]
    score = {one.name: results.scores(one)["mean"] for one in results.competitors}
    apart = score["dice, tuned"] - max(score[programme.BEST], score[f"{programme.BEST}, tuned"])
    assert [row[0] for row in rows[:3]] == ["one", "two", "one"]
    assert rows[0][4].startswith(numbers.signed(apart))
    assert rows[3][0].startswith("mean of 2")
    ends = [
        [float(end) for end in re.findall(r"-?\d+\.\d", row[4].replace("−", "-"))]
        for row in (*rows[:2], rows[3])
    ]
    assert ends[2][0] == pytest.approx(ends[0][0], abs=0.1)
    (_, low, high), (_, lower, upper) = ends[0], ends[2]
    assert upper - lower == pytest.approx(high - low, abs=0.2)  # two equal cells


def test_dev_chooses_between_auto_and_dsc(script, tmp_path, monkeypatch):
    programme = script("programme")
    monkeypatch.setattr(programme, "RECORDS", tmp_path / "records")
    cell = programme.Cell("confirm", "made", {}, ["ce", "dsc", "dice"], [1, 2])
    programme.keep(cell, make_comparison(tmp_path / "made", losses=cell.objectives, seeds=(1, 2)))
    chosen = {1: "dsc", 2: "ce"}
    for path in cell.place.iterdir():
        record = programme.read_record(path)
        best = record["name"] in ("dice", chosen[record["seed"]])
        rows = [{"eval_f1": 0.5, "eval_f1_tuned": 0.5 + 0.1 * best}]
        record["training"] |= {"chosen_by": "f1_tuned", "history": rows}
        programme.write_record(path, record)
    of = {(one.loss, one.decision): one.counts for one in cell.results().competitors}
    expected = [of["dsc", "tuned"][0], of["ce", "tuned"][1]]
    assert np.array_equal(of[programme.TRY, "tuned"], expected)
    record["data"] = {"train": "another file"}
    programme.write_record(path, record)
    with pytest.raises(SystemExit, match="expected records of the same data"):
        cell.results()


def test_what_people_use_instead_is_scored_beside_the_losses(script, tmp_path, monkeypatch):
    evidence, programme, rivals = map(script, ("evidence", "programme", "rivals"))
    monkeypatch.setattr(programme, "RECORDS", tmp_path / "records")
    ham, spam = LABELS
    said = {ham: ("quay", "gate", "crane", "dock"), spam: ("win", "cash", "prize", "free")}
    rng, gold = np.random.default_rng(0), {}
    for split, units in (("train", 90), ("dev", 30), ("test", 30)):
        gold[split] = [LABELS[int(rng.random() < 0.3)] for _ in range(units)]
        rows = [f"{one}\t{' '.join(rng.choice(said[one], 3))}\n" for one in gold[split]]
        (tmp_path / f"{split}.tsv").write_text("label\ttext\n" + "".join(rows), encoding="utf-8")
    files = {split: str(tmp_path / f"{split}.tsv") for split in gold}
    cell = programme.Cell("originals", "made", {"task": "text", **files}, ["ce", "dice"], [1, 2])
    programme.keep(cell, make_comparison(tmp_path / "made", seeds=(1, 2)))
    for module in (evidence, rivals):
        monkeypatch.setattr(module, "cells", lambda stage: [cell])
    monkeypatch.setattr(sys, "argv", ["rivals.py", "originals", "made", "tfidf"])
    rivals.main()
    assert list(evidence.table("originals"))[-1].startswith("| made | tfidf, not of this package |")
    predicted = rivals.tfidf(cell, rivals.read(cell))
    right = sum(a == b == spam for a, b in zip(predicted, gold["test"], strict=True))
    f1 = 2 * right / (predicted.count(spam) + gold["test"].count(spam))
    assert f1 > 0.9
    scores = {one.name: cell.results().scores(one)["mean"] for one in cell.results().competitors}
    assert scores["tfidf"] == pytest.approx(f1)


def test_every_file_of_every_cell_is_there_or_made(script, tmp_path, monkeypatch, real_data):
    real_data("wnut17/wnut17train.conll")
    monkeypatch.setattr(sys, "argv", ["script", str(tmp_path)])
    script("carve").main()
    script("corrupt").main()
    programme = script("programme")
    stages = programme.stages()
    assert {"screen", "confirm", "originals", "table8", "table9", "table10"} <= set(stages)
    with pytest.raises(SystemExit, match=r"expected a stage \(screen, .*table9\), got 'table7'"):
        programme.cells("table7")
    for stage in stages:
        for cell in programme.cells(stage):
            assert cell.objectives, cell.name
            assert cell.seeds, cell.name
            for split in ("train", "dev", "test"):
                place = Path(cell.config[split])
                if place.parts[0] == "experiments":
                    assert (tmp_path / place.name).is_file(), place
                else:
                    assert (FOLDER.parent / place).is_file(), place


def test_a_record_leaves_out_what_the_first_of_its_cell_has(script, tmp_path, monkeypatch):
    programme = script("programme")
    monkeypatch.setattr(programme, "RECORDS", tmp_path / "records")
    cell = programme.Cell("screen", "made", {}, ["ce", "dice"], [1, 2])
    out = make_comparison(tmp_path / "made", seeds=(1, 2))
    programme.keep(cell, out)
    stored = {path: json.loads(lzma.decompress(path.read_bytes())) for path in cell.place.iterdir()}
    assert sorted("less" in one for one in stored.values()) == [False, True, True, True]
    finished = FinishedRun.of_plan(Plan.load(out), out)
    runs = {(one.planned.loss, one.planned.seed): one for one in finished}
    for path, one in stored.items():
        read = programme.read_record(path)
        run = runs[read["name"], read["seed"]]
        assert read["config"] == run.record.config
        assert ("task" in one["config"]) == one["whole"]
        assert read["versions"] == run.record.versions
        assert read["data"] == {split: own["sha256"] for split, own in run.record.data.items()}
        assert read["problem"] == run.problem
        assert "less" not in read
        rows = run.record.training["history"]
        for told, row in zip(read["training"]["history"], rows, strict=True):
            assert told == {
                key: pytest.approx(value, rel=1e-5)
                for key, value in row.items()
                if key not in programme.TIMES
            }
    path, small = next((path, one) for path, one in stored.items() if "less" in one)
    fewer = {**small, "whole": False, "training": {"steps": 7}}  # of another version
    del fewer["less"]
    programme.write_record(path, programme.less(fewer, cell.place))
    assert programme.read_record(path) == fewer
    rows = [{"step": 1, "eval_f1": 0.5}, {"step": 2, "eval_f1": 0.25, "train_loss": 0.125}]
    columns = {"step": [1, 2], "eval_f1": [0.5, 0.25], "train_loss": [None, 0.125]}
    programme.write_record(path, {**fewer, "training": {"history": columns}})
    assert programme.read_record(path)["training"]["history"] == rows
    next(path for path, one in stored.items() if one["whole"]).unlink()
    with pytest.raises(SystemExit, match=r"expected the first record of .*made, which is whole"):
        cell.records()


def test_counts_are_kept_exactly_and_shares_to_six_digits(script):
    programme, rng = script("programme"), np.random.default_rng(0)
    whole = rng.poisson(0.3, (50, 4)).astype(float)
    shares = np.where(rng.random((50, 2)) < 0.5, rng.random((50, 2)), 0)
    counts = np.concatenate([whole, shares], 1)
    other = np.roll(counts, 1, 0)
    first = stored(programme, counts, whole=True)
    assert np.array_equal(programme.counts(first)[:, :4], whole)
    apart = stored(programme, other - programme.counts(first), whole=False)
    for record, expected in ((first, counts), (apart, other)):
        found = programme.counts(record, first)
        assert np.array_equal(found[:, :4], expected[:, :4])
        assert np.abs(found - expected).max() < 2e-6


def stored(programme, counts, whole):
    record = {"whole": whole, "units": 50, "columns": "abcdef"}
    return json.loads(json.dumps({**record, "counts": [programme.sparse(counts)]}))


def test_a_missing_record_and_no_other_is_trained(script, tmp_path, monkeypatch):
    evidence, programme = script("evidence"), script("programme")
    monkeypatch.setattr(programme, "RECORDS", tmp_path / "records")
    asked = []
    monkeypatch.setattr(evidence, "_compare", lambda *given: asked.append((given[2], given[3])))
    out = make_comparison(tmp_path / "made", seeds=(1, 2))
    cell = programme.Cell("screen", "made", {}, ["ce", "dice", "dsc"], [1, 2, 3])
    programme.keep(cell, out)
    path = next(cell.place.iterdir())
    path.rename(path.with_name("made under another id.json.xz"))
    programme.keep(cell, out)  # the same loss and seed
    assert len([*cell.place.iterdir()]) == 4
    evidence.run(cell, float("inf"))
    assert asked == [(["ce", "dsc"], 1), (["ce", "dsc"], 2), (["ce", "dice", "dsc"], 3)]
    assert json.loads(lzma.decompress(next(cell.place.iterdir()).read_bytes()))["seed"] in (1, 2)


def test_the_rank_correlation_of_a_loss_with_f1_is_that_of_its_evaluations(
    script, tmp_path, monkeypatch
):
    evidence = script("evidence")
    monkeypatch.setattr(evidence, "RECORDS", tmp_path)

    def record(number, name, losses, metric="f1_tuned"):
        rows = [
            {"eval_loss": loss, "eval_f1": step / 9, "eval_f1_tuned": 1 - step / 9}
            for step, loss in enumerate(losses)
        ]
        training = {"chosen_by": metric, "history": rows, "seconds": 1800}
        kept = {"config": {"loss": name}, "training": training}
        script("programme").write_record(tmp_path / f"{number}.json.xz", kept)

    falling, rising = [4.0, 3.0, 2.0], [2.0, 3.0, 4.0]
    for number, losses in enumerate((falling, falling, falling, rising, rising)):
        record(number, "ce", losses)
        record(10 + number, "dice", [0.4, 0.1, 0.2])
    record(5, "ce", [3.0, 3.0, 3.0])  # says nothing
    record(6, "ce", falling, metric="accuracy_tuned")
    record(7, "focal", falling)  # one run is no result
    assert list(evidence.tracks())[2:] == [
        "| `ce` | 5 | 1.00 (-1.00, 1.00) | -1.00 (-1.00, 1.00) |",
        "| `dice` | 5 | 0.50 (0.50, 0.50) | -0.50 (-0.50, -0.50) |",
    ]
    assert list(evidence.hours()) == ["13 runs, 6.5 hours of training"]


def test_an_estimate_of_an_annotation_stands_beside_the_truth(
    script, tmp_path, monkeypatch, capsys
):
    annotation = script("annotation")
    right = "Dana\tB-PER\nRuiz\tI-PER\nleft\tO\n\nQuay\tB-LOC\nis\tO\n\n"
    (tmp_path / "right").write_text(right, encoding="utf-8")
    spoilt = right.replace("B-LOC", "O").replace("is\tO", "is\tB-LOC").replace("I-PER", "I-LOC")
    (tmp_path / "spoilt").write_text(spoilt, encoding="utf-8")
    sets = {"made": ("wnut17-unmarked", tmp_path / "spoilt", tmp_path / "right")}
    monkeypatch.setattr(annotation, "SETS", sets)
    share = {"value": 0.5, "low": 0.25, "high": 1.0}
    found = SimpleNamespace(
        to_dict=lambda: dict.fromkeys(("surest", "elkan_noto", "rejected"), share)
    )
    monkeypatch.setattr(annotation, "trained", lambda name: tmp_path)
    monkeypatch.setattr(annotation, "annotation_of", lambda folder: found)
    monkeypatch.setattr(annotation, "KEPT", tmp_path / "kept.json")
    monkeypatch.setattr(sys, "argv", ["annotation.py"])
    annotation.main()
    said = "0.50 (0.25 to 1.00)"
    row = f"| made | 0.67 | 0.67 | {said} | {said} | {said} |"
    assert capsys.readouterr().out.splitlines()[-1] == row


@pytest.mark.parametrize("name", ["wikigold_distant", "sms_spam-unmarked", "goemotions-unmarked"])
def test_the_truth_of_a_spoilt_annotation_is_known(script, real_data, name, monkeypatch):
    real_data("wikigold/wikigold.conll.txt")
    annotation = script("annotation")
    monkeypatch.chdir(FOLDER.parent)
    if not annotation.SETS[name][1].is_file():
        pytest.skip("made by experiments/carve.py and corrupt.py")
    expected = {"wikigold_distant": (0.72, 0.81)}.get(name, (0.51, 1.0))
    assert annotation.truth(name) == pytest.approx(expected, abs=0.02)


def texts_of(figure):
    return re.findall(r"<text[^>]*>([^<]+)</text>", figure.read_text(encoding="utf-8"))


def lines_of(figure):
    """Coordinates of the lines to a tenth of a point, and their colours."""
    found = re.findall(
        r'<path d="(M [^"]+)"[^>]*stroke: (#\w+)', figure.read_text(encoding="utf-8")
    )
    return [([round(float(x), 1) for x in re.findall(r"[-\d.]+", d)], color) for d, color in found]


def test_the_page_shows_what_the_records_say(script, tmp_path):
    evidence = script("evidence")
    page = evidence.PAGE.read_text(encoding="utf-8")
    assert page == evidence.page(page)  # else: python experiments/evidence.py page
    new = "<!-- evidence.py hours -->\n\n{}## Next\n"  # what follows is kept
    told = evidence.page(new.format(""))
    assert told == new.format("\n".join([*evidence.hours(), "", ""]))
    for place in evidence.RECORDS.iterdir():
        said = rf"<!-- evidence\.py (table|matrix) {place.name} -->"
        assert not place.is_dir() or re.search(said, page)
    evidence.figure(tmp_path / "drawn.svg")
    for part in (texts_of, lines_of):
        assert part(tmp_path / "drawn.svg") == part(evidence.PAGE.with_suffix(".svg"))
