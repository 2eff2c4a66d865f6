"""Output as tables: what a spreadsheet and a program read back, with the columns of the input."""

import csv
import io
import json

import numpy as np
import pytest

from dicetune.predictor import load
from dicetune.scoring import predict
from dicetune.tasks import TASKS

TRICKY = ["plain", 'a "b", c', "two\nlines", "semi;colon\ttab", " spaces ", "=1+1", "é 漢 🙂"]


@pytest.fixture
def classifier(saved_family):
    return saved_family("bert", "sequence")


def rows_of(text, separator):
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


@pytest.mark.parametrize(("format", "separator"), [("csv", ","), ("tsv", "\t")])
def test_every_text_comes_back_from_a_table(classifier, format, separator):
    answers = predict(classifier, text=TRICKY, out_format=format)
    head, *rows = rows_of(answers.text, separator)
    assert head == ["text", "predicted", "probability"]
    assert [row[0] for row in rows] == TRICKY
    assert [row[1] for row in rows] == [answer.label for answer in answers]


def test_the_columns_of_a_table_are_kept_as_they_are(classifier, tmp_path):
    source = 'number,text,note,predicted\n07,"a, b","say ""hi""",old\n8,c,,\n'
    (tmp_path / "in.csv").write_text(source, encoding="utf-8")
    answers = predict(classifier, str(tmp_path / "in.csv"), out_format="csv")
    head, *rows = rows_of(answers.text, ",")
    assert head == ["number", "text", "note", "input_predicted", "predicted", "probability"]
    assert [row[:4] for row in rows] == [["07", "a, b", 'say "hi"', "old"], ["8", "c", "", ""]]
    first = json.loads(predict(classifier, str(tmp_path / "in.csv")).text.splitlines()[0])
    assert (first["text"], first["number"], first["note"]) == ("a, b", "07", 'say "hi"')
    assert first["predicted"] == "old"  # JSON lines call ours "label"
    assert "label" in first


def test_names_of_kept_columns_are_stable_and_unique(classifier, tmp_path):
    source = "text,decision,predicted,input_predicted,note,note\na,b,c,d,e,f\n"
    (tmp_path / "in.csv").write_text(source, encoding="utf-8")
    head, row = rows_of(predict(classifier, str(tmp_path / "in.csv"), out_format="csv").text, ",")
    assert head[:6] == [
        *("text", "input_decision", "input_input_predicted", "input_predicted"),
        *("note", "input_note"),
    ]
    assert row[:6] == list("abcdef")
    found = json.loads(predict(classifier, str(tmp_path / "in.csv")).text)
    names = ("input_decision", "predicted", "input_predicted", "note", "input_note")
    assert [found[name] for name in names] == list("bcdef")


