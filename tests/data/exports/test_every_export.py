"""What all exports have in common: the same texts, read from every tool, are the same."""

import json

import pytest

import dicetune
from dicetune.data import read_entities, read_texts, read_tokens
from dicetune.data.exports.read import EXPORTS
from dicetune.data.texts.columns import TextLayout
from dicetune.errors import DicetuneError, InputError
from dicetune.tasks import TASKS
from exports import (
    LABELS,
    SPANS,
    TEXTS,
    found_spans,
    label_studio_min,
    write_export,
    write_json,
    write_lines,
)
from local_runs import TRAINER
from tiny import tiny_bert

IDS = {"prodigy": ["-11", "-12", "-13", "-14"], "spacy": ["1", "2", "3", "4"]}
OF_LABELS = {**dict.fromkeys(EXPORTS), "doccano": "doccano labels"}
del OF_LABELS["brat"]


@pytest.mark.parametrize("format", EXPORTS)
def test_spans_are_read_by_content_and_by_name(tmp_path, format):
    path = write_export(tmp_path, format)
    for chosen in ("auto", format):
        corpus = read_tokens(path, format=chosen)
        assert corpus.format == format
        assert found_spans(corpus) == SPANS
        assert [s.id for s in corpus] == IDS.get(format, ["11", "12", "13", "14"])
        assert [s.document for s in corpus] == [s.id for s in corpus]
        assert "🚢" in corpus.sentences[0].tokens
        entities = read_entities(path, format=chosen)
        named = [[(s.type, " ".join(x.tokens[s.start : s.end])) for s in x.spans] for x in entities]
        assert named == SPANS
        assert [x.document for x in entities] == [s.id for s in corpus]


def test_json_min_reads_as_json(tmp_path):
    corpus = read_tokens(write_json(tmp_path / "min.json", label_studio_min()))
    assert (corpus.format, found_spans(corpus)) == ("label-studio", SPANS)
    texts = read_texts(tmp_path / "min.json")
    assert [example.labels for example in texts] == [(label,) for label in LABELS]


@pytest.mark.parametrize("format", OF_LABELS)
def test_labels_of_texts(tmp_path, format):
    path = write_export(tmp_path, OF_LABELS[format] or format)
    for several in (False, True):
        corpus = read_texts(path, several=several)
        assert [example.text for example in corpus] == TEXTS
        assert [example.labels for example in corpus] == [(label,) for label in LABELS]
        assert [example.id for example in corpus] == IDS.get(format, ["11", "12", "13", "14"])
    unlabelled = read_texts(path, TextLayout(gold=False))
    assert [example.labels for example in unlabelled] == [None] * 4


def test_pairs_are_texts_that_came_together(tmp_path):
    rows = [
        {"id": n, "text": text, "text_b": text[:9], "label": ["same" if n % 2 else "other"]}
        for n, text in enumerate(TEXTS)
    ]
    corpus = read_texts(write_lines(tmp_path / "a.jsonl", rows), TextLayout(pair=True))
    assert [e.pair for e in corpus] == [text[:9] for text in TEXTS]
    assert [e.labels for e in corpus] == [("other",), ("same",)] * 2


@pytest.mark.parametrize("format", EXPORTS)
def test_options_that_mean_nothing_there_are_refused(tmp_path, format):
    path = write_export(tmp_path, format)
    with pytest.raises(InputError, match="no scheme for exports"):
        read_tokens(path, scheme="iob2")
    with pytest.raises(DicetuneError, match="tasks ner and mrc-ner"):
        read_tokens(path, spans=False)
    with pytest.raises(DicetuneError, match="expected spans named 'x'"):
        read_tokens(path, tag_column="x")
    with pytest.raises(DicetuneError, match=r"expected one of the annotators .*got 'x'"):
        TASKS["ner"].read(path, TASKS["ner"].Options(annotator="x"))
    plain = tmp_path / "a.conll"
    plain.write_text("Quay B-SITE\nis O\n", encoding="utf-8")
    for chosen in ({"annotator": "x"}, {"offsets": "utf-16"}):
        for name in ("ner", "mrc-ner"):
            with pytest.raises(InputError, match="for exports of annotation tools"):
                TASKS[name].read(plain, TASKS[name].Options(**chosen))
    table = tmp_path / "a.csv"
    table.write_text("text,label\na,1\nb,0\n", encoding="utf-8")
    with pytest.raises(InputError, match="for exports of annotation tools"):
        TASKS["text"].read(table, TASKS["text"].Options(annotator=3))


def test_spans_are_no_labels_and_labels_no_spans(tmp_path):
    with pytest.raises(DicetuneError, match="labels of whole texts alone: task text"):
        read_tokens(write_export(tmp_path / "a", "doccano labels"))
    with pytest.raises(DicetuneError, match=r"spans alone .*: tasks ner"):
        read_texts(write_export(tmp_path / "b", "doccano"))
    with pytest.raises(DicetuneError, match="spans alone"):
        read_texts(write_export(tmp_path / "c", "brat"))


@pytest.mark.parametrize(("task", "format"), [("ner", "brat"), ("mrc-ner", "spacy")])
def test_a_run_from_export_to_prediction(tmp_path, task, format):
    """inspect, train, evaluate and predict; the predictions keep the ids and the characters."""
    path = write_export(tmp_path, format)
    report = dicetune.inspect([path], task=task, model=tiny_bert(tmp_path / "bert"))
    assert report.splits[0].labels == {"SITE": 3, "PERSON": 1}
    out = str(tmp_path / "run")
    splits = dict.fromkeys(("train", "dev", "test"), str(path))
    common = {"task": task, "model": str(tmp_path / "bert"), **splits}
    settings = {f"trainer.{name}": value for name, value in TRAINER.items()}
    dicetune.train(**common, loss="ce", out=out, settings=settings)
    assert dicetune.evaluate(out, path)["f1"] >= 0
    answers = dicetune.predict(out, path, out_format="jsonl")
    rows = [json.loads(line) for line in answers.text.splitlines()]
    assert [row["id"] for row in rows] == IDS.get(format, ["11", "12", "13", "14"])
    assert [row["text"] for row in rows] == TEXTS
