"""What every type of prediction promises, asked of each in the same way."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import read_entities, read_questions, read_tokens, to_characters
from dicetune.errors import InputError
from dicetune.problems import PROBLEMS, ScoreRow, problem_named, problem_of, problem_shown
from dicetune.tasks import MultiLabelTask, PairTask
from dicetune.tasks.multilabel import MultiLabelOptions
from dicetune.tasks.text import PairOptions
from lattice import draw
from referees import COLUMNS, REFEREES, referee

LABELS = ["a", "b", "c"]
TAGS = ["O", "B-x", "I-x", "B-y-z", "I-y-z"]
PIECES = [f"{letter}-{tag}" for letter in "BIES" for tag in "NV"]
TUNABLE = [kind for kind, problem in PROBLEMS.items() if problem.tunable]
SETTINGS = {
    "spans": {"labels": TAGS, "scheme": "iob2"},
    "words": {"labels": PIECES},
    "tags": {"labels": LABELS},
    "label": {"labels": LABELS, "positive": "b"},
    "label_set": {"labels": LABELS},
    "answer": {"labels": ["start", "end"]},
    "entities": {"labels": ["x", "y"]},
}
SHOWN = [
    ({"logits": [[0, 1]], "gold": ["O"], "labels": ["O", "B-x"]}, "spans"),
    ({"logits": [[0, 1]], "gold": ["O"], "labels": ["O", "NN"]}, "tags"),
    ({"logits": {"a": 1, "b": 0}, "gold": "a"}, "label"),
    ({"logits": 1.5, "gold": 1}, "label"),
    ({"logits": {"a": 1, "b": 0}, "gold": []}, "label_set"),
    ({"span": "x", "null_odds": 0}, "answer"),
    ({"candidates": []}, "entities"),
]
one_of = st.sampled_from
numbers = st.floats(-50, 0)
ENTITY = st.builds(
    lambda name, start, length: {"type": name, "start": start, "end": start + length},
    one_of(["x", "y"]),
    st.integers(0, 3),
    st.integers(1, 2),
)
TEXT = one_of(["", "Quay Nine", "the quay", "Nine", "quay nine."])


def tagged(tags, least=0):
    """Two rows of tags of one length."""
    pairs = st.lists(st.tuples(one_of(tags), one_of(tags)), min_size=least, max_size=6)
    return pairs.map(lambda pairs: tuple([pair[side] for pair in pairs] for side in (0, 1)))


# gold and predicted of one unit
ROWS = {
    "spans": tagged(TAGS),
    "words": tagged(PIECES, least=1),
    "tags": tagged(LABELS),
    "label": st.tuples(one_of(LABELS), one_of(LABELS)),
    "label_set": st.tuples(*[st.lists(one_of(LABELS), unique=True)] * 2),
    "answer": st.tuples(st.lists(TEXT.filter(bool), max_size=2), TEXT),
    "entities": st.tuples(*[st.lists(ENTITY, max_size=4)] * 2),
}
every_kind = pytest.mark.parametrize("kind", PROBLEMS)
every_tunable_kind = pytest.mark.parametrize("kind", TUNABLE)


def problem_for(kind, gold=(), predicted=(), **more):
    return problem_of({"kind": kind, **SETTINGS[kind], **more}, gold, predicted)


@every_kind
def test_a_type_is_one_class_in_a_file_of_its_name(kind):
    problem = problem_named(kind)
    assert (problem.kind, problem.__module__) == (kind, f"dicetune.problems.{kind}")
    assert list(PROBLEMS.values()).count(problem) == 1
    for table in (SETTINGS, ROWS, REFEREES):
        assert kind in table
    assert [shown for _, shown in SHOWN].count(kind) >= problem.tunable


def check(problem, gold, predicted):
    """Sums of counts score as the referee and ``scores`` say, alone and several at once."""
    counts = problem.counts(gold, predicted)
    assert counts.shape == (len(gold), len(problem.columns))
    assert counts.dtype == np.float64
    sums = counts.sum(0)
    scores = problem.scores(gold, predicted)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    metrics, table = referee(problem.settings, gold, predicted)
    for metric in problem.metrics:
        value = float(problem.score(sums, metric))
        assert value == pytest.approx(metrics[metric], abs=1e-12), metric
        assert scores[metric] == value, metric
        both = problem.score(np.stack([sums, counts[0]]), metric)
        assert both.tolist() == [problem.score(sums, metric), problem.score(counts[0], metric)]
    written = scores.get("per_type", scores.get("per_label", {}))
    shown = {row.name: row for row in problem.per_class(sums)}
    assert shown.keys() == written.keys() == table.keys()
    for name, row in table.items():
        for column in COLUMNS:
            assert getattr(shown[name], column) == written[name][column]
            assert written[name][column] == pytest.approx(row[column], abs=1e-12)
    # units one by one have the counts of the units together
    alone = [problem.counts([a], [b]) for a, b in zip(gold, predicted, strict=True)]
    assert np.array_equal(np.concatenate(alone), counts)


@every_kind
@given(data=st.data())
def test_the_score_of_the_sums_is_that_of_the_scores_and_of_the_referee(kind, data):
    rows = data.draw(st.lists(ROWS[kind], min_size=1, max_size=6))
    gold, predicted = ([row[side] for row in rows] for side in (0, 1))
    check(problem_for(kind, gold, predicted), gold, predicted)


@every_kind
def test_nothing_scores_0_and_has_no_table(kind):
    problem = problem_for(kind)
    counts = problem.counts([], [])
    assert counts.shape == (0, len(problem.columns))
    assert all(problem.score(counts.sum(0), metric) == 0 for metric in problem.metrics)
    assert problem.per_class(counts.sum(0)) == []


@every_kind
def test_each_metric_has_words_and_may_be_the_headline(kind):
    for metric in problem_for(kind).metrics:
        problem = problem_for(kind, metric=metric)
        assert problem.metrics[0] == metric
        assert sorted(problem.metrics) == sorted(problem_for(kind).metrics)
        assert "_" not in problem.metric_title(metric)


@every_kind
def test_other_numbers_of_units_and_other_metrics_are_refused(kind):
    problem = problem_for(kind)
    one, several = problem.unit
    with pytest.raises(InputError, match=f"1 predicted {several}, one for each gold {one}, got 0"):
        problem.counts([["a"]], [])
    with pytest.raises(InputError, match="unknown metric 'f3'"):
        problem.score(np.zeros(len(problem.columns)), "f3")
    with pytest.raises(InputError, match="unknown metric 'f3'"):
        problem_for(kind, metric="f3")


@every_kind
def test_the_operating_point_is_recall_and_precision_or_accuracy_twice(kind):
    problem = problem_for(kind)
    sums = np.arange(1.0, len(problem.columns) + 1)
    if kind == "answer":
        with pytest.raises(InputError, match="no precision and recall"):
            problem.operating_point(sums)
        return
    names = ("accuracy",) * 2 if "recall" not in problem.metrics else ("recall", "precision")
    assert problem.operating_point(sums) == tuple(problem.score(sums, name) for name in names)


# decision rules


@every_tunable_kind
@pytest.mark.parametrize("seed", range(4))
def test_moved_scores_are_decided_by_default_as_the_rule_decides(kind, seed):
    known, gold, scores, extras = draw(kind, seed)
    problem = problem_of(known)
    decisions = problem.decisions(gold, scores, extras)
    biases = {name: 3.25 * (-1) ** (seed + place) for place, name in enumerate(decisions.names)}
    before = [table.copy() for table in scores]
    moved = problem.move(scores, biases, problem.labels)
    again = problem.decisions(gold, moved, extras)
    assert again.predicted({}) == decisions.predicted(biases) != decisions.predicted({})
    assert np.array_equal(again.counts({}), decisions.counts(biases))
    for table, old, new in zip(scores, before, moved, strict=True):
        assert np.array_equal(table, old), "the scores themselves stay as they are"
        assert (new.dtype, new.shape) == (np.float64, table.shape)


@every_kind
def test_no_bias_moves_nothing(kind):
    scores = [np.array([[0.5, -1.5, 0.25, -1.0, 2.0, -3.0]])]
    labels = ["a", "b", "c", "d", "e", "f"]
    for biases in ({}, dict.fromkeys(("a", "null", "start"), 0.0)):
        (moved,) = PROBLEMS[kind].move(scores, biases, labels)
        assert np.array_equal(moved, scores[0])


@every_kind
def test_a_rule_shrinks_from_itself_to_the_default(kind):
    rule, shrink = {"a": 2.0, "b": -0.5}, PROBLEMS[kind].shrink
    assert shrink(rule, 1.0) == rule
    assert shrink(rule, 0.5) == {"a": 1.0, "b": -0.25}
    assert repr(shrink(rule, 0.0)) == "{'a': 0.0, 'b': 0.0}", "no -0.0"


@every_kind
def test_scores_that_do_not_fit_the_gold_are_refused(kind):
    gold = {"label": "a", "answer": ["a"], "entities": []}.get(kind, ["a"])
    problem = problem_for(kind)
    columns = problem.score_shape(gold)[1]
    good = np.zeros((1, columns))
    for golds, scores, message in (
        ([], [], "expected at least one unit with gold to fit a decision on, got none"),
        ([gold], [], "expected the scores of 1 units, got 0"),
        ([gold, None], [good, good], "expected gold for each unit, got none for unit 1"),
        ([gold], [np.zeros((1, columns + 1))], rf"unit 0: .* shape \(.*, {columns}\), got \(1, "),
        ([gold], [np.zeros(columns)], r"unit 0: expected scores of the shape"),
        ([gold, gold], [good, good + np.inf], "unit 1: .* NaN or infinity: .* has diverged"),
        ([gold], [good * np.nan], "unit 0: expected scores that are numbers"),
    ):
        with pytest.raises(InputError, match=message):
            problem.decisions(golds, scores)


@pytest.mark.parametrize(
    ("settings", "gold", "reason"),
    [
        ({"kind": "spans", "labels": ["B-x", "I-x"], "background": "O"}, [["B-x"]], "no backgr"),
        ({"kind": "words", "labels": PIECES}, [["S-N"]], "Every character is in exactly one word"),
        ({"kind": "answer"}, [["a"], []], "The model answers every question"),
        ({"kind": "answer", "null": True}, [["a"]], "All questions are answerable"),
        ({"kind": "answer", "null": True}, [["a"], []], None),
        ({"kind": "spans", "labels": TAGS, "background": "O"}, [["O"]], None),
        *(({"kind": kind, **SETTINGS[kind]}, [], None) for kind in ("tags", "label", "label_set")),
        ({"kind": "entities"}, [[]], None),
    ],
)
def test_why_no_rule_can_be_fitted(settings, gold, reason):
    found = problem_of(settings).why_fixed(gold)
    assert (found or "").startswith(reason or "") or reason in found
    assert (found is None) == (reason is None)


# score rows


@st.composite
def units_with_scores(draw, kind):
    """Gold of one unit and its scores, as a model may give them."""
    size = len(SETTINGS[kind]["labels"])
    if kind == "answer":
        return [], np.array([[draw(st.floats(-1e6, 1e6)), 0.0, 0.0, -1.0, -1.0]])
    if kind == "entities":
        logits = [st.floats(-1e6, 1e6)] * 3
        row = st.tuples(st.integers(0, size - 1), st.integers(0, 9), st.integers(10, 12), *logits)
        return [], np.array(draw(st.lists(row, max_size=4)), dtype=np.float64).reshape(-1, 6)
    gold, _ = draw(ROWS[kind])
    units = len(gold) if kind in ("spans", "tags") else 1
    ends = one_of([-np.inf, 0.0])
    row = st.lists(numbers | ends, min_size=size, max_size=size)
    row = row.filter(lambda row: kind == "label_set" or max(row) > -np.inf)
    table = draw(st.lists(row, min_size=units, max_size=units))
    return gold, np.array(table, dtype=np.float64).reshape(units, size)


@every_tunable_kind
@given(data=st.data())
def test_scores_that_are_written_are_read_as_they_were(kind, data):
    gold, scores = data.draw(units_with_scores(kind))
    problem = problem_for(kind)
    row = {"gold": gold, "span": "x", "score": 1.0} if kind == "answer" else {"gold": gold}
    written = json.loads(json.dumps({**row, **problem.write_scores(scores)}))
    assert problem_shown(ScoreRow(written)) is type(problem)
    assert np.array_equal(problem.read_scores(ScoreRow(written)), scores)


@pytest.mark.parametrize(("row", "kind"), SHOWN)
def test_a_row_shows_its_type(row, kind):
    assert problem_shown(ScoreRow(row)) is PROBLEMS[kind]


def test_the_null_score_is_that_of_the_likeliest_window():
    windows = np.array([[1, 2, 0, -1, -1], [9, 9, 0, 0, 1], [0, 1, 1, -1, -1]], dtype=float)
    assert problem_for("answer").write_scores(windows) == {"null_score": 1.0}


# what is refused, and what classes there are


@pytest.mark.parametrize(
    ("settings", "gold", "predicted", "message"),
    [
        ({"kind": "span"}, [], [], "unknown kind of predictions 'span': did you mean 'spans'"),
        ({"kind": "tags", "metric": "f1"}, [], [], "unknown metric 'f1'"),
        ({"kind": "spans", "scheme": "iob1"}, [], [], "scheme to score in 'iob1': did you mean"),
        ({"kind": "spans", "convention": "lenient"}, [], [], "unknown convention 'lenient'"),
        ({"kind": "answer", "language": "fr"}, [], [], "unknown language of answers 'fr'"),
        ({"kind": "label", "labels": ["a"], "positive": "z"}, [], [], "one of the classes a, got"),
        ({"kind": "tags"}, [["a"], ["a"]], [["a"], ["a", "a"]],
         "sentence 1: expected 1 predicted tags, one for each gold tag, got 2"),
        ({"kind": "spans"}, [["O"]], [["O", "O"]], "sentence 0: expected 1 predicted tags"),
        ({"kind": "spans"}, [["NOUN"]], [["O"]], r"gold sentence 0: expected O .* got 'NOUN'"),
        ({"kind": "spans"}, [["B-"]], [["O"]], r"gold sentence 0: expected O .* got 'B-'"),
        ({"kind": "spans"}, [["O"]], [["E-x"]],
         r"predicted sentence 0: expected O or a tag of the scheme iob2 \(B-, I- and a type\)"),
        ({"kind": "words"}, [["x-N"]], [["B-N"]], "a tag of the scheme iobes"),
    ],
)  # fmt: skip
def test_messages(settings, gold, predicted, message):
    with pytest.raises(InputError, match=message):
        problem_of(settings, gold, predicted).counts(gold, predicted)


def test_a_class_that_came_later_is_refused():
    problem = problem_of({"kind": "label", "labels": list("abcdefghi")})
    with pytest.raises(InputError, match=r"expected one of the classes a, b, .*, h, …, got 'j'"):
        problem.counts(["a"], ["j"])
    assert problem.seeing(["a"], ["j"]).counts(["a"], ["j"]).sum() == 2


def test_classes_that_the_settings_do_not_name_are_added_behind_theirs():
    problem = problem_of({"kind": "label", "labels": ["b"]}, ["c", "a"], ["b", "d"])
    assert problem.classes == ("b", "a", "c", "d")
    problem = problem_of({"kind": "spans", "labels": ["O", "B-y", "I-y"]}, [["B-x"]], [["O"]])
    assert problem.classes == ("y", "x")


# published files


def shifted(rows, lengths=None):
    """What a bad system might say: every third row (or word) is that of another row."""
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
        file, spells_spans = {
            "spans": ("wnut17/emerging.dev.conll", True),
            "tags": ("ud_en_ewt/en_ewt-ud-dev.conllu", False),
            "words": ("ud_zh_14/zh-ud-dev.conllu", False),
        }[kind]
        corpus = read_tokens(find(file), spans=spells_spans)
        corpus = to_characters(corpus) if kind == "words" else corpus
        gold = [list(sentence.tags) for sentence in corpus]
        return gold, shifted(gold, [len(row) for row in gold])
    return gold, shifted(gold)


@pytest.mark.real_data
@every_kind
def test_real_rows(kind, real_data):
    gold, predicted = real_rows(kind, real_data)
    problem = problem_of({"kind": kind, "labels": []}, gold, predicted)
    check(problem, gold, predicted)
    sums = problem.counts(gold, predicted).sum(0)
    assert all(0.2 < problem.score(sums, metric) < 1.0 for metric in problem.metrics)