def test_keys_of_json_lines_are_kept(classifier, tmp_path):
    rows = [
        {"id": "x", "text": "a", "label": "old", "meta": {"page": 3}},
        {"id": "y", "text": "b", "late": [1]},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    answers = predict(classifier, str(tmp_path / "in.jsonl"))
    first, second = map(json.loads, answers.text.splitlines())
    assert (first["id"], first["input_label"], first["meta"]) == ("x", "old", {"page": 3})
    assert first["label"] == answers[0].label
    assert (second["late"], "input_label" in second) == ([1], False)
    table = predict(classifier, str(tmp_path / "in.jsonl"), out_format="csv").text
    head, *cells = rows_of(table, ",")
    assert head == ["id", "text", "label", "meta", "late", "predicted", "probability"]
    assert cells[0][3:5] == ['{"page": 3}', ""]


def test_columns_without_names_get_names(classifier, tmp_path):
    (tmp_path / "in.tsv").write_text("7\tthe pump is down\n8\tdock four is fine\n", "utf-8")
    options = {"header": "off", "text_column": 1}
    text = predict(classifier, str(tmp_path / "in.tsv"), options=options, out_format="csv").text
    assert rows_of(text, ",")[0] == ["column 0", "text", "predicted", "probability"]


def test_entities_and_tags_have_a_cell_a_text(saved_family):
    tagger = load(saved_family("bert", "token"))
    data = tagger.ask(["at Quay", "all"])
    answers = tagger.answer(data)
    head, *rows = rows_of(tagger.task.render(data, answers, "csv"), ",")
    assert head[0] == "text"
    assert [row[0] for row in rows] == ["at Quay", "all"]


def test_answers_have_a_row_a_question(saved_family):
    answers = predict(
        saved_family("bert", "question"),
        question=["Who lost it?"],
        context=["Atlas Sync lost it"],
        out_format="csv",
    )
    head, row = rows_of(answers.text, ",")
    assert head == ["id", "question", "answer", "probability"]
    assert row[1:3] == ["Who lost it?", answers[0].prediction.text]


ASKED = [
    {"id": "q1", "question": "Who lost it?", "context": "Atlas Sync lost it", "page": 3},
    {"id": "q2", "question": "Where?", "context": "at Quay Nine", "answers": [], "title": "Port"},
]


@pytest.mark.parametrize("layout", ["jsonl", "squad", "cmrc"])
def test_title_and_keys_of_questions_are_kept(saved_family, tmp_path, layout):
    articles = [
        {"title": row.get("title"), "paragraphs": [paragraph]}
        for row in ASKED
        for paragraph in [{"context": row["context"], "qas": [row]}]
    ]
    renamed = {"id": "query_id", "question": "query_text"}
    paragraphs = [
        {
            "context_id": "c",
            "context_text": row["context"],
            "title": row.get("title"),
            "qas": [{renamed.get(k, k): v for k, v in row.items() if k != "context"}],
        }
        for row in ASKED
    ]
    text = {
        "jsonl": "".join(json.dumps(row) + "\n" for row in ASKED),
        "squad": json.dumps({"data": articles}),
        "cmrc": json.dumps(paragraphs),
    }[layout]
    (tmp_path / "in").write_text(text, encoding="utf-8")
    model = saved_family("bert", "question")
    answers = predict(model, str(tmp_path / "in"))
    first, second = map(json.loads, answers.text.splitlines())
    assert (first["id"], first["page"], "title" in first) == ("q1", 3, False)
    assert (second["title"], second["answers"], "page" in second) == ("Port", [], False)
    assert second["answer"] == answers[1].prediction.text
    head, *rows = rows_of(predict(model, str(tmp_path / "in"), out_format="csv").text, ",")
    at = [head.index(name) for name in ("id", "question", "page", "title")]
    assert [[row[place] for place in at] for row in rows] == [
        ["q1", "Who lost it?", "3", ""],
        ["q2", "Where?", "", "Port"],
    ]
    assert head[-2:] == ["answer", "probability"]


def test_keys_and_columns_of_sentences_with_entities_are_kept(tmp_path):
    row = {"tokens": ["at", "Quay"], "entities": [{"type": "X", "start": 0, "end": 1}], "page": 3}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (tmp_path / "in.conll").write_text("# id 7\nat\tIN\nQuay\tNNP\n", encoding="utf-8")
    task = TASKS["mrc-ner"]({"X": "Find it."})
    kept = []
    for name in ("in.jsonl", "in.conll"):
        data = task.read(tmp_path / name, task.Options(), gold=False)
        answers = task.answers(data, [[]], [np.zeros((0, 6))])
        kept.append(json.loads(task.render(data, answers, "jsonl")))
        head, cells = rows_of(task.render(data, answers, "csv"), ",")
        assert (head[0], cells[0], head[-1]) == ("text", "at Quay", "entities")
    assert (kept[0]["entities"], kept[0]["input_entities"]) == ([], row["entities"])
    assert kept[0]["page"] == 3
    assert (kept[1]["column 1"], kept[1]["comments"]) == (["IN", "NNP"], ["# id 7"])


def test_every_task_writes_tables():
    assert all({"csv", "tsv", "jsonl"} <= {*task.out_formats} for task in TASKS.values())
