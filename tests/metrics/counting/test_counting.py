"""Counts of each kind: the score of their sum is what the metric of the task says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import (
    from_characters,
    read_entities,
    read_questions,
    read_tokens,
    to_characters,
)
from dicetune.errors import InputError
from dicetune.metrics import (
    class_scores,
    entity_scores,
    label_scores,
    label_set_scores,
    question_scores,
    segmentation_scores,
    span_scores,
)
from dicetune.metrics.counting import KINDS, counting_of
from dicetune.tasks import MultiLabelTask, PairTask
from dicetune.tasks.multilabel import MultiLabelOptions
from dicetune.tasks.text import PairOptions

LABELS = ["a", "b", "c"]
TAGS = ["O", "B-x", "I-x", "B-y", "I-y"]
PIECES = [f"{letter}-{tag}" for letter in "BIES" for tag in "NV"]


def words(labels):
    return from_characters("字" * len(labels), labels)


def entities(rows):
    return [[(own["type"], own["start"], own["end"]) for own in row] for row in rows]


# kind: (problem, what the metric of the task says of all units)
REFERENCE = {
    "spans": (
        {"labels": TAGS, "scheme": "iob2"},
        lambda gold, own: span_scores(gold, own).to_dict(),
    ),
    "words": (
        {"labels": PIECES},
        lambda gold, own: segmentation_scores(
            [words(row) for row in gold], [words(row) for row in own]
        ).to_dict(),
    ),
    "tags": ({"labels": LABELS}, lambda gold, own: label_scores(gold, own).to_dict()),
    "label": (
        {"labels": LABELS, "positive": "b"},
        lambda gold, own: class_scores(gold, own, labels=LABELS, positive="b").to_dict(),
    ),
    "label_set": (
        {"labels": LABELS},
        lambda gold, own: label_set_scores(gold, own, labels=LABELS).to_dict(),
    ),
    "answer": ({}, lambda gold, own: question_scores(gold, own).to_dict()),
    "entities": (
        {"labels": ["x", "y"]},
        lambda gold, own: entity_scores(entities(gold), entities(own)).to_dict(),
    ),
}


def one_of(values):
    return st.sampled_from(values)


def row_pairs(kind):
    """Gold and predicted of one unit."""
    if kind in ("spans", "words", "tags"):
        tag = one_of({"spans": TAGS, "words": PIECES, "tags": LABELS}[kind])
        return st.lists(st.tuples(tag, tag), min_size=kind == "words", max_size=6).map(
            lambda pairs: ([a for a, _ in pairs], [b for _, b in pairs])
        )
    if kind == "label":
        return st.tuples(one_of(LABELS), one_of(LABELS))
    if kind == "label_set":
        own = st.lists(one_of(LABELS), unique=True)
        return st.tuples(own, own)
    if kind == "answer":
        text = one_of(["", "Quay Nine", "the quay", "Nine", "quay nine."])
        return st.tuples(st.lists(text.filter(bool), max_size=2), text)
    entity = st.builds(
        lambda kind, start, more: {"type": kind, "start": start, "end": start + more},
        one_of(["x", "y"]),
        st.integers(0, 3),
        st.integers(1, 2),
    )
    return st.tuples(st.lists(entity, max_size=4), st.lists(entity, max_size=4))


def test_every_kind_is_here():
    assert REFERENCE.keys() == KINDS.keys()


def check(kind, gold, own, problem=None):
    known, reference = REFERENCE[kind]
    counting = counting_of({"kind": kind, **known, **(problem or {})}, gold, own)
    counts = counting.counts(gold, own)
    assert counts.shape == (len(gold), len(counting.columns))
    assert counts.dtype == np.float64
    sums = counts.sum(0)
    scores = reference(gold, own)
    for metric in counting.metrics:
        assert float(counting.score(sums, metric)) == pytest.approx(scores[metric], abs=1e-12), (
            metric
        )
        # many sums at once are each as alone
        both = counting.score(np.stack([sums, counts[0]]), metric)
        assert both.shape == (2,)
        assert both[0] == counting.score(sums, metric)
        assert both[1] == counting.score(counts[0], metric)
    table = scores.get("per_type") or scores.get("per_label") or {}
    shown = {row.name: row for row in counting.per_class(sums)}
    assert shown.keys() == table.keys()
    for name, row in table.items():
        for column in ("precision", "recall", "f1", "support"):
            value = row[column]
            assert getattr(shown[name], column) == pytest.approx(value, abs=1e-12)
    # counts are additive: units one by one are units together
    alone = [counting.counts([a], [b]) for a, b in zip(gold, own, strict=True)]
    assert np.array_equal(np.concatenate(alone), counts)


@pytest.mark.parametrize("kind", REFERENCE)
@given(data=st.data())
def test_the_score_of_the_sums_is_the_score_of_the_task(kind, data):
    rows = data.draw(st.lists(row_pairs(kind), min_size=1, max_size=6))
    gold, own = ([row[side] for row in rows] for side in (0, 1))
    check(kind, gold, own)


def test_iobes_and_conlleval():
    gold = [["B-x", "E-x", "S-y", "O"], ["O", "I-x", "I-x", "B-x"]]
    own = [["B-x", "I-x", "S-y", "E-y"], ["O", "B-x", "I-x", "E-x"]]
    for convention in ("strict", "conlleval"):
        problem = {"kind": "spans", "scheme": "iobes", "convention": convention}
        counting = counting_of(problem, gold, own)
        sums = counting.counts(gold, own).sum(0)
        scores = span_scores(gold, own, scheme="iobes", convention=convention).to_dict()
        for metric in counting.metrics:
            assert counting.score(sums, metric) == pytest.approx(scores[metric])


def test_chinese_answers_are_told_from_english_ones():
    gold = [["战国无双3"], ["光荣"]]
    counting = counting_of({"kind": "answer", "language": "auto"}, gold)
    assert counting.version == "cmrc2018"
    own = ["《无双3》", "光荣"]
    scores = question_scores(gold, own, language="zh")
    assert counting.score(counting.counts(gold, own).sum(0), "f1") == pytest.approx(scores.f1)
    assert counting_of({"kind": "answer", "language": "en"}, gold).version == "1.1"
    kana = counting_of({"kind": "answer"}, [["ポンプ"]])
    assert kana.version == "characters"
    assert kana.counts([["ポンプ"]], ["「ポンプ」"]).tolist() == [[1, 1, 1]]


def test_the_headline_of_the_problem_comes_first():
    problem = {"kind": "label", "labels": ["0", "1"], "positive": "1", "metric": "mcc"}
    counting = counting_of(problem)
    assert counting.metrics[0] == "mcc"
    assert "f1_other" in counting.metrics
    assert counting_of({**problem, "positive": None}).metrics == (
        "mcc",
        "macro_f1",
        "accuracy",
        "micro_f1",
    )


def test_the_other_of_two_classes():
    gold, own = ["spam", "ham", "ham"], ["spam", "spam", "ham"]
    counting = counting_of({"kind": "label", "labels": ["ham", "spam"], "positive": "spam"})
    scores = class_scores(gold, own, labels=["ham", "spam"], positive="spam")
    assert counting.score(counting.counts(gold, own).sum(0), "f1_other") == scores.f1_other


def test_classes_that_the_problem_does_not_name_are_added_behind_it():
    counting = counting_of({"kind": "label", "labels": ["b"]}, ["c", "a"], ["b", "d"])
    assert counting.classes == ("b", "a", "c", "d")
    counting = counting_of({"kind": "spans", "labels": ["O", "B-y", "I-y"]}, [["B-x"]], [["O"]])
    assert counting.classes == ("y", "x")


def test_nothing_is_nought():
    for kind, (problem, _) in REFERENCE.items():
        counting = counting_of({"kind": kind, **problem})
        counts = counting.counts([], [])
        assert counts.shape == (0, len(counting.columns))
        for metric in counting.metrics:
            assert counting.score(counts.sum(0), metric) == 0
        assert counting.per_class(counts.sum(0)) == []


@pytest.mark.parametrize(
    ("problem", "gold", "own", "message"),
    [
        ({"kind": "span"}, [], [], "unknown kind of predictions 'span': did you mean 'spans'"),
        ({"kind": "tags", "metric": "f1"}, [], [], "unknown metric 'f1'"),
        ({"kind": "spans", "scheme": "io"}, [], [], "unknown scheme to score in 'io'"),
        ({"kind": "spans", "convention": "x"}, [], [], "unknown convention 'x'"),
        ({"kind": "answer", "language": "fr"}, [], [], "unknown language of answers 'fr'"),
        ({"kind": "label", "labels": ["a"], "positive": "z"}, [], [], "one of the classes a, got"),
        ({"kind": "tags"}, [["a"]], [], "expected 1 predictions, one for each gold row, got 0"),
        ({"kind": "tags"}, [["a"]], [[]], "row 0: expected 1 predicted tags"),
        ({"kind": "spans"}, [["E-x"]], [["O"]], "expected O or a tag of the scheme iob2"),
    ],
)
def test_messages(problem, gold, own, message):
    with pytest.raises(InputError, match=message):
        counting_of(problem, gold, own).counts(gold, own)


def test_a_class_that_came_later_is_refused():
    counting = counting_of({"kind": "label", "labels": ["a", "b"]})
    with pytest.raises(InputError, match=r"expected one of the classes a, b, got 'c'"):
        counting.counts(["a"], ["c"])
    with pytest.raises(InputError, match=r"unknown metric 'f1'"):
        counting.score(np.zeros(6), "f1")


def shifted(rows, lengths=None):
    """What a bad system might say: every third row (or word) is another one's."""
    if lengths is None:
        return [rows[(n + 7) % len(rows)] if n % 3 == 0 else row for n, row in enumerate(rows)]
    flat = shifted([tag for row in rows for tag in row])
    ends = np.cumsum(lengths)
    return [flat[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def real_rows(kind, find):
    """Gold and predicted rows of a published file."""
    if kind == "answer":
        questions = list(read_questions(find("squad20/dev-v2.0.rebuilt.json")))[:600]
        gold = [[answer.text for answer in question.answers] for question in questions]
        return gold, shifted([(answers or [""])[-1] for answers in gold])
    if kind == "label":
        task, file, options = PairTask, "mrpc/msr_paraphrase_test.txt", PairOptions()
        gold = [example.labels[0] for example in task.read(find(file), options)]
    elif kind == "label_set":
        options = MultiLabelOptions(label_names=str(find("goemotions/labels.txt")))
        data = MultiLabelTask.read(find("goemotions/dev.tsv"), options)
        gold = [list(example.labels) for example in data]
    elif kind == "entities":
        data = list(read_entities(find("ncbi_disease/devel.tsv")))
        gold = [[span._asdict() for span in sentence.spans] for sentence in data]
    else:
        file, task = {
            "spans": ("wnut17/emerging.dev.conll", "ner"),
            "tags": ("ud_en_ewt/en_ewt-ud-dev.conllu", "pos"),
            "words": ("ud_zh_14/zh-ud-dev.conllu", "pos"),
        }[kind]
        corpus = read_tokens(find(file), task=task)
        corpus = to_characters(corpus) if kind == "words" else corpus
        gold = [list(sentence.tags) for sentence in corpus]
        return gold, shifted(gold, [len(row) for row in gold])
    return gold, shifted(gold)


@pytest.mark.real_data
@pytest.mark.parametrize("kind", REFERENCE)
def test_real_rows(kind, real_data):
    gold, own = real_rows(kind, real_data)
    _, reference = REFERENCE[kind]
    counting = counting_of({"kind": kind, "labels": []}, gold, own)
    sums = counting.counts(gold, own).sum(0)
    if kind == "label":
        scores = class_scores(gold, own).to_dict()
    elif kind == "label_set":
        scores = label_set_scores(gold, own).to_dict()
    else:
        scores = reference(gold, own)
    for metric in counting.metrics:
        assert float(counting.score(sums, metric)) == pytest.approx(scores[metric], abs=1e-12)
        assert 0.2 < scores[metric] < 1.0, metric
